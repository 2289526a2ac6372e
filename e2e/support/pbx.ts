/** The fixtures of the tests with real PBXs: a gateway before them, and nothing left when a test is over. */

import { networkInterfaces } from 'node:os';
import type { BrowserContext } from '@playwright/test';
import { Asterisk } from './asterisk.ts';
import { BARESIP, Baresip } from './baresip.ts';
import type { Dns } from './dns.ts';
import { Gateway } from './gateway.ts';
import { JsSip } from './jssip.ts';
import { KAMAILIO, Kamailio } from './kamailio.ts';
import type { Person } from './phone.ts';
import { freePort, soundPorts } from './ports.ts';
import { installProbe } from './probe.ts';
import { Sipp } from './sipp.ts';
import { expect, lend, test as base } from './test.ts';

/** How a PBX is reached: each way has a domain of its own, and an account. */
export const ways = {
  'plain RTP over UDP': { domain: 'udp.example', account: '201' },
  'plain RTP over TCP': { domain: 'tcp.example', account: '202' },
  'SDES over TLS': { domain: 'tls.example', account: '203' },
  'WebRTC over WS': { domain: 'ws.example', account: '204' },
  'WebRTC over WSS': { domain: 'wss.example', account: '205' },
  'Kamailio by UDP': { domain: 'kudp.example', account: '206' },
  'Kamailio by TCP': { domain: 'ktcp.example', account: '208' },
  'plain RTP over UDP and IPv6': { domain: 'udp6.example', account: '209' },
  'plain RTP over TCP and IPv6': { domain: 'tcp6.example', account: '210' },
} as const;

export type WayName = keyof typeof ways;

/** Who signs in there. */
export function person(way: WayName): Person {
  const { domain, account } = ways[way];
  return { extension: `${account}@${domain}`, name: account, password: `secret-${account}` };
}

/** What such a way needs besides Asterisk, if it is missing. */
export function missing(way: WayName): string | undefined {
  if (way.startsWith('Kamailio') && !KAMAILIO) return 'Kamailio is missing';
  return way.endsWith('IPv6') && !IPV6 ? 'this machine has no IPv6' : undefined;
}

const IPV6 = Object.values(networkInterfaces()).flat().some((own) => own?.address === '::1');

/** Whom one calls. */
export const party = (number: string) => ({ extension: number, name: number });

type Options = {
  /** How often the gateway asks the PBX whether it is alive. */
  keepAlive: string;
};

type Fixtures = {
  /** Whom the gateway asks for names, if not the machine's own name server. */
  dns: Dns | undefined;
  /** More of its configuration. */
  more: string;
  /** Registers a JsSIP in a browser of its own. */
  jssip: (who: Person) => Promise<JsSip>;
  /** A PBX that misbehaves, at `sipp.example`. */
  sipp: Sipp;
  /** A plain SIP phone at the PBX, 207, that answers and gives back what it hears. */
  baresip: Baresip;
  /** Fails a test that leaves anything behind in the PBX. */
  ghosts: void;
};

type Shared = { asterisk: Asterisk; kamailio: Kamailio | undefined };

