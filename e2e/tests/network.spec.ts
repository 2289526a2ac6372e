import type { Page } from '@playwright/test';
import { alice, bob } from '../support/phone.ts';
import { expectSound } from '../support/probe.ts';
import { expect, test } from '../support/test.ts';
import { NO_CONNECTION } from '../support/troubles.ts';

const CUT = 5000;
declare global {
  interface Window {
    endsSeen: number;
  }
}

/** Counts the cards that say that a call is over, however briefly. */
function watchForEnds(): void {
  window.endsSeen = 0;
  const look = () => (window.endsSeen += document.querySelectorAll('article[data-phase="ended"]').length);
  new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
}

/** The pauses between attempts to connect double up to 30 s, the longer the network was away. */
const BACK = { timeout: 45_000 };

for (const side of ['caller', 'called'] as const) {
  test(`a call outlives a cut of 5 s, and the ${side} can hang up after it`, async ({ phones, front, troubles }) => {
    troubles.allow(NO_CONNECTION);
    const a = await phones.of(alice, { url: front.url });
    const b = await phones.of(bob);
    const atA = await a.call(bob);
    const atB = await b.answer(alice);
    await atA.expectPhase('active');
    await expectSound(a.page);

    await front.cut();
    const cutAt = Date.now();
    await a.expectLine('down');
    while (Date.now() < cutAt + CUT) {
      await Promise.all([expectSound(a.page), expectSound(b.page)]);
      await atA.expectPhase('active');
      await atB.expectPhase('active');
    }
    await front.restore();
    await a.expectLine('ready', BACK);
    await atA.expectPhase('active');
    await Promise.all([expectSound(a.page), expectSound(b.page)]);

    const [first, second] = side === 'caller' ? [atA, atB] : [atB, atA];
    await first.hangUpOn(second);
  });
}

test('a call rings on while the network is away, and is answered then', async ({ phones, front, troubles }) => {
  troubles.allow(NO_CONNECTION);
  const a = await phones.of(alice);
  const b = await phones.of(bob, { url: front.url });
  const atA = await a.call(bob);
  await expect(b.pop(alice)).toBeVisible();
  // Not even for a moment may it look as if the call was over.
  await b.page.evaluate(watchForEnds);
  await front.cut();
  await b.expectLine('down');
  await expect(b.pop(alice)).toBeVisible();
  await front.restore();
  await b.expectLine('ready');
  await atA.expectPhase('ringing');
  const atB = await b.answer(alice);
  await Promise.all([atA.expectPhase('active'), atB.expectPhase('active')]);
  await Promise.all([expectSound(a.page), expectSound(b.page)]);
  expect(await b.page.evaluate(() => window.endsSeen)).toBe(0);
  await atA.hangUpOn(atB);
});

const reloads = {
  'by itself': (page: Page) => page.evaluate(() => location.reload()),
  'by its user': async (page: Page) => {
    // The key reaches the page alone.
    await page.keyboard.press('F5');
    await page.reload();
  },
};

for (const [how, reload] of Object.entries(reloads)) {
  test(`a call rings on in a page that is loaded anew ${how}`, async ({ phones }) => {
    const [a, b] = await Promise.all([phones.of(alice), phones.open()]);
    await b.signIn(bob, { remember: true });
    await b.expectLine('ready');
    await b.expectKept(1);
    const atA = await a.call(bob);
    await expect(b.pop(alice)).toBeVisible();
    await Promise.all([b.page.waitForEvent('load'), reload(b.page)]);
    const atB = await b.answer(alice);
    await Promise.all([atA.expectPhase('active'), atB.expectPhase('active')]);
    await Promise.all([expectSound(a.page), expectSound(b.page)]);
    await atA.hangUpOn(atB);
  });
}

test('goes red when the gateway is gone, and green when it is back', async ({ phones, front, troubles }) => {
  troubles.allow(NO_CONNECTION);
  const phone = await phones.of(alice, { url: front.url });
  await front.cut();
  await phone.expectLine('down');
  await expect(phone.status).toHaveAccessibleName(/^Offline/);
  // What was typed stays, and what is said of it only as long as it is true.
  const error = phone.page.locator('#dial-error');
  await phone.dialer.fill('102');
  await phone.dialer.press('Enter');
  await expect(error).toHaveText('There is no connection to the server now. Try again when the light is green.');
  await front.restore();
  await phone.expectLine('ready');
  await expect(error).toBeEmpty();
  await expect(phone.dialer).toHaveValue('102');
});

test('is not green for long when the network falls silent', async ({ phones, front, troubles }) => {
  troubles.allow(NO_CONNECTION);
  const a = await phones.of(alice, { url: front.url });
  const b = await phones.of(bob);
  const atA = await a.call(bob);
  const atB = await b.answer(alice);
  await atA.expectPhase('active');

  front.silence();
  await a.expectLine('down', { timeout: 45_000 });
  await atA.expectPhase('active');
  await front.restore();
  await a.expectLine('ready', BACK);
  await Promise.all([expectSound(a.page), expectSound(b.page)]);
  await atB.hangUpOn(atA);
});

test('finds out at once that the network fell silent when the device comes back', async ({ phones, front, troubles }) => {
  troubles.allow(NO_CONNECTION);
  const phone = await phones.of(alice, { url: front.url });
  front.silence();
  await phone.page.evaluate(() => window.dispatchEvent(new Event('online')));
  await phone.expectLine('down');
  // The next attempt hangs, too; once the network is back, it is not waited for, unless it has only begun.
  await front.restore();
  await expect(async () => {
    await phone.page.evaluate(() => window.dispatchEvent(new Event('online')));
    await phone.expectLine('ready', { timeout: 3000 });
  }).toPass();
});

test('two tabs of one person both ring and both can call', async ({ phones }) => {
  const first = await phones.open();
  await first.signIn(alice, { remember: true });
  await first.expectLine('ready');
  await first.expectKept(1);
  const second = await phones.tab(first);
  await second.expectLine('ready');
  await first.expectLine('ready');

  const b = await phones.of(bob);
  const fromB = await b.call(alice);
  await expect(first.pop(bob)).toBeVisible();
  await expect(second.pop(bob)).toBeVisible();
  const card = await second.answer(bob);
  await card.expectPhase('active');
  await expect(first.pop(bob)).toHaveCount(0);
  await card.hangUpOn(fromB);

  const fromFirst = await first.call(bob);
  await expect(b.pop(alice)).toBeVisible();
  await fromFirst.hangUp();
});
