import { ASTERISK, MUSIC } from '../../support/asterisk.ts';
import { expect, missing, party, person, test, type WayName } from '../../support/pbx.ts';
import { expectSilence, expectSound, expectTone } from '../../support/probe.ts';

test.skip(!ASTERISK, 'Asterisk is missing');

const relayed = 'plain RTP over UDP';
const direct = 'WebRTC over WS';

const all = [
  relayed,
  'SDES over TLS',
  direct,
  'Kamailio by UDP',
  'Kamailio by TCP',
  'plain RTP over UDP and IPv6',
  'plain RTP over TCP and IPv6',
] as const satisfies WayName[];

for (const way of all) {
  test(`${way}: calls a plain SIP phone, and both hear each other`, async ({ phones, baresip: _ }) => {
    test.skip(!!missing(way), missing(way));
    const phone = await phones.of(person(way));
    const card = await phone.call(party('207'));
    await card.expectEcho();
    await card.hangUp();
    await card.expectEnd('You hung up');
  });

  test(`${way}: is called by a plain SIP phone, and both hear each other`, async ({ phones, baresip }) => {
    test.skip(!!missing(way), missing(way));
    const who = person(way);
    const phone = await phones.of(who);
    await baresip.dial(who.name);
    const card = await phone.answer(party('207'));
    await card.expectEcho();
    await baresip.hangUp();
    await card.expectEnd('They hung up');
  });
}

for (const [way, other] of [[relayed, direct], [direct, relayed]] as const) {
  test(`${way}: keys reach an IVR`, async ({ phones, asterisk }) => {
    const who = person(way);
    const phone = await phones.of(who);
    const card = await phone.call(party('602'));
    await card.expectPhase('active');
    await card.button('Keypad').click();
    await card.press('7', '0', 'Star', '5');
    await expect.poll(() => asterisk.cli('database show keys')).toContain(who.name);
    expect(await asterisk.cli(`database get keys ${who.name}`)).toContain('Value: 70*5');
    await card.expectEnd('They hung up');
  });

  test(`${way}: who is held hears music, then the other again`, async ({ phones, jssip }) => {
    const [holder, phone] = await Promise.all([jssip(person(other)), phones.of(person(way))]);
    const card = await phone.call(party(person(other).name));
    await card.expectPhase('active');
    await Promise.all([expectSound(phone.page), expectSound(holder.page)]);
    await holder.hold();
    await expectTone(phone.page, MUSIC);
    await expectSilence(holder.page);
    await holder.resume();
    await Promise.all([expectSound(phone.page), expectSound(holder.page)]);
    await holder.hangUp();
    await card.expectEnd('They hung up');
  });

  test(`${way}: is transferred blindly`, async ({ phones, jssip }) => {
    const [clerk, phone] = await Promise.all([jssip(person(other)), phones.of(person(way))]);
    const card = await phone.call(party(person(other).name));
    await card.expectPhase('active');
    await clerk.expect('0 talks');
    await clerk.refer(0, '603');
    await clerk.expect('0 transferred');
    await expectTone(phone.page, MUSIC);
    await card.hangUp();
    await card.expectEnd('You hung up');
  });

  test(`${way}: is transferred after a question`, async ({ phones, jssip }) => {
    const [clerk, phone] = await Promise.all([jssip(person(other)), phones.of(person(way))]);
    const card = await phone.call(party(person(other).name));
    await card.expectPhase('active');
    await clerk.expect('0 talks');
    await clerk.hold(0);
    const question = await clerk.call('603');
    await clerk.refer(0, '603', question);
    await clerk.expect('0 transferred');
    await clerk.expect(`${question} ended`);
    await expectTone(phone.page, MUSIC);
    await card.hangUp();
    await card.expectEnd('You hung up');
  });

  test(`${way}: outlasts being held twenty times`, async ({ jssip }) => {
    const phone = await jssip(person(way));
    await phone.call('600');
    for (let cycle = 0; cycle < 20; cycle += 1) {
      await phone.hold();
      await phone.resume();
    }
    await expectSound(phone.page);
    await phone.hangUp();
    await phone.expect('0 ended');
  });
}
