import { readFile } from 'node:fs/promises';
import { ASTERISK, Asterisk, MUSIC } from '../../support/asterisk.ts';
import { Dns, withoutDns, type DnsRecord } from '../../support/dns.ts';
import { expect, missing, party, person, test as base, upstreamAt } from '../../support/pbx.ts';
import type { Gateway } from '../../support/gateway.ts';
import type { Phone } from '../../support/phone.ts';
import { soundPorts } from '../../support/ports.ts';
import { expectSound, expectTone } from '../../support/probe.ts';

base.skip(!ASTERISK, 'Asterisk is missing');

base('the sound of a PBX that is reached by IPv6 travels by IPv6', async ({ phones, gateway: _ }) => {
  const way = 'plain RTP over UDP and IPv6';
  base.skip(!!missing(way), missing(way));
  const phone = await phones.of(person(way));
  expect(await soundPortsOfIpv6()).toEqual([]);
  const card = await phone.call(party('600'));
  await card.expectPhase('active');
  await expectSound(phone.page);
  expect(await soundPortsOfIpv6()).toHaveLength(2);
  await card.hangUp();
  await card.expectEnd('You hung up');
});

/** The gateway's ports for sound that are open at ::1 and nowhere else. */
async function soundPortsOfIpv6(): Promise<number[]> {
  const { first, last } = soundPorts(1);
  const open = (await readFile('/proc/net/udp6', 'utf8')).matchAll(/: 0{24}01000000:(\w{4}) /g);
  return [...open].map(([, port]) => Number.parseInt(port, 16)).filter((port) => port >= first && port <= last);
}

const of201 = (domain: string) => ({ ...person('plain RTP over UDP'), extension: `201@${domain}` });

/** Calls an echo, and hangs up while it lasts. */
async function echo(phone: Phone, meanwhile = async () => {}): Promise<void> {
  const card = await phone.call(party('600'));
  await card.expectPhase('active');
  await expectSound(phone.page);
  await meanwhile();
  await card.hangUp();
  await card.expectEnd('You hung up');
  // The next call has a card of the same name.
  await card.button('Dismiss').click();
}

const says = (gateway: Gateway, what: RegExp) =>
  expect.poll(() => gateway.log(), { timeout: 20_000 }).toMatch(what);

base.describe('of two servers', () => {
  type Two = { other: Asterisk };
  const test = base.extend<Two>({
    // The better one, which is dead at first.
    other: async ({}, use) => {
      const other = await Asterisk.start();
      await other.kill();
      await use(other);
      await other.stop();
    },
    dns: async ({ asterisk, other }, use, info) => {
      info.skip(!!withoutDns(), withoutDns());
      const services = (name: string): DnsRecord[] => [
        `naptr-record=${name},20,10,S,SIP+D2T,,_sip._tcp.${name}`,
        `naptr-record=${name},10,10,S,SIP+D2U,,_sip._udp.${name}`,
        `srv-host=_sip._udp.${name},one.example,${other.ports.sip},10,0`,
        `srv-host=_sip._udp.${name},two.example,${asterisk.ports.sip},20,0`,
      ];
      const hosts: DnsRecord[] = ['host-record=one.example,127.0.0.1', 'host-record=two.example,127.0.0.1'];
      const dns = await Dns.start([...services('watched.example'), ...services('unwatched.example'), ...hosts]);
      await use(dns);
      await dns.stop();
    },
    more: ({}, use) =>
      use(
        upstreamAt('watched.example', 'sip:watched.example', '1s') +
          upstreamAt('unwatched.example', 'sip:unwatched.example', 'off'),
      ),
  });

  test('the second serves while the first is dead', async ({ phones, asterisk, other, gateway }) => {
    await says(gateway, new RegExp(`a server of the upstream answers.*"watched.example".*:${asterisk.ports.sip}`));
    const phone = await phones.of(of201('watched.example'));
    expect(await asterisk.cli('pjsip show contacts')).toContain(' 201/');
    await echo(phone, async () => expect(await asterisk.channels()).toBe(1));

    await other.run();
    const first = `"watched.example".*:${other.ports.sip}`;
    await says(gateway, new RegExp(`a server of the upstream answers.*${first}`));
    await echo(phone, async () => {
      expect(await other.channels()).toBe(1);
      expect(await asterisk.channels()).toBe(0);
    });

    await other.kill();
    await says(gateway, new RegExp(`a server of the upstream is silent.*${first}`));
    await echo(phone, async () => expect(await asterisk.channels()).toBe(1));
  });

  test('the second is asked soon if nobody watches the first', async ({ phones, asterisk }) => {
    const phone = await phones.open();
    await expect(phone.button('Sign in')).toBeVisible();
    const begun = Date.now();
    await phone.signIn(of201('unwatched.example'));
    await phone.expectLine('ready', { timeout: 15_000 });
    // A REGISTER, and one with credentials; each is given to the first for four seconds.
    expect(Date.now() - begun).toBeLessThan(12_000);
    await echo(phone, async () => expect(await asterisk.channels()).toBe(1));
  });
});

base.describe('without DNS', () => {
  const test = base.extend<{ records: DnsRecord[] }>({
    records: ({}, use) => use(['host-record=known.example,127.0.0.1']),
    dns: async ({ records }, use, info) => {
      info.skip(!!withoutDns(), withoutDns());
      const dns = await Dns.start(records);
      await use(dns);
      await dns.stop();
    },
    more: ({ asterisk }, use) =>
      use(
        upstreamAt('known.example', `sip:known.example:${asterisk.ports.sip};transport=udp`, '1s') +
          upstreamAt('late.example', `sip:late.example:${asterisk.ports.sip};transport=udp`, '1s'),
      ),
  });

  for (const [silent, title] of [[false, 'is gone until another takes its place'], [true, 'falls silent']] as const) {
    test(`what is known goes on when it ${title}`, async ({ phones, jssip, gateway, dns, records }) => {
      const [holder, phone] = await Promise.all([jssip(person('WebRTC over WS')), phones.of(of201('known.example'))]);
      const card = await phone.call(party('204'));
      await card.expectPhase('active');
      if (silent) dns!.silence();
      else await dns!.kill();
      await says(gateway, /not located.*"known.example"/);

      // The call that is up.
      await Promise.all([expectSound(phone.page), expectSound(holder.page)]);
      await holder.hold();
      await expectTone(phone.page, MUSIC);
      await holder.resume();
      await Promise.all([expectSound(phone.page), expectSound(holder.page)]);
      await card.hangUp();
      await card.expectEnd('You hung up');
      // Registrations and calls.
      await phone.page.reload();
      await phone.signIn(of201('known.example'));
      await phone.expectLine('ready');
      await echo(phone);

      // Who was never found.
      const late = await phones.open();
      const refused = late.page.waitForEvent('websocket').then((socket) =>
        socket.waitForEvent('framereceived', ({ payload }) => String(payload).startsWith('SIP/2.0 503')),
      );
      await late.signIn(of201('late.example'));
      expect(String((await refused).payload)).toMatch(/\r\nRetry-After: *[12]\r\n/i);
      if (silent) await dns!.kill();
      else dns!.move();
      await dns!.run([...records, 'host-record=late.example,127.0.0.1']);
      const back = Date.now();
      await says(gateway, /the upstream is back.*"late.example"/);
      // What was asked of another server is waited for until it times out.
      expect(Date.now() - back).toBeLessThan(silent ? 5000 : 10_000);
      await late.expectLine('ready');
      await echo(late);
    });
  }
});
