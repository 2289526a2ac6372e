/** A real Asterisk on free ports, configured by `pbx/asterisk`. */

import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort, soundPorts } from './ports.ts';
import { Program } from './program.ts';
import { fill } from './template.ts';
import { tone } from './wav.ts';

const run = promisify(execFile);

/** The folder that its own `usr` and `lib` lie in, if there is one. */
export const ASTERISK = process.env.E2E_ASTERISK;
/** In Hz. */
export const MUSIC = 620;

export type Ports = { sip: number; sips: number; http: number; https: number };

/** What starts a program of `root` with the libraries of `root`. */
function loaded(root: string): string[] {
  const loader = ['lib64/ld-linux-x86-64.so.2', 'lib/ld-linux-aarch64.so.1']
    .map((name) => path.join(root, name))
    .find((name) => existsSync(name));
  if (!loader) throw new Error(`${root} has no loader`);
  return [loader, '--library-path', libraries(root), path.join(root, 'usr/sbin/asterisk')];
}

function libraries(root: string): string {
  const all = path.join(root, 'usr/lib');
  const own = readdirSync(all).find((name) => existsSync(path.join(all, name, 'asterisk/modules')));
  if (!own) throw new Error(`${root} has no modules of Asterisk`);
  return path.join(all, own);
}

export class Asterisk {
  private program!: Program;

  private constructor(
    private readonly command: string[],
    private readonly home: string,
    readonly ports: Ports,
  ) {}

  static async start(): Promise<Asterisk> {
    const root = ASTERISK!;
    const home = await mkdtemp(path.join(tmpdir(), 'sidetone-asterisk-'));
    for (const folder of ['etc', 'lib/keys', 'spool', 'music', 'sounds/en']) {
      await mkdir(path.join(home, folder), { recursive: true });
    }
    await symlink(path.join(root, 'usr/share/asterisk/documentation'), path.join(home, 'documentation'));
    const [sip, sips, http, https] = [await freePort(), await freePort(), await freePort(), await freePort()];
    const { first, last } = soundPorts(0);
    const ports = { sip, sips, http, https };
    const modules = path.join(libraries(root), 'asterisk/modules');
    const values = { root, home, modules, firstSoundPort: first, lastSoundPort: last, ...ports };
    await fill('asterisk', path.join(home, 'etc'), values);
    await writeFile(path.join(home, 'music/tone.wav'), tone(MUSIC, 10));
    await writeFile(path.join(home, 'sounds/en/beep.wav'), tone(1000, 0.2));
    await certify(home);
    const asterisk = new Asterisk([...loaded(root), '-C', path.join(home, 'etc/asterisk.conf')], home, ports);
    await asterisk.run();
    return asterisk;
  }

  /** Starts it, or starts it again; ready when it answers calls. */
  async run(): Promise<void> {
    const [command, ...args] = this.command;
    this.program = Program.start(command, [...args, '-f', '-n']);
    await this.program.says(/Asterisk Ready/);
  }

  /** Its certificate, which it has signed itself. */
  get certificate(): string {
    return path.join(this.home, 'cert.pem');
  }

  log(): string {
    return this.program.log();
  }

  /** Answers what is typed at its console. */
  async cli(line: string): Promise<string> {
    const [command, ...args] = this.command;
    return (await run(command, [...args, '-n', '-rx', line])).stdout;
  }

  /** How many legs of calls there are. */
  async channels(): Promise<number> {
    const said = await this.cli('core show channels count');
    return Number(/(\d+) active channel/.exec(said)![1]);
  }

  /** Ends it without a word to anybody. */
  async kill(): Promise<void> {
    await this.program.stop('SIGKILL');
  }

  /** Hears and says nothing until it is woken. */
  freeze(): void {
    this.program.signal('SIGSTOP');
  }

  wake(): void {
    this.program.signal('SIGCONT');
  }

  /** Loses what it knew of registrations, as far as it had written that down. */
  async forget(): Promise<void> {
    await rm(path.join(this.home, 'lib/astdb.sqlite3'), { force: true });
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.home, { recursive: true, force: true });
  }
}

async function certify(home: string): Promise<void> {
  await run(process.env.E2E_OPENSSL ?? 'openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'],
    ...['-keyout', path.join(home, 'key.pem'), '-out', path.join(home, 'cert.pem')],
  ]);
}
