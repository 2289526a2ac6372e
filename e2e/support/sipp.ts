/** SIPp as a PBX that behaves badly: the scenarios of `pbx/sipp`. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, soundPorts } from './ports.ts';
import { Program } from './program.ts';
import { filled } from './template.ts';

/** The program, if there is one. */
export const SIPP = process.env.E2E_SIPP;

const SCENARIOS = 'pbx/sipp';
/** These send several messages in a row, and the first may be answered before the last is sent. */
const IN_A_ROW = ['repeated-invite'];

export class Sipp {
  private readonly programs: Program[] = [];

  private constructor(
    readonly port: number,
    private readonly home: string,
  ) {}

  static async create(): Promise<Sipp> {
    return new Sipp(await freePort(), await mkdtemp(path.join(tmpdir(), 'sidetone-sipp-')));
  }

  /** Takes a phone's registration, then plays a scenario in which it is called. */
  async answer(scenario: string): Promise<Program> {
    return this.play(scenario, 2);
  }

  /** Takes a registration; answers where the phone is, once it has registered. */
  async register(): Promise<() => Promise<string>> {
    const log = path.join(this.home, 'registration.log');
    const program = await this.play('registration', 1, ['-trace_logs', '-log_file', log]);
    return async () => {
      await succeed(program);
      return /contact (sip:\S+)/.exec(await readFile(log, 'utf8'))![1];
    };
  }

  /** Plays a scenario in which it calls. */
  async call(scenario: string, target: string): Promise<Program> {
    const args = IN_A_ROW.includes(scenario) ? ['-default_behaviors', 'all,-abortunexp'] : [];
    return this.play(scenario, 1, args, { target }, /@([^;>]*)/.exec(target)![1]);
  }

  private async play(
    scenario: string,
    calls: number,
    args: string[] = [],
    values: Record<string, string> = {},
    peer = '127.0.0.1',
  ): Promise<Program> {
    const file = path.join(this.home, `${scenario}.xml`);
    const text = await readFile(path.join(SCENARIOS, `${scenario}.xml`), 'utf8');
    await writeFile(file, assemble(scenario, text, await parts(), { ...values, rtp: soundPorts(3).first }));
    const program = Program.start(SIPP!, [
      ...['-sf', file, '-i', '127.0.0.1', '-p', `${this.port}`, '-m', `${calls}`, '-nostdin'],
      ...['-trace_err', '-error_file', path.join(this.home, `${scenario}.err`)],
      ...['-timeout', '20', '-timeout_error', '-cid_str', '%u-%p@sipp', ...args],
      peer,
    ]);
    this.programs.push(program);
    return program;
  }

  /** What SIPp complains of. */
  async errors(): Promise<string> {
    const files = (await readdir(this.home)).filter((name) => name.endsWith('.err'));
    return (await Promise.all(files.map((name) => readFile(path.join(this.home, name), 'utf8')))).join('\n');
  }

  async stop(): Promise<void> {
    for (const program of this.programs) await program.stop('SIGKILL');
    await rm(this.home, { recursive: true, force: true });
  }
}

/** Waits until a scenario has been played to its end, as it is written. */
export async function succeed(program: Program): Promise<void> {
  const code = await program.end();
  if (code !== 0) throw new Error(`SIPp ended with ${code}:\n${program.log()}`);
}

/** What the scenarios have in common, by name. */
async function parts(): Promise<Record<string, string>> {
  const folder = path.join(SCENARIOS, 'parts');
  const names = await readdir(folder);
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')));
  return Object.fromEntries(names.map((name, at) => [path.basename(name, '.xml'), texts[at].trimEnd()]));
}

/** Parts consist of parts. */
function assemble(name: string, text: string, parts: Record<string, string>, values: Record<string, string | number>) {
  let whole = text;
  while (whole.includes('{{')) whole = filled(name, whole, { ...parts, ...values });
  return whole;
}
