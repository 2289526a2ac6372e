/** A real Kamailio: an outbound proxy before the PBX, or a telephone company. */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, takesConnections } from './ports.ts';
import { Program } from './program.ts';
import { fill } from './template.ts';

/** The program, if there is one. */
export const KAMAILIO = process.env.E2E_KAMAILIO;

export class Kamailio {
  private constructor(
    readonly port: number,
    private readonly program: Program,
    private readonly home: string,
  ) {}

  /** An outbound proxy before the PBX at this port. */
  static before(pbx: number): Promise<Kamailio> {
    return Kamailio.start('kamailio', { pbx });
  }

  /** `provider.example`, of which whoever knows the password `secret-…` of a user is a customer. */
  static provider(): Promise<Kamailio> {
    return Kamailio.start('provider', {});
  }

  /** As this folder says; ready when it takes connections. */
  private static async start(folder: string, values: Record<string, number>): Promise<Kamailio> {
    const home = await mkdtemp(path.join(tmpdir(), 'sidetone-kamailio-'));
    const port = await freePort();
    await fill(folder, home, { ...values, port });
    const file = path.join(home, 'proxy.cfg');
    const program = Program.start(KAMAILIO!, ['-DD', '-E', '-m', '32', '-Y', home, '-f', file]);
    const kamailio = new Kamailio(port, program, home);
    while (!(await takesConnections(port))) {
      if (!program.alive) throw new Error(`Kamailio ended:\n${program.log()}`);
    }
    return kamailio;
  }

  log(): string {
    return this.program.log();
  }

  async stop(): Promise<void> {
    await this.program.stop('SIGKILL');
    await rm(this.home, { recursive: true, force: true });
  }
}
