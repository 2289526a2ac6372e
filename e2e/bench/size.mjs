/**
 * What each file of the app weighs, plain, by gzip and by brotli, and the share of the SIP parser: the
 * difference between two modules, with and without it (shared/sip/benches/size). Fails above a budget.
 */

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const BUDGET = 250_000;
const AIM = 150_000;
const PARSERS_BUDGET = 20_000;

const [folder, floor, parser] = process.argv.slice(2);
const brotli = (bytes) => brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
const rows = files.map((entry) => {
  const file = path.join(entry.parentPath, entry.name);
  const bytes = readFileSync(file);
  return [path.relative(folder, file), bytes.length, gzipSync(bytes, { level: 9 }).length, brotli(bytes).length];
});
rows.sort((a, b) => b[3] - a[3]);
const sum = [1, 2, 3].map((column) => rows.reduce((total, row) => total + row[column], 0));

const line = (name, ...numbers) => console.log(name.padEnd(44), ...numbers.map((number) => String(number).padStart(9)));
line('bytes', 'plain', 'gzip', 'brotli');
for (const row of rows) line(...row);
line('all', ...sum);
const verdict = sum[2] <= AIM ? 'within the aim' : sum[2] <= BUDGET ? 'within the budget' : 'TOO MUCH';
console.log(`${verdict}: ${sum[2]} of ${BUDGET} bytes by brotli, aim ${AIM}`);

const [without, withParser] = [floor, parser].map((file) => brotli(readFileSync(file)).length);
const share = withParser - without;
const fits = share <= PARSERS_BUDGET ? 'within the budget' : 'TOO MUCH';
console.log(`${fits}: the parser has ${share} of at most ${PARSERS_BUDGET} bytes (${withParser} with it, ${without} without)`);
process.exitCode = sum[2] <= BUDGET && share <= PARSERS_BUDGET ? 0 : 1;
