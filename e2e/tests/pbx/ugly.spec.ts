import { ASTERISK } from '../../support/asterisk.ts';
import type { JsSip } from '../../support/jssip.ts';
import { expect, expectCarried, party, test } from '../../support/pbx.ts';
import { SIPP, succeed } from '../../support/sipp.ts';

test.skip(!ASTERISK, 'Asterisk is missing');
test.skip(!SIPP, 'SIPp is missing');

const tester = { extension: 'tester@sipp.example', name: 'tester', password: 'anything' };

/** Calls in which nothing more happens than that somebody answers and is hung up on. */
const plain: Record<string, string> = {
  early: 'sound before ringing',
  fork: 'two phones that ring, the second of which answers',
};

for (const [scenario, title] of Object.entries(plain)) {
  test(`the PBX sends ${title}`, async ({ sipp, jssip, gateway }) => {
    const pbx = await sipp.answer(scenario);
    const phone = await jssip(tester);
    await phone.call('1');
    await phone.hangUp();
    await succeed(pbx);
    await phone.expect('0 ended');
    await expectCarried(gateway, 'relayed');
  });
}

test('the PBX sends answers that come twice', async ({ sipp, jssip, gateway }) => {
  const pbx = await sipp.answer('repeated-answer');
  const phone = await jssip(tester);
  await phone.call('1');
  await succeed(pbx);
  await phone.expect('0 ended');
  await expectCarried(gateway, 'relayed');
});

// JsSIP lets an answer that crosses its CANCEL pass, and can't be called without an offer: the app can.

test('the PBX answers while the browser gives up', async ({ sipp, phones, gateway }) => {
  const pbx = await sipp.answer('crossing');
  const phone = await phones.of(tester);
  const card = await phone.call(party('1'));
  await card.expectPhase('ringing');
  await card.hangUp();
  await card.expectEnd('Cancelled');
  await succeed(pbx);
  await expectCarried(gateway, 'relayed');
});

test('the PBX sends an INVITE without an offer', async ({ sipp, phones, gateway }) => {
  const where = await sipp.register();
  const phone = await phones.of(tester);
  const pbx = await sipp.call('no-offer', await where());
  const card = await phone.answer(party('sipp'));
  await succeed(pbx);
  await card.expectEnd('They hung up');
  await expectCarried(gateway, 'relayed');
});

test('the PBX offers while the browser does', async ({ sipp, jssip, gateway }) => {
  const pbx = await sipp.answer('glare');
  const phone = await jssip(tester);
  await phone.call('1');
  await phone.hold();
  await phone.hangUp();
  await succeed(pbx);
  await expectCarried(gateway, 'relayed');
});

/** Calls of the PBX. */
const calls: Record<string, string> = {
  'late-ack': 'its ACK late',
  'repeated-invite': 'its INVITE three times',
  flood: 'thirty offers without a pause',
};

for (const [scenario, title] of Object.entries(calls)) {
  test(`the PBX sends ${title}`, async ({ sipp, jssip, gateway }) => {
    const where = await sipp.register();
    const phone: JsSip = await jssip(tester);
    await succeed(await sipp.call(scenario, await where()));
    await phone.expect('0 ended');
    const events = await phone.events();
    expect(events.filter((event) => event !== '0 rings')).toEqual(['registered', '0 talks', '0 ended']);
    await expectCarried(gateway, 'relayed');
  });
}

test('the PBX is gone without a BYE', async ({ sipp, jssip, gateway }) => {
  const where = await sipp.register();
  const phone = await jssip(tester);
  await succeed(await sipp.call('missing-bye', await where()));
  await phone.expect('0 talks');
  await phone.hangUp();
  await phone.expect('0 ended');
  await expectCarried(gateway, 'relayed');
});
