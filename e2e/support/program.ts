/** A program that runs beside the tests: listened to, and stopped whatever happens. */

import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const running = new Set<Program>();
process.once('exit', () => running.forEach((program) => program.signal('SIGKILL')));

export class Program {
  private readonly lines: string[] = [];
  private readonly listeners = new Set<() => void>();

  private constructor(
    private readonly name: string,
    private readonly child: ChildProcess,
  ) {}

  static start(command: string, args: string[], options: SpawnOptions = {}): Program {
    // In a group of its own: some fork, and all of them must end.
    const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const program = new Program(command, child);
    running.add(program);
    for (const stream of [child.stdout!, child.stderr!]) {
      createInterface(stream).on('line', (line) => {
        program.lines.push(line);
        program.listeners.forEach((listen) => listen());
      });
    }
    const ended = (why: string) => {
      program.lines.push(why);
      running.delete(program);
      program.listeners.forEach((listen) => listen());
    };
    child.once('error', (error) => ended(String(error)));
    child.once('exit', (code, signal) => ended(`(ended with ${code ?? signal})`));
    return program;
  }

  /** All it has said. */
  log(): string {
    return this.lines.join('\n');
  }

  get alive(): boolean {
    return this.child.pid !== undefined && this.child.exitCode === null && this.child.signalCode === null;
  }

  /** What `pattern` found in a line, once there is one; fails if the program ends before. */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let read = 0;
    return new Promise((found, failed) => {
      const listen = () => {
        for (; read < this.lines.length; read += 1) {
          const match = pattern.exec(this.lines[read]);
          if (match) {
            this.listeners.delete(listen);
            return found(match);
          }
        }
        if (!running.has(this)) {
          this.listeners.delete(listen);
          failed(new Error(`${this.name} never said ${pattern}:\n${this.log()}`));
        }
      };
      this.listeners.add(listen);
      listen();
    });
  }

  signal(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.child.pid!, signal);
    } catch {
      // It has just ended by itself.
    }
  }

  /** Its exit code, once it has ended by itself. */
  async end(): Promise<number | null> {
    if (this.alive) await once(this.child, 'exit');
    return this.child.exitCode;
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (!this.alive) return;
    const ended = once(this.child, 'exit');
    this.signal(signal);
    await ended;
  }
}
