/** A PBX that does nothing but register phones, and wants a new proof of the password each time. */

import { createHash, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const REALM = 'pbx';
const KEPT = ['Via', 'From', 'Call-ID', 'CSeq'];

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

export class Registrar {
  /** The contacts that are registered. */
  readonly contacts = new Set<string>();
  /** Each REGISTER that was granted, by the seconds it asked for. */
  readonly granted: number[] = [];
  private readonly nonces = new Set<string>();

  private constructor(
    private readonly socket: Socket,
    readonly password: string,
  ) {
    socket.on('message', (message, from) => {
      const answer = this.answer(message.toString());
      if (answer) socket.send(answer, from.port, from.address);
    });
  }

  static async start(password: string): Promise<Registrar> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new Registrar(socket, password);
  }

  get port(): number {
    return this.socket.address().port;
  }

  stop(): void {
    this.socket.close();
  }

  private answer(request: string): string | undefined {
    if (!request.startsWith('REGISTER ')) return undefined;
    const header = (name: string) => request.match(new RegExp(`^${name}: (.*)\r$`, 'm'))?.[1];
    if (!this.isProven(header('Authorization') ?? '')) {
      const nonce = randomBytes(8).toString('hex');
      this.nonces.add(nonce);
      const challenge = `Digest realm="${REALM}", nonce="${nonce}", algorithm=MD5, qop="auth"`;
      return this.response(request, '401 Unauthorized', [`WWW-Authenticate: ${challenge}`]);
    }
    const contact = header('Contact') ?? '';
    const uri = contact.match(/<([^>]*)>/)?.[1] ?? contact;
    const expires = Number(contact.match(/;expires=(\d+)/)?.[1] ?? header('Expires'));
    this.granted.push(expires);
    if (expires > 0) this.contacts.add(uri);
    else this.contacts.delete(uri);
    const contacts = [...this.contacts].map((other) => `Contact: <${other}>;expires=${expires || 600}`);
    return this.response(request, '200 OK', contacts);
  }

  /** A nonce is good once. */
  private isProven(shown: string): boolean {
    const field = (name: string) => shown.match(new RegExp(`\\b${name}="?([^",]*)`))?.[1] ?? '';
    const nonce = field('nonce');
    if (!this.nonces.delete(nonce)) return false;
    const secret = md5(`${field('username')}:${REALM}:${this.password}`);
    const asked = md5(`REGISTER:${field('uri')}`);
    return field('response') === md5([secret, nonce, field('nc'), field('cnonce'), 'auth', asked].join(':'));
  }

  private response(request: string, status: string, headers: string[]): string {
    const kept = request.split('\r\n').filter((line) => KEPT.some((name) => line.startsWith(`${name}: `)));
    const to = request.match(/^To: .*$/m)?.[0].trim();
    return [`SIP/2.0 ${status}`, ...kept, `${to};tag=registrar`, ...headers, 'Content-Length: 0', '', ''].join('\r\n');
  }
}
