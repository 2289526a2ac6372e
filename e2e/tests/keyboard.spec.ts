import type { Page } from '@playwright/test';
import { alice, bob } from '../support/phone.ts';
import { expect, test } from '../support/test.ts';

/** Goes on with Tab until the control of this name has the focus, which must show. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 40; presses += 1) {
    await page.keyboard.press('Tab');
    const focused = page.locator(':focus');
    if ((await focused.count()) === 1 && name.test(await focused.evaluate(accessibleName))) {
      expect(await focused.evaluate(hasRing), `${name} shows that it has the focus`).toBe(true);
      return;
    }
  }
  throw new Error(`No way by Tab to ${name}`);
}

/** A field may let its frame show the ring. */
function hasRing(element: Element): boolean {
  const { outlineStyle, outlineWidth } = getComputedStyle(element);
  if (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) return true;
  return element.parentElement?.matches(':focus-within') === true && element.tagName === 'INPUT'
    ? hasRing(element.parentElement)
    : false;
}

const accessibleName = (element: Element): string =>
  element.getAttribute('aria-label') ??
  ((element as HTMLInputElement).labels?.[0]?.textContent || element.textContent || '').trim();

test('signs in, calls, answers and hangs up by keyboard alone', async ({ phones }) => {
  const a = await phones.open();
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
  await a.page.keyboard.press('Enter');
  await a.card(bob).expectEnd('You hung up');
  await b.card(alice).expectEnd('They hung up');
});
