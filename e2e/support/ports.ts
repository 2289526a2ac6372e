/**
 * Ports that nobody uses: those of a worker are its own, and lie below those that systems give away by
 * themselves. So they can be let go and taken again. Browsers block none of them. And whether somebody
 * uses one.
 */

import dgram from 'node:dgram';
import net from 'node:net';

const FIRST = 11_000 + Number(process.env.TEST_PARALLEL_INDEX ?? 0) * 1000;
/** So many are for sound, and as many for anything else. */
const HALF = 500;
/** How many were given away; whoever runs beside these tests begins elsewhere. */
let given = process.pid % HALF;

/** One that is free for TCP and for UDP, and so are those that follow it. */
export async function freePort(count = 1): Promise<number> {
  for (;;) {
    if (given + count > HALF) given = 0;
    const port = FIRST + HALF + given;
    given += count;
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

/** Whether somebody listens there. */
export async function takesConnections(port: number, address = '127.0.0.1'): Promise<boolean> {
  const socket = net.connect(port, address);
  const taken = new Promise<boolean>((tell) => {
    socket.once('error', () => tell(false));
    socket.once('connect', () => tell(true));
  });
  return taken.finally(() => socket.destroy());
}

/** A hundred ports for sound; each of a worker's programs has others. */
export function soundPorts(program: number): { first: number; last: number } {
  const first = FIRST + program * 100;
  return { first, last: first + 99 };
}
