import type { Page, Worker } from '@playwright/test';
import { alice, bob, type Phone } from '../support/phone.ts';
import { expectSound } from '../support/probe.ts';
import { expect, test, type Phones } from '../support/test.ts';

type Shown = { title: string; body: string; actions: string[] };

/** What `static/sw.js` has for its own use. */
declare const registration: ServiceWorkerRegistration;
declare const choose: (data: unknown, choice: string) => Promise<void>;
/** How many notifications it has shown, as `count` has it. */
declare let counted: number;

/** Bob's phone in a page that is out of sight, and the worker that speaks for it. */
async function hidden(phones: Phones): Promise<{ phone: Phone; worker: Worker }> {
  const phone = await phones.open();
  await phone.page.waitForFunction(() => navigator.serviceWorker.controller);
  await phone.signIn(bob);
  await phone.expectLine('ready');
  await hide(phone.page);
  const context = phone.page.context();
  const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
  await worker.evaluate(count);
  return { phone, worker };
}

/** Puts a page out of sight, as far as it can tell. */
function hide(page: Page): Promise<void> {
  return page.evaluate(() => {
    Object.defineProperty(document, 'hidden', { value: true, configurable: true });
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
}

/** Runs in the worker. */
function count(): void {
  Object.assign(globalThis, { counted: 0 });
  const show = registration.showNotification.bind(registration);
  registration.showNotification = async (...notification) => {
    await show(...notification);
    counted += 1;
  };
}

const shown = (worker: Worker): Promise<Shown[]> =>
  worker.evaluate(async () => {
    const notifications = (await registration.getNotifications()) as (Notification & { actions: { title: string }[] })[];
    return notifications.map(({ title, body, actions }) => ({ title, body, actions: actions.map((it) => it.title) }));
  });

/**
 * Presses a button of the one notification. No driver can press a real one, so this begins where
 * the worker knows which it was; the browser lets only a real press bring the tab to the front.
 */
const press = (worker: Worker, button: string): Promise<void> =>
  worker.evaluate(async (button) => {
    const [notification] = await registration.getNotifications();
    notification!.close();
    await choose(notification!.data, button).catch((error: DOMException) => {
      if (error.name !== 'InvalidAccessError') throw error;
    });
  }, button);

/**
 * Waits for the notification of a call; it is the first, or the second. Whoever keeps asking for notifications
 * loses one: if the browser is just about to show it, it takes it for gone.
 */
async function expectCall(worker: Worker, call: number): Promise<void> {
  await expect.poll(() => worker.evaluate(() => counted)).toBe(call);
  expect(await shown(worker)).toEqual([fromAlice]);
}

const fromAlice: Shown = { title: 'Alice', body: '101 is calling', actions: ['Answer', 'Reject'] };

test('a call is answered from its notification', async ({ phones }) => {
  const [a, b] = await Promise.all([phones.of(alice), hidden(phones)]);
  expect(await shown(b.worker)).toEqual([]);
  const atA = await a.call(bob);
  await expectCall(b.worker, 1);
  await press(b.worker, 'answer');
  await b.phone.card(alice).expectPhase('active');
  await atA.expectPhase('active');
  await expectSound(a.page);
  expect(await shown(b.worker)).toEqual([]);
});

test('a call is rejected from its notification', async ({ phones }) => {
  const [a, b] = await Promise.all([phones.of(alice), hidden(phones)]);
  const atA = await a.call(bob);
  await expectCall(b.worker, 1);
  await press(b.worker, 'reject');
  await atA.expectEnd('Declined');
  expect(await shown(b.worker)).toEqual([]);
});

test('a notification goes when the caller gives up, and comes when the page is left while it rings', async ({ phones }) => {
  const [a, b] = await Promise.all([phones.of(alice), hidden(phones)]);
  const first = await a.call(bob);
  await expectCall(b.worker, 1);
  await first.hangUp();
  await first.button('Dismiss').click();
  await expect.poll(() => shown(b.worker)).toEqual([]);

  await b.phone.page.evaluate(() => Object.defineProperty(document, 'hidden', { value: false, configurable: true }));
  await a.call(bob);
  await expect(b.phone.pop(alice)).toBeVisible();
  expect(await shown(b.worker)).toEqual([]);
  await hide(b.phone.page);
  await expectCall(b.worker, 2);
});
