/** The real program, on a free port and with its own data. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from './ports.ts';
import { Program } from './program.ts';

const PROGRAM = process.env.E2E_GATEWAY ?? '../target/debug/sidetone';

export type Configured = {
  /** Variables, such as `SIDETONE_SWITCH_NO_ANSWER`. */
  settings?: Record<string, string>;
  /** What stands in its configuration; the demo people if nothing does. */
  config?: string;
  /** What starts it, if not the machine itself. */
  shell?: string[];
};

/** What one of its other commands prints when this is typed. */
export const ask = (args: string[], typed: string): string =>
  execFileSync(PROGRAM, args, { input: `${typed}\n`, encoding: 'utf8' }).trim();

export class Gateway {
  private constructor(
    /** Where it serves, without a slash at the end. */
    readonly url: string,
    private program: Program,
    private readonly run: () => Program,
    private readonly data: string,
  ) {}

  /** Starts it; ready when it has said where. */
  static async start({ settings = {}, config, shell = [] }: Configured = {}): Promise<Gateway> {
    const data = await mkdtemp(path.join(tmpdir(), 'sidetone-'));
    const people = ['--demo'];
    if (config !== undefined) {
      const file = path.join(data, 'sidetone.toml');
      await writeFile(file, config);
      people.splice(0, 1, '--config', file);
    }
    // Several of them run at once.
    const env = { ...process.env, SIDETONE_MEDIA_LISTEN: '0.0.0.0:0', ...settings };
    const listen = `127.0.0.1:${await freePort()}`;
    const run = () => {
      const [command, ...args] = [...shell, PROGRAM, 'serve', ...people, '--listen', listen, '--data', data];
      return Program.start(command, args, { env });
    };
    const program = run();
    return new Gateway(await Gateway.address(program), program, run, data);
  }

  private static async address(program: Program): Promise<string> {
    return (await program.says(/https?:\/\/[\w.[\]:-]+:\d+/))[0];
  }

  /** All it has said since it was started last. */
  log(): string {
    return this.program.log();
  }

  /** Whether it still runs. */
  get alive(): boolean {
    return this.program.alive;
  }

  /** Ends it without a word. */
  async kill(): Promise<void> {
    await this.program.stop('SIGKILL');
  }

  /** Starts it anew, where and with what it was. */
  async restart(): Promise<void> {
    this.program = this.run();
    await Gateway.address(this.program);
  }

  async stop(): Promise<void> {
    await this.program.stop();
    await rm(this.data, { recursive: true, force: true });
  }
}
