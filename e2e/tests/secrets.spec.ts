/** Accounts whose passwords stay in the gateway: what the browser gets to see of them. */

import { randomBytes } from 'node:crypto';
import type { BrowserContext } from '@playwright/test';
import { ann, PASSWORD, severalAccounts } from '../support/ann.ts';
import { Gateway } from '../support/gateway.ts';
import { Phone } from '../support/phone.ts';
import { Registrar } from '../support/registrar.ts';
import { readEverythingStored } from '../support/stored.ts';
import { expect, test } from '../support/test.ts';

/** A word that is nowhere by chance. */
const canary = (): string => `c${randomBytes(18).toString('hex')}y`;

/** The forms in which a word could be recognised. */
const forms = (word: string): string[] => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  // Of something longer: what doesn't depend on what is around it.
  const within = ['', 'x', 'xx'].map((before) => base64(before + word).slice(4, -8));
  return [word, word.toUpperCase(), [...word].reverse().join(''), Buffer.from(word).toString('hex'), ...within];
};

/** All that a browser was sent, and all that it has said. */
class Traffic {
  readonly seen = new Map<string, string>();
  private readonly pending: Promise<void>[] = [];

  watch(context: BrowserContext): void {
    context.on('request', (request) => {
      this.pending.push((async () => {
        const headers = await request.allHeaders().catch(() => request.headers());
        this.add(`asked ${request.url()}`, JSON.stringify(headers) + (request.postData() ?? ''));
      })());
    });
    context.on('response', (response) => {
      this.pending.push((async () => {
        const headers = await response.headersArray().catch(() => response.headers());
        const body = await response.body().catch(() => Buffer.of());
        this.add(`heard ${response.url()}`, JSON.stringify(headers) + body.toString('latin1'));
      })());
    });
    context.on('page', (page) => {
      page.on('websocket', (socket) => {
        socket.on('framereceived', ({ payload }) => this.add('heard the WebSocket', payload.toString()));
        socket.on('framesent', ({ payload }) => this.add('asked the WebSocket', payload.toString()));
      });
    });
  }

  async settle(): Promise<void> {
    await Promise.all(this.pending);
  }

  placesOf(word: string): string[] {
    const recognised = forms(word);
    return [...this.seen].filter(([, text]) => recognised.some((form) => text.includes(form))).map(([place]) => place);
  }

  private add(place: string, text: string): void {
    this.seen.set(place, (this.seen.get(place) ?? '') + text);
  }
}

const config = (secret: string, name: string): string => `
[switch]
domain = "own.example"

[[extension]]
number = "201"
name = "${name}"
secret = "${secret}"
${ann()}
[[account]]
person = "ann"
user = "201"
`;

test('signs in by name with a password that never reaches the browser', async ({ browser, troubles }) => {
  const [secret, name] = [canary(), canary()];
  const gateway = await Gateway.start({ settings: { SIDETONE_LOG_FILTER: 'trace' }, config: config(secret, name) });
  const context = await browser.newContext({ permissions: ['microphone', 'notifications'] });
  try {
    troubles.watch(context);
    // A wrong password is an answer of 401.
    troubles.allow(/401/);
    const traffic = new Traffic();
    traffic.watch(context);
    const page = await context.newPage();
    await page.goto(gateway.url);
    const phone = new Phone(page);
    await phone.signInByName('ann', 'another password');
    await expect(page.getByRole('alert').filter({ hasText: 'Name or password is wrong. Check both.' })).toBeVisible();
    await phone.signInByName('ann', PASSWORD);
    await phone.expectLine('ready');
    await expect(phone.status).toHaveAccessibleName(/^Ready.*201/);
    // Only a demonstration says what its services are called.
    const card = await phone.call({ extension: '600', name: '600' });
    await card.expectPhase('active');
    await card.hangUp();

    // The session outlives the page.
    await page.reload();
    await phone.expectLine('ready');

    const found = async () => (await page.evaluate(readEverythingStored)).text + JSON.stringify(await context.cookies());
    const has = (text: string, word: string) => forms(word).some((form) => text.includes(form));
    expect(has(await found(), secret)).toBe(false);
    expect(await page.evaluate(() => document.cookie)).toBe('');
    await traffic.settle();
    expect(traffic.placesOf(secret)).toEqual([]);
    expect(gateway.log()).not.toContain(secret);
    expect(gateway.log()).toContain('TRACE');

    // The search finds what does go to the browser, and whatever is kept there.
    expect(traffic.placesOf(name)).toContain(`heard ${gateway.url}/api/v1/session`);
    expect(traffic.placesOf('z9hG4bK')).toEqual(expect.arrayContaining(['heard the WebSocket', 'asked the WebSocket']));
    for (const plant of [
      (word: string) => localStorage.setItem('planted', word),
      (word: string) => sessionStorage.setItem('planted', word),
      (word: string) => void (document.cookie = `planted=${word}`),
      async (word: string) => (await caches.open('planted')).put('/planted', new Response(word)),
      (word: string) =>
        new Promise<void>((done) => {
          const opening = indexedDB.open('planted', 1);
          opening.onupgradeneeded = () => opening.result.createObjectStore('store').put({ text: word }, 1);
          opening.onsuccess = () => done(opening.result.close());
        }),
    ]) {
      const planted = canary();
      expect(has(await found(), planted)).toBe(false);
      await page.evaluate(plant, planted);
      expect(has(await found(), planted)).toBe(true);
    }

    await phone.signOut();
    await expect(phone.button('Sign in')).toBeVisible();
    await page.reload();
    await expect(page.getByRole('textbox', { name: 'Name' })).toBeVisible();
    await expect(phone.dialer).toHaveCount(0);
  } finally {
    await context.close();
    await gateway.stop();
  }
});

