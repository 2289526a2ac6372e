import type { Page } from '@playwright/test';
import { alice, bob } from '../support/phone.ts';
import { expect, test } from '../support/test.ts';

/** Goes on with Tab until the control of this name has the focus, which must show. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const { name: focused, ring } = await page.evaluate(focus);
    if (name.test(focused)) {
      expect(ring, `${name} shows that it has the focus`).toBe(true);
      return;
    }
  }
  throw new Error(`No way by Tab to ${name}`);
}

/** Runs in the page: what has the focus, all in one moment. */
function focus(): { name: string; ring: boolean } {
  const element = document.querySelector<HTMLInputElement>(':focus');
  const hasRing = (element?: Element | null): boolean => {
    if (!element) return false;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    if (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) return true;
    // A field may let its frame show the ring.
    return element.tagName === 'INPUT' && hasRing(element.parentElement);
  };
  const name = element?.getAttribute('aria-label') ?? element?.labels?.[0]?.textContent ?? element?.textContent ?? '';
  return { name: name.trim(), ring: hasRing(element) };
}

test('signs in, calls, answers and hangs up by keyboard alone', async ({ phones }) => {
  const a = await phones.open();
  await expect(a.button('Sign in')).toBeVisible();
  await tabTo(a.page, /^Extension/);
  await a.page.keyboard.type(alice.extension);
  await tabTo(a.page, /^Password/);
  await a.page.keyboard.type(alice.password);
  await a.page.keyboard.press('Enter');
  await a.expectLine('ready');

  const b = await phones.of(bob);
  await tabTo(a.page, /^Name or number/);
  await a.page.keyboard.type(bob.extension);
  await a.page.keyboard.press('Enter');
  await expect(b.pop(alice)).toBeVisible();

  await tabTo(b.page, /^Answer/);
  await b.page.keyboard.press('Enter');
  await b.card(alice).expectPhase('active');
  await a.card(bob).expectPhase('active');

  await tabTo(a.page, /^Mute/);
  await a.page.keyboard.press('Space');
  await expect(a.card(bob).button('Mute')).toHaveAttribute('aria-pressed', 'true');
  await tabTo(a.page, /^Hang up/);
  await Promise.all([
    a.card(bob).expectEnd('You hung up'),
    b.card(alice).expectEnd('They hung up'),
    a.page.keyboard.press('Enter'),
  ]);
});
