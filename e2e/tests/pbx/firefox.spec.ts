import { ASTERISK } from '../../support/asterisk.ts';
import { Coturn, withoutCoturn } from '../../support/coturn.ts';
import { FIREFOX, Firefox } from '../../support/firefox.ts';
import { Gateway } from '../../support/gateway.ts';
import { expect, expectCarried, person, test as base, type WayName } from '../../support/pbx.ts';
import { alice } from '../../support/phone.ts';
import { lend } from '../../support/test.ts';

const test = base.extend<{ firefox: Firefox }>({
  firefox: async ({ gateway: _ }, use) => {
    const firefox = await Firefox.start();
    await use(firefox);
    await firefox.stop();
  },
});

test.skip(!ASTERISK, 'Asterisk is missing');
test.skip(!FIREFOX, 'Firefox is missing');

for (const way of ['plain RTP over UDP', 'SDES over TLS', 'WebRTC over WS'] satisfies WayName[]) {
  test(`${way}: Firefox calls, and an echo comes back`, async ({ firefox, gateway }) => {
    const phone = await firefox.open(gateway.url);
    await phone.signIn(person(way));
    await phone.call('600');
    await phone.expectEcho();
    // It would miss what a PBX begins with, and hear nothing for a second.
    expect(await phone.rolesOfOthers()).toEqual(['passive']);
    await phone.press('Hang up');
    await phone.expectPhase('ended');
    await expectCarried(gateway, way.startsWith('WebRTC') ? 'direct' : 'relayed');
  });

  test(`${way}: Firefox is called by a plain SIP phone, and both hear each other`, async ({ firefox, gateway, baresip }) => {
    const who = person(way);
    const phone = await firefox.open(gateway.url);
    await phone.signIn(who);
    await baresip.dial(who.name);
    await phone.press('Answer');
    await phone.expectEcho();
    await baresip.hangUp();
    await phone.expectPhase('ended');
  });
}

test('a relayed call in Firefox is back after the gateway was restarted', async ({ firefox, gateway }) => {
  const phone = await firefox.open(gateway.url);
  await phone.signIn(person('plain RTP over UDP'));
  await phone.call('600');
  await phone.expectPhase('active');
  await gateway.kill();
  await phone.expectLine('down');
  await gateway.restart();
  await phone.expectLine('ready');
  await phone.expectEcho();
  await phone.press('Hang up');
  await phone.expectPhase('ended');
});

test.describe('with a TURN server', () => {
  test.skip(!!withoutCoturn(), withoutCoturn());
  test.use({
    gateway: async ({ settings }, use, info) => {
      const coturn = await Coturn.start();
      const config = `demo = true${coturn.configuration('udp')}`;
      await lend(await Gateway.start({ settings, config }), use, info);
      await coturn.stop();
    },
  });

  test('Firefox is told of it once its phone is let in', async ({ firefox, gateway }) => {
    const phone = await firefox.open(gateway.url);
    const told = () =>
      phone.page.evaluate(async () => {
        const answer = await fetch('/api/v1/ice-servers');
        return { status: answer.status, body: await answer.text() };
      });
    expect((await told()).status).toBe(401);
    await phone.signIn(alice);
    const { status, body } = await told();
    expect({ status, servers: JSON.parse(body).ice_servers.length }).toEqual({ status: 200, servers: 1 });
  });
});
