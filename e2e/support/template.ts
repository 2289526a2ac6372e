/** Configurations of other people's programs. */

import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

/** Copies the files of a folder below `pbx` to `to`, with the values in the place of `{{names}}`. */
export async function fill(folder: string, to: string, values: Record<string, string | number>): Promise<void> {
  const from = path.join('pbx', folder);
  for (const name of await readdir(from)) {
    const text = await readFile(path.join(from, name), 'utf8');
    await writeFile(path.join(to, name), filled(name, text, values));
  }
}

/** A text with the values in the place of `{{names}}`. */
export function filled(name: string, text: string, values: Record<string, string | number>): string {
  return text.replaceAll(/\{\{(\w+)\}\}/g, (_, key: string) => {
    if (!(key in values)) throw new Error(`${name} names ${key}, which has no value`);
    return String(values[key]);
  });
}
