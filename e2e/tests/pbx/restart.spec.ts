import { ASTERISK, MUSIC } from '../../support/asterisk.ts';
import { expect, party, person, test, type WayName } from '../../support/pbx.ts';
import { expectSound, expectTone, nextPacket } from '../../support/probe.ts';
import { NO_CONNECTION } from '../../support/troubles.ts';

test.skip(!ASTERISK, 'Asterisk is missing');

const ways = ['plain RTP over UDP', 'plain RTP over TCP', 'WebRTC over WS'] as const satisfies WayName[];

test.beforeEach(({ troubles }) => troubles.allow(NO_CONNECTION));

test.describe('when Asterisk was killed and has forgotten everything', () => {
  test.use({ keepAlive: '1s' });

  test('lights are red, and phones registered within five seconds of its return', async ({ phones, asterisk }) => {
    const others = await Promise.all(ways.map((way) => phones.of(person(way))));
    await asterisk.kill();
    await asterisk.forget();
    for (const phone of others) {
      await phone.expectLine('down');
      await expect(phone.page.getByText('The phone system is not available now.')).toBeVisible();
    }
    // One signs in meanwhile.
    const late = await phones.open();
    await late.signIn(person('SDES over TLS'));

    await asterisk.run();
    const back = Date.now();
    const numbers = [...ways, 'SDES over TLS' as const].map((way) => person(way).name);
    const contacts = async () => {
      const said = await asterisk.cli('pjsip show contacts');
      return numbers.filter((number) => said.includes(` ${number}/`));
    };
    await expect.poll(contacts, { intervals: [250], timeout: 15_000 }).toEqual(numbers);
    expect(Date.now() - back).toBeLessThan(5000);
    for (const phone of [...others, late]) await phone.expectLine('ready');
    const card = await late.call(party('600'));
    await card.expectPhase('active');
    await expectSound(late.page);
    await card.hangUp();
  });
});

test.describe('when Asterisk hangs for a while', () => {
  test.use({ keepAlive: '1s' });

  for (const way of ways) {
    test(`${way}: the call outlives it, and the light tells of it`, async ({ phones, asterisk }) => {
      const phone = await phones.of(person(way));
      const card = await phone.call(party('600'));
      await card.expectPhase('active');
      await expectSound(phone.page);
      asterisk.freeze();
      try {
        await phone.expectLine('down');
        await card.expectPhase('active');
      } finally {
        asterisk.wake();
      }
      await phone.expectLine('ready');
      await expectSound(phone.page);
      await card.hangUp();
      await card.expectEnd('You hung up');
    });
  }
});

test('a direct call outlives the death of the gateway', async ({ phones, jssip, gateway }) => {
  const clerk = 'WebRTC over WSS';
  const [phone, other] = await Promise.all([phones.of(person('WebRTC over WS')), jssip(person(clerk))]);
  const card = await phone.call(party(person(clerk).name));
  await card.expectPhase('active');
  await gateway.kill();
  await phone.expectLine('down');
  await Promise.all([expectSound(phone.page), expectSound(other.page)]);

  await other.forget();
  await gateway.restart();
  await phone.expectLine('ready');
  await other.expect('registered');
  await Promise.all([expectSound(phone.page), expectSound(other.page)]);
  await other.hold();
  await expectTone(phone.page, MUSIC);
  await other.resume();
  await Promise.all([expectSound(phone.page), expectSound(other.page)]);
  await other.refer(0, '603');
  await other.expect('0 transferred');
  await expectTone(phone.page, MUSIC);
  await card.hangUp();
  await card.expectEnd('You hung up');
});

test('who is called before the phone has come back to the restarted gateway is rung', async ({ phones, baresip, gateway }) => {
  const who = person('plain RTP over UDP');
  const phone = await phones.of(who);
  await gateway.kill();
  await gateway.restart();
  await baresip.dial(who.name);
  const card = await phone.answer(party('207'));
  await card.expectEcho();
  await baresip.hangUp();
  await card.expectEnd('They hung up');
});

for (const way of ['plain RTP over UDP', 'plain RTP over TCP', 'SDES over TLS'] satisfies WayName[]) {
  test(`${way}: a relayed call is back two seconds after the gateway`, async ({ phones, gateway }) => {
    const phone = await phones.of(person(way));
    const card = await phone.call(party('600'));
    await card.expectPhase('active');
    await expectSound(phone.page);
    // At once: the longer it is away, the longer are the pauses between attempts to connect.
    await gateway.kill();
    await gateway.restart();
    expect(await nextPacket(phone.page)).toBeLessThan(2000);
    await expectSound(phone.page);
    await card.hangUp();
    await card.expectEnd('You hung up');
  });

  test(`${way}: a relayed call is back with the phone when the gateway was away for longer`, async ({ phones, gateway }) => {
    const phone = await phones.of(person(way));
    const card = await phone.call(party('600'));
    await card.expectPhase('active');
    await expectSound(phone.page);
    await gateway.kill();
    await expect(phone.page.locator('[data-interrupted]')).toBeVisible({ timeout: 20_000 });
    await gateway.restart();
    await phone.expectLine('ready', { timeout: 20_000 });
    expect(await nextPacket(phone.page)).toBeLessThan(2000);
    await expectSound(phone.page);
    await expect(phone.page.locator('[data-interrupted]')).toHaveCount(0);
    await card.hangUp();
    await card.expectEnd('You hung up');
  });
}
