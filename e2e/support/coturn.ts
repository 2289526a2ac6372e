/** A real TURN server that shares a secret with the gateway. */

import { mkdtemp, rm } from 'node:fs/promises';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { freePort, takesConnections } from './ports.ts';
import { Program } from './program.ts';

/** The program, if there is one. */
export const COTURN = process.env.E2E_COTURN;
/** Browsers gather no candidates of the loopback. */
const ADDRESS = Object.values(networkInterfaces())
  .flat()
  .find((own) => own && !own.internal && own.family === 'IPv4')?.address;
const SECRET = 'known to both';

/** Why there can be none. */
export function withoutCoturn(): string | undefined {
  if (!COTURN) return 'coturn is missing';
  return ADDRESS ? undefined : 'this machine has no address but the loopback';
}

export class Coturn {
  private constructor(
    private readonly port: number,
    private readonly program: Program,
    private readonly home: string,
  ) {}

  /** Starts it; ready when it takes connections. */
  static async start(): Promise<Coturn> {
    const home = await mkdtemp(path.join(tmpdir(), 'sidetone-coturn-'));
    const port = await freePort();
    const program = Program.start(COTURN!, [
      ...['-n', '--no-tls', '--no-dtls', '--no-cli', '--log-file=stdout', '--simple-log', '--verbose'],
      ...[`--listening-ip=${ADDRESS}`, `--relay-ip=${ADDRESS}`, `--listening-port=${port}`],
      ...['--realm=sidetone.test', '--use-auth-secret', `--static-auth-secret=${SECRET}`],
      ...[`--userdb=${path.join(home, 'users')}`, `--pidfile=${path.join(home, 'pid')}`],
    ]);
    const coturn = new Coturn(port, program, home);
    while (!(await takesConnections(port, ADDRESS!))) {
      if (!program.alive) throw new Error(`coturn ended:\n${program.log()}`);
    }
    return coturn;
  }

  /** How a gateway is told of it. */
  configuration(transport: 'udp' | 'tcp'): string {
    return `
[[ice_server]]
urls = ["turn:${ADDRESS}:${this.port}?transport=${transport}"]
secret = "${SECRET}"
`;
  }

  log(): string {
    return this.program.log();
  }

  async stop(): Promise<void> {
    await this.program.stop('SIGKILL');
    await rm(this.home, { recursive: true, force: true });
  }
}