const withPbx = test.extend<{ pbx: Registrar }>({
  pbx: async ({}, use) => {
    const pbx = await Registrar.start(canary());
    await use(pbx);
    pbx.stop();
  },
});

withPbx('whoever signs out is registered nowhere any more, and out in every tab', async ({ pbx, another, phones, troubles }) => {
  // The other tab asks for its way back in.
  troubles.allow(/401/);
  const gateway = await another({
    settings: { SIDETONE_BRIDGE_LISTEN: '127.0.0.1:0', SIDETONE_ACCOUNT_0_SECRET: pbx.password },
    config: `
[[upstream]]
name = "office"
domain = "office.example"
uri = "sip:127.0.0.1:${pbx.port};transport=udp"
keep_alive = "off"
${ann()}
[[account]]
person = "ann"
upstream = "office"
user = "201"
`,
  });
  const phone = await phones.open({ url: gateway.url });
  await phone.signInByName('ann', PASSWORD);
  await phone.expectLine('ready');
  expect(pbx.contacts.size).toBe(1);
  await phone.signOut();
  await expect(phone.button('Sign in')).toBeVisible();
  await expect.poll(() => pbx.contacts.size).toBe(0);
  expect(pbx.granted).toEqual([600, 0]);

  await phone.signInByName('ann', PASSWORD);
  await phone.expectLine('ready');
  const tab = await phones.tab(phone);
  await tab.expectLine('ready');
  expect(pbx.contacts.size).toBe(2);
  await phone.signOut();
  await expect(tab.page.getByRole('alert').filter({ hasText: 'Your session is over. Sign in again.' })).toBeVisible();
  await expect(tab.dialer).toHaveCount(0);
  await expect(phone.button('Sign in')).toBeVisible();
  expect(pbx.contacts.size).toBe(1);
});

test('who signs out and at once in again is in', async ({ phones }) => {
  const phone = await phones.open();
  const { page } = phone;
  await phone.button('Use your name instead').click();
  await phone.signInByName('alice', 'alice-demo');
  await phone.expectLine('ready');
  // The network holds up what ends the session.
  let letGo = () => {};
  const held = new Promise<void>((done) => (letGo = done));
  await page.route('**/api/v1/session', async (route) => {
    if (route.request().method() === 'DELETE') await held;
    await route.continue();
  });
  await phone.signOut();
  await phone.button('Use your name instead').click();
  await phone.signInByName('bob', 'bob-demo');
  letGo();
  await phone.expectLine('ready');
  await expect(phone.status).toHaveAccessibleName(/^Ready.*102/);
  await page.reload();
  await phone.expectLine('ready');
  await expect(phone.status).toHaveAccessibleName(/^Ready.*102/);
});

test('whoever has several accounts chooses one', async ({ another, phones }) => {
  const gateway = await another({ config: severalAccounts(['202', 'Front desk'], ['201', 'Ann']) });
  const phone = await phones.open({ url: gateway.url });
  const { page } = phone;
  const signIn = async () => {
    await phone.signInByName('ann', PASSWORD);
    const choice = page.getByRole('region', { name: 'Which account do you want to use?' });
    await expect(choice.getByRole('button')).toHaveText(['Ann 201@own.example', 'Front desk 202@own.example']);
    await expect(phone.button('Sign in')).toBeHidden();
    return choice;
  };
  const first = await signIn();
  await first.getByRole('button', { name: 'Front desk' }).click();
  await phone.expectLine('ready');
  await expect(phone.status).toHaveAccessibleName(/^Ready.*202/);
  await page.reload();
  await phone.expectLine('ready');
  await expect(phone.status).toHaveAccessibleName(/^Ready.*202/);
  await phone.signOut();
  const second = await signIn();
  await second.getByRole('button', { name: 'Ann' }).click();
  await phone.expectLine('ready');
  await expect(phone.status).toHaveAccessibleName(/^Ready.*201/);
});

test('a second click asks the gateway no second time', async ({ phones }) => {
  const phone = await phones.open();
  const { page } = phone;
  let letGo = () => {};
  const held = new Promise<void>((done) => (letGo = done));
  let asked = 0;
  await page.route('**/api/v1/session', async (route) => {
    asked += 1;
    await held;
    await route.continue();
  });
  await phone.button('Use your name instead').click();
  await phone.signInByName('alice', 'alice-demo');
  await expect(phone.button('Connecting…')).toBeDisabled();
  await page.getByRole('textbox', { name: 'Password' }).press('Enter');
  letGo();
  await phone.expectLine('ready');
  expect(asked).toBe(1);
});

test('a demonstration knows its people by name, too', async ({ phones }) => {
  const phone = await phones.open();
  await phone.button('Use your name instead').click();
  await phone.signInByName('alice', 'alice-demo');
  await phone.expectLine('ready');
  await expect(phone.status).toHaveAccessibleName(/^Ready.*101/);
});

test('comes back by itself when the gateway was away', async ({ phones, front, troubles }) => {
  troubles.allow(/WebSocket connection to|Failed to load resource|ERR_CONNECTION|Failed to fetch|fetching the script/);
  const phone = await phones.open({ url: front.url });
  await phone.button('Use your name instead').click();
  await phone.signInByName('alice', 'alice-demo');
  await phone.expectLine('ready');
  await front.cut();
  await phone.expectLine('down');
  await front.restore();
  await phone.expectLine('ready');
});
