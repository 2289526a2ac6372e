import { alice, bob, type Card, type Phone } from '../support/phone.ts';
import { expectSilence, expectSound, expectTones } from '../support/probe.ts';
import { expect, test, type Phones } from '../support/test.ts';

type Call = { a: Phone; b: Phone; atA: Card; atB: Card };

/** Alice calls Bob, who answers. */
async function talking(phones: Phones): Promise<Call> {
  const [a, b] = await Promise.all([phones.of(alice), phones.of(bob)]);
  const atA = await a.call(bob);
  const atB = await b.answer(alice);
  await atA.expectPhase('active');
  await atB.expectPhase('active');
  return { a, b, atA, atB };
}

test('both hear each other, and mute silences', async ({ phones }) => {
  const { a, b, atA } = await talking(phones);
  await Promise.all([expectSound(a.page), expectSound(b.page)]);
  await expect(atA.timer).toHaveText(/^00:0[1-9]|00:[1-5]\d$/);

  await atA.button('Mute').click();
  await expect(atA.button('Mute')).toHaveAttribute('aria-pressed', 'true');
  await Promise.all([expectSilence(b.page), expectSound(a.page)]);

  await atA.button('Mute').click();
  await expect(atA.button('Mute')).toHaveAttribute('aria-pressed', 'false');
  await expectSound(b.page);
});

test('the caller hangs up', async ({ phones }) => {
  const { atA, atB } = await talking(phones);
  await atA.hangUpOn(atB);
});

test('the called hangs up', async ({ phones }) => {
  const { atA, atB } = await talking(phones);
  await atB.hangUpOn(atA);
});

test('the called rejects', async ({ phones }) => {
  const [a, b] = await Promise.all([phones.of(alice), phones.of(bob)]);
  const atA = await a.call(bob);
  await b.reject(alice);
  await atA.expectEnd('Declined');
  await expect(b.pop(alice)).toHaveCount(0);
});

test('it rings on both sides until the caller gives up', async ({ phones }) => {
  const [a, b] = await Promise.all([phones.of(alice), phones.of(bob)]);
  const atA = await a.call(bob);
  await expect(b.pop(alice)).toBeVisible();
  await atA.expectPhase('ringing');
  await expectTones(a.page, 440, 480);
  await Promise.all([atA.expectEnd('Cancelled'), atA.hangUp()]);
  const missed = b.card(alice);
  await missed.expectEnd('Missed call');
  await expect(b.pop(alice)).toHaveCount(0);
  await missed.button('Dismiss').click();
  await expect(b.cards).toHaveCount(0);
});

test.describe('when nobody answers', () => {
  test.use({ settings: { SIDETONE_SWITCH_NO_ANSWER: '5s' } });

  test('the call ends by itself, and the called reads that it was missed', async ({ phones }) => {
    const [a, b] = await Promise.all([phones.of(alice), phones.of(bob)]);
    const atA = await a.call(bob);
    await expect(b.pop(alice)).toBeVisible();
    await atA.expectEnd('No answer');
    await expect(b.pop(alice)).toHaveCount(0);
    await b.card(alice).expectEnd('Missed call');
  });
});

test('one of two devices answers, the other stops and missed nothing', async ({ phones }) => {
  const [a, desk, mobile] = await Promise.all([phones.of(alice), phones.of(bob), phones.of(bob)]);
  const atA = await a.call(bob);
  await expect(desk.pop(alice)).toBeVisible();
  await expect(mobile.pop(alice)).toBeVisible();
  // Its card stays for five seconds only.
  const stopped = mobile.card(alice).expectEnd('Answered on another device');
  const [atDesk] = await Promise.all([desk.answer(alice), stopped]);
  await expect(mobile.pop(alice)).toHaveCount(0);
  await atDesk.expectPhase('active');
  await atA.expectPhase('active');
  await expect(mobile.page.getByText('Missed')).toHaveCount(0);
  await expectSound(a.page);
});

test('a number that nobody has', async ({ phones }) => {
  const a = await phones.of(alice);
  const card = await a.call({ extension: '199', name: '199' });
  await card.expectEnd('No such number');
});

test('somebody who is not signed in', async ({ phones }) => {
  const a = await phones.of(alice);
  const card = await a.call(bob);
  await card.expectEnd('Not available');
});

test('two calls at once have two cards', async ({ phones }) => {
  const { a, atA } = await talking(phones);
  const second = await a.call({ extension: '600', name: 'Echo' });
  await second.expectPhase('active');
  await atA.expectPhase('active');
  await expect(a.cards).toHaveCount(2);
  await second.hangUp();
  await second.expectEnd('You hung up');
  await expectSound(a.page);
  await atA.expectPhase('active');
});
