/** Ports that nobody uses. */

import dgram from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';

/** One that is free for TCP and for UDP, and so are those that follow it. */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as net.AddressInfo;
    server.close();
    await once(server, 'close');
    const ports = Array.from({ length: count }, (_, at) => port + at);
    const free = await Promise.all(ports.flatMap((port) => [isFreeForTcp(port), isFreeForUdp(port)]));
    if (free.every(Boolean)) return port;
  }
}

async function isFreeForTcp(port: number): Promise<boolean> {
  const server = net.createServer();
  return new Promise((tell) => {
    server.once('error', () => tell(false));
    server.listen(port, '127.0.0.1', () => server.close(() => tell(true)));
  });
}

async function isFreeForUdp(port: number): Promise<boolean> {
  const socket = dgram.createSocket('udp4');
  return new Promise((tell) => {
    socket.once('error', () => tell(false));
    socket.bind(port, '127.0.0.1', () => socket.close(() => tell(true)));
  });
}

/** A hundred ports for sound; each worker of the tests has others, and each of its programs, too. */
export function soundPorts(program: number): { first: number; last: number } {
  const worker = Number(process.env.TEST_PARALLEL_INDEX ?? 0);
  const first = 10_000 + worker * 1000 + program * 100;
  return { first, last: first + 99 };
}
