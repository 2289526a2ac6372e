/** Servers that help to find a way for sound: who has signed in gets credentials of them. */

import { alice, type Phone } from '../support/phone.ts';
import { expect, test } from '../support/test.ts';

const PATH = '/api/v1/ice-servers';

const config = `
demo = true

[[ice_server]]
urls = ["turn:turn.invalid"]
secret = "known to both"
`;

/** What new peer connections use, and what was asked for it. */
const servers = (phone: Phone) =>
  phone.page.evaluate(() => (globalThis as unknown as { sidetone: { ice?: RTCIceServer[] } }).sidetone.ice);

for (const way of ['extension', 'name'] as const) {
  test(`who signs in by ${way} gets credentials, and nobody before`, async ({ another, phones }) => {
    const gateway = await another({ config });
    const phone = await phones.open({ url: gateway.url });
    const { page } = phone;
    const asked: string[] = [];
    page.on('request', (request) => asked.push(new URL(request.url()).pathname));
    await page.reload();
    await expect(phone.button('Sign in')).toBeVisible();
    expect((await page.request.get(gateway.url + PATH)).status()).toBe(401);
    expect(asked).not.toContain(PATH);
    if (way === 'name') {
      await phone.button('Use your name instead').click();
      await phone.signInByName('alice', 'alice-demo');
    } else {
      await phone.signIn(alice);
    }
    await phone.expectLine('ready');
    await expect.poll(() => servers(phone)).toEqual([
      { urls: ['turn:turn.invalid'], username: expect.any(String), credential: expect.any(String) },
    ]);
    expect(asked.filter((path) => path === PATH)).toHaveLength(1);
  });
}
