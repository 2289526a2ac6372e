/** A real SIP phone that gives back what it hears, configured by `pbx/baresip`. */

import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, soundPorts } from './ports.ts';
import { Program } from './program.ts';
import { fill } from './template.ts';

/** The program, if there is one. */
export const BARESIP = process.env.E2E_BARESIP;

export class Baresip {
  private constructor(
    private readonly program: Program,
    private readonly control: number,
    private readonly pbx: number,
    private readonly home: string,
  ) {}

  /** Starts it; it registers at the PBX at this port, and answers all calls. */
  static async start(account: string, password: string, pbx: number): Promise<Baresip> {
    const home = await mkdtemp(path.join(tmpdir(), 'sidetone-baresip-'));
    const { first, last } = soundPorts(2);
    // It takes the next port for TLS.
    const [sip, control] = [await freePort(2), await freePort()];
    const modules = path.join(path.dirname(BARESIP!), '../lib/baresip/modules');
    const values = { home, modules, account, password, pbx, sip, control, firstSoundPort: first, lastSoundPort: last };
    await fill('baresip', home, values);
    const program = Program.start(BARESIP!, ['-f', home]);
    return new Baresip(program, control, pbx, home);
  }

  log(): string {
    return this.program.log();
  }

  /** Calls a number. */
  async dial(number: string): Promise<void> {
    await this.command('dial', `sip:${number}@127.0.0.1:${this.pbx}`);
  }

  async hangUp(): Promise<void> {
    await this.command('hangup');
  }

  private async command(command: string, params = ''): Promise<void> {
    const socket = net.connect(this.control, '127.0.0.1');
    await once(socket, 'connect');
    const text = JSON.stringify({ command, params, token: command });
    socket.write(`${text.length}:${text},`);
    // It also tells what else happens.
    let said = '';
    while (!said.includes('"response":true')) {
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      said += bytes.toString();
    }
    socket.destroy();
    if (!said.includes('"ok":true')) throw new Error(`baresip refuses ${text}: ${said}`);
  }

  async stop(): Promise<void> {
    await this.program.stop();
    await rm(this.home, { recursive: true, force: true });
  }
}
