/** The real program, on a free port and with its own data. */

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const PROGRAM = process.env.E2E_GATEWAY ?? '../target/debug/sidetone';

export class Gateway {
  private constructor(
    /** Where it serves, without a slash at the end. */
    readonly url: string,
    private readonly process: ChildProcess,
    private readonly data: string,
    private readonly lines: string[],
  ) {}

  /** Starts it with the demo people and these settings; ready when it has said where. */
  static async start(settings: Record<string, string> = {}): Promise<Gateway> {
    const data = await mkdtemp(path.join(tmpdir(), 'sidetone-'));
    const child = spawn(PROGRAM, ['serve', '--demo', '--listen', '127.0.0.1:0', '--data', data], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // Several of them run at once.
      env: { ...process.env, SIDETONE_MEDIA_LISTEN: '0.0.0.0:0', ...settings },
    });
    const lines: string[] = [];
    const url = await new Promise<string>((found, failed) => {
      for (const stream of [child.stdout, child.stderr]) {
        createInterface(stream).on('line', (line) => {
          lines.push(line);
          const address = /https?:\/\/[\w.[\]:-]+:\d+/.exec(line);
          if (address) found(address[0]);
        });
      }
      child.once('error', failed);
      child.once('exit', (code) => failed(new Error(`The gateway ended with ${code}:\n${lines.join('\n')}`)));
    });
    return new Gateway(url, child, data, lines);
  }

  /** All it has said. */
  log(): string {
    return this.lines.join('\n');
  }

  /** Whether it still runs. */
  get alive(): boolean {
    return this.process.exitCode === null && this.process.signalCode === null;
  }

  async stop(): Promise<void> {
    if (this.alive) {
      const ended = once(this.process, 'exit');
      this.process.kill('SIGTERM');
      await ended;
    }
    await rm(this.data, { recursive: true, force: true });
  }
}
