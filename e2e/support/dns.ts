/** A real name server, and a network in which programs ask it and no other. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Program } from './program.ts';

/** The program, if there is one. */
export const DNSMASQ = process.env.E2E_DNSMASQ;

/** Why there can be none. */
export function withoutDns(): string | undefined {
  if (!DNSMASQ) return 'dnsmasq is missing';
  // The port of name servers, and a resolv.conf of one's own.
  if (process.getuid?.() !== 0) return 'only root can be a name server';
  return undefined;
}

/** A line of dnsmasq's: `host-record=a.example,127.0.0.1`. */
export type DnsRecord = `${'host-record' | 'srv-host' | 'naptr-record'}=${string}`;

export class Dns {
  private program: Program | undefined;
  private place = 0;

  private constructor(private readonly home: string) {}

  /** Starts one that knows these, for a second at a time. */
  static async start(records: DnsRecord[]): Promise<Dns> {
    const dns = new Dns(await mkdtemp(path.join(tmpdir(), 'sidetone-dns-')));
    await dns.run(records);
    return dns;
  }

  private get address(): string {
    const worker = Number(process.env.TEST_PARALLEL_INDEX ?? 0);
    return `127.53.${this.place}.${worker + 1}`;
  }

  private get resolvers(): string {
    return path.join(this.home, 'resolv.conf');
  }

  /** What starts a program so that it asks here. */
  get shell(): string[] {
    const own = 'mount --bind "$0" /etc/resolv.conf && exec "$@"';
    return ['unshare', '--mount', 'sh', '-c', own, this.resolvers];
  }

  /** Starts it again, with these. */
  async run(records: DnsRecord[]): Promise<void> {
    await writeFile(this.resolvers, `nameserver ${this.address}\n`);
    const file = path.join(this.home, 'dnsmasq.conf');
    const lines = ['no-resolv', 'no-hosts', 'local=/example/', 'local-ttl=1', 'bind-interfaces', 'user=root'];
    lines.push(`listen-address=${this.address}`, 'port=53', 'pid-file', 'log-facility=-', ...records);
    await writeFile(file, lines.join('\n'));
    this.program = Program.start(DNSMASQ!, ['--keep-in-foreground', `--conf-file=${file}`]);
    await this.program.says(/started, version/);
  }

  /** It will be at another address, which machines are told. */
  move(): void {
    this.place += 1;
  }

  /** It is asked, and says nothing. */
  silence(): void {
    this.program!.signal('SIGSTOP');
  }

  /** Nobody is there to be asked. */
  async kill(): Promise<void> {
    await this.program!.stop('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.home, { recursive: true, force: true });
  }
}
