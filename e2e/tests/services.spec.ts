import { alice, announcement, echo } from '../support/phone.ts';
import { expectTones } from '../support/probe.ts';
import { expect, test } from '../support/test.ts';

test('600 gives the sound back', async ({ phones }) => {
  const phone = await phones.of(alice);
  const card = await phone.call(echo);
  await card.expectEcho();
  await card.hangUp();
  await card.expectEnd('You hung up');
});

test('601 is heard and ends by itself', async ({ phones }) => {
  const phone = await phones.of(alice);
  const card = await phone.call(announcement);
  await card.expectPhase('active');
  await expect
    .poll(async () => (await phone.page.evaluate(() => window.probe.inbound())).energy)
    .toBeGreaterThan(1e-4);
  await expect(card.view).toHaveAttribute('data-phase', 'ended', { timeout: 40_000 });
  await expect(card.view).toContainText('They hung up');
});

test('keys sound and are sent', async ({ phones }) => {
  const phone = await phones.of(alice);
  const card = await phone.call(echo);
  await card.expectPhase('active');
  await card.button('Keypad').click();
  // A key's tone is short: it is pressed until it was listened to in time.
  let ones = '';
  await expect(async () => {
    await card.press('1');
    ones += '1';
    await expectTones(phone.page, 697, 1209, 500);
  }).toPass();
  await card.press('Pound', '5');
  await expect.poll(() => phone.page.evaluate(() => window.probe.keysSent)).toBe(`${ones}#5`);
});
