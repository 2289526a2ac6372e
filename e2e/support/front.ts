/**
 * What stands between a browser and the gateway: an HTTP proxy that can be cut like a cable, that
 * can fall silent like a network without an end, that can alter what the gateway serves and can
 * serve pages of its own.
 */

import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { freePort } from './ports.ts';

type Page = { type: string; body: string };

export class Front {
  private readonly pages = new Map<string, Page>();
  private readonly edits = new Map<string, (body: string) => string>();
  private readonly sockets = new Set<Duplex>();
  /** Connections that carry nothing any more, without either end being told. */
  private readonly dead = new WeakSet<Duplex>();
  private silent = false;
  private server = this.listener();

  private constructor(
    private readonly gateway: URL,
    private readonly port: number,
  ) {}

  static async before(gateway: string): Promise<Front> {
    const front = new Front(new URL(gateway), await freePort());
    await front.restore();
    return front;
  }

  /** Where browsers find it, without a slash at the end. */
  get url(): string {
    return `http://localhost:${this.port}`;
  }

  /** Serves a page of its own at this path. */
  serve(path: string, page: Page): void {
    this.pages.set(path, page);
  }

  /** Alters what the gateway serves at this path. */
  edit(path: string, edit: (body: string) => string): void {
    this.edits.set(path, edit);
  }

  /** Cuts every connection and takes no new one. */
  async cut(): Promise<void> {
    const closed = new Promise((done) => this.server.close(done));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  /** Swallows whatever comes, from open connections and from new ones. */
  silence(): void {
    this.silent = true;
    for (const socket of this.sockets) this.dead.add(socket);
  }

  /** Takes connections again, at the same address; those that fell silent stay so. */
  async restore(): Promise<void> {
    this.silent = false;
    if (this.server.listening) return;
    this.server = this.listener();
    await new Promise<void>((ready, failed) => {
      this.server.once('error', failed).listen(this.port, 'localhost', ready);
    });
  }

  private listener(): http.Server {
    const server = http.createServer((request, response) => this.forward(request, response));
    server.on('connection', (socket) => this.keep(socket));
    server.on('upgrade', (request, socket, head) => this.pipe(request, socket, head));
    return server;
  }

  private keep(socket: Duplex): void {
    this.sockets.add(socket);
    if (this.silent) this.dead.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => this.sockets.delete(socket));
  }

  private forward(request: http.IncomingMessage, response: http.ServerResponse): void {
    if (this.dead.has(request.socket)) return;
    const path = new URL(request.url ?? '/', this.url).pathname;
    const page = this.pages.get(path);
    if (page) {
      // Apart from other windows, as the gateway's own pages: for each a browser starts a process.
      response.writeHead(200, { 'content-type': page.type, 'cross-origin-opener-policy': 'same-origin' });
      response.end(page.body);
      return;
    }
    const edit = this.edits.get(path);
    const headers = { ...request.headers };
    if (edit) {
      for (const name of ['accept-encoding', 'if-none-match', 'if-modified-since']) delete headers[name];
    }
    const { hostname, port } = this.gateway;
    const onward = http.request({ hostname, port, path: request.url, method: request.method, headers });
    onward.on('error', () => response.destroy());
    onward.on('response', (answer) => {
      if (!edit) {
        response.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(response);
        return;
      }
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk)).on('end', () => {
        const { 'content-length': _, etag: __, ...kept } = answer.headers;
        response.writeHead(answer.statusCode ?? 502, kept);
        response.end(edit(Buffer.concat(chunks).toString()));
      });
    });
    request.pipe(onward);
  }

  /** A WebSocket: its handshake goes on as it came, then bytes go both ways. */
  private pipe(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const onward = net.connect(Number(this.gateway.port), this.gateway.hostname, () => {
      const lines = [`${request.method} ${request.url} HTTP/1.1`];
      for (let at = 0; at < request.rawHeaders.length; at += 2) {
        lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
      }
      onward.write(`${lines.join('\r\n')}\r\n\r\n`);
      onward.write(head);
      this.carry(socket, onward);
      this.carry(onward, socket);
    });
    this.keep(onward);
    onward.once('close', () => socket.destroy());
    socket.once('close', () => onward.destroy());
  }

  private carry(from: Duplex, to: Duplex): void {
    from.on('data', (chunk) => {
      if (!this.dead.has(from)) to.write(chunk);
    });
  }
}
