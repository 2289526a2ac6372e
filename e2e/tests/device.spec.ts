import { chromium, type BrowserContext } from '@playwright/test';
import { flags } from '../support/browser.ts';
import { Phone, alice, echo } from '../support/phone.ts';
import { expect, test } from '../support/test.ts';

test('a blocked microphone is named, with what to do', async ({ phones }) => {
  const phone = await phones.open({ microphone: 'denied' });
  await phone.signIn(alice);
  await phone.expectLine('ready');
  const card = await phone.call(echo);
  await card.expectEnd('The microphone is blocked. Allow it');
  await expect(phone.page.getByText('The microphone is blocked', { exact: true })).toBeVisible();
});

test('a missing microphone is named, with what to do', async ({ gateway, troubles }) => {
  const args = flags.filter((flag) => flag !== '--use-fake-device-for-media-stream');
  await withFlags(args, async (context) => {
    troubles.watch(context);
    await context.grantPermissions(['microphone']);
    const phone = await signedIn(context, gateway.url);
    await phone.call(echo);
    await expect(phone.page.getByText('No microphone found')).toBeVisible();
  });
});

test('a page that is not secure is named, with what to do', async ({ gateway, troubles }) => {
  const args = [...flags, '--host-resolver-rules=MAP phone.example 127.0.0.1'];
  await withFlags(args, async (context) => {
    troubles.watch(context);
    troubles.allow(/Cross-Origin-Opener-Policy header has been ignored/);
    const phone = await signedIn(context, gateway.url.replace('localhost', 'phone.example'));
    const { page } = phone;
    await expect(page.getByText("This page isn't secure")).toBeVisible();
    await phone.call(echo);
    await expect(page.getByText('Browsers allow the microphone on secure pages only.')).toBeVisible();
    await expect(phone.cards).toHaveCount(0);
    await expect(page.getByRole('region', { name: 'Notices' }).getByRole('alert')).toHaveCount(1);
  });
});

/** A browser of its own, started with these flags. */
async function withFlags(args: string[], use: (context: BrowserContext) => Promise<void>): Promise<void> {
  const browser = await chromium.launch({
    executablePath: process.env.E2E_CHROMIUM,
    channel: process.env.E2E_CHROMIUM ? undefined : 'chromium',
    args,
  });
  try {
    await use(await browser.newContext());
  } finally {
    await browser.close();
  }
}

async function signedIn(context: BrowserContext, url: string): Promise<Phone> {
  const page = await context.newPage();
  await page.goto(url);
  const phone = new Phone(page);
  await phone.signIn(alice);
  await phone.expectLine('ready');
  return phone;
}