export const test = base.extend<Options & Fixtures, Shared>({
  keepAlive: ['20s', { option: true }],
  dns: ({}, use) => use(undefined),
  more: ({}, use) => use(''),

  asterisk: [
    async ({}, use) => {
      const asterisk = await Asterisk.start();
      await use(asterisk);
      await asterisk.stop();
    },
    { scope: 'worker' },
  ],

  kamailio: [
    async ({ asterisk }, use) => {
      const kamailio = KAMAILIO ? await Kamailio.before(asterisk.ports.sip) : undefined;
      await use(kamailio);
      await kamailio?.stop();
    },
    { scope: 'worker' },
  ],

  jssip: async ({ browser, gateway, troubles }, use) => {
    const contexts: BrowserContext[] = [];
    await use(async (who) => {
      const context = await browser.newContext({ permissions: ['microphone'] });
      contexts.push(context);
      troubles.watch(context);
      troubles.allow(/favicon/);
      await context.addInitScript(installProbe);
      return JsSip.open(context, gateway.url, who);
    });
    for (const context of contexts) await context.close();
  },

  baresip: async ({ asterisk }, use, info) => {
    info.skip(!BARESIP, 'baresip is missing');
    const baresip = await Baresip.start('207', 'secret-207', asterisk.ports.sip);
    await expect.poll(() => asterisk.cli('pjsip show contacts')).toContain(' 207/');
    await use(baresip);
    await baresip.stop();
    if (info.status !== info.expectedStatus) {
      await info.attach('baresip.log', { body: baresip.log(), contentType: 'text/plain' });
    }
  },

  sipp: async ({}, use, info) => {
    const sipp = await Sipp.create();
    await use(sipp);
    if (info.status !== info.expectedStatus) {
      await info.attach('sipp.log', { body: await sipp.errors(), contentType: 'text/plain' });
    }
    await sipp.stop();
  },

  gateway: async ({ asterisk, kamailio, sipp, dns, more, settings, keepAlive }, use, info) => {
    const config = (await configuration(keepAlive, asterisk, sipp, kamailio)) + more;
    await lend(await Gateway.start({ settings, config, shell: dns?.shell }), use, info);
    if (info.status !== info.expectedStatus) {
      await info.attach('asterisk.log', { body: asterisk.log(), contentType: 'text/plain' });
    }
  },

  ghosts: [
    async ({ asterisk, gateway: _, phones: __, jssip: ___ }, use, info) => {
      await use();
      try {
        if (info.status === info.expectedStatus) {
          await expect.poll(() => asterisk.channels(), { message: 'channels that are left' }).toBe(0);
        }
      } finally {
        await asterisk.cli('channel request hangup all');
      }
    },
    { auto: true },
  ],
});

/** Who has carried the sound of the call that just ended, by what the gateway has noted. */
export async function expectCarried(gateway: Gateway, how: 'relayed' | 'direct'): Promise<void> {
  const ended = () => gateway.log().match(/a (relayed|direct) call ended/g);
  // Attempts that were challenged are no calls.
  await expect.poll(ended).toEqual([`a ${how} call ended`]);
}

/** One PBX in a configuration. */
export const upstreamAt = (domain: string, uri: string, keepAlive: string) => `
[[upstream]]
name = "${domain}"
domain = "${domain}"
uri = "${uri}"
keep_alive = "${keepAlive}"
`;

async function configuration(
  keepAlive: string,
  { ports, certificate }: Asterisk,
  sipp: Sipp,
  kamailio?: Kamailio,
): Promise<string> {
  const sound = soundPorts(1);
  const upstream = (domain: string, uri: string, more = '', every = keepAlive) =>
    upstreamAt(domain, uri, every) + more;
  const proxied = (domain: string, transport: string) =>
    upstream(domain, `sip:${domain}`, `outbound_proxy = "sip:127.0.0.1:${kamailio!.port};transport=${transport}"`);
  return `
[media]
relay_ports = "${sound.first}-${sound.last}"
[bridge]
listen = "${IPV6 ? '[::]' : '127.0.0.1'}:${await freePort()}"
[log]
filter = "info,sidetone_edge=debug"
${upstream('udp.example', `sip:127.0.0.1:${ports.sip};transport=udp`)}
${upstream('tcp.example', `sip:127.0.0.1:${ports.sip};transport=tcp`, 'media = "relay"')}
${upstream('tls.example', `sip:127.0.0.1:${ports.sips};transport=tls`, `media = "relay"\nsrtp = "sdes"\ntls_ca = "${certificate}"`)}
${upstream('sipp.example', `sip:127.0.0.1:${sipp.port};transport=udp`, 'media = "relay"', 'off')}
${upstream('ws.example', `ws://127.0.0.1:${ports.http}/ws`)}
${upstream('wss.example', `wss://127.0.0.1:${ports.https}/ws`, `media = "direct"\ntls_ca = "${certificate}"`)}
${IPV6 ? upstream('udp6.example', `sip:[::1]:${ports.sip};transport=udp`) : ''}
${IPV6 ? upstream('tcp6.example', `sip:[::1]:${ports.sip};transport=tcp`, 'media = "relay"') : ''}
${kamailio ? proxied('kudp.example', 'udp') + proxied('ktcp.example', 'tcp') : ''}
`;
}

export { expect };
