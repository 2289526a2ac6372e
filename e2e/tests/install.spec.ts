import { chromium, type BrowserContext, type Page } from '@playwright/test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { flags } from '../support/browser.ts';
import { alice } from '../support/phone.ts';
import { expect, test } from '../support/test.ts';

/** A browser with a profile on disk: in a private window nothing can be installed. */
async function withProfile(use: (context: BrowserContext) => Promise<void>): Promise<void> {
  const profile = await mkdtemp(path.join(tmpdir(), 'sidetone-profile-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.E2E_CHROMIUM,
    channel: process.env.E2E_CHROMIUM ? undefined : 'chromium',
    args: flags,
    permissions: ['microphone', 'notifications'],
  });
  try {
    await use(context);
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/** The address of the worker that has taken charge of a page. */
async function worker(page: Page): Promise<string> {
  const charged = await page.waitForFunction(() => navigator.serviceWorker.controller?.scriptURL);
  return (await charged.jsonValue())!;
}

test('can be installed', async ({ gateway, troubles }) => {
  await withProfile(async (context) => {
    troubles.watch(context);
    const page = await context.newPage();
    await page.goto(gateway.url);
    expect(await worker(page)).toMatch(/^http:\/\/.*\.js$/);

    const devtools = await context.newCDPSession(page);
    const { installabilityErrors } = await devtools.send('Page.getInstallabilityErrors');
    expect(installabilityErrors).toEqual([]);
    const { data, errors } = await devtools.send('Page.getAppManifest');
    expect(errors).toEqual([]);
    const manifest = JSON.parse(data!) as { name: string; icons: { src: string; type: string }[] };
    expect(manifest.name).toContain('Sidetone');
    for (const icon of manifest.icons) {
      const answer = await page.request.get(new URL(icon.src, page.url()).href);
      expect(answer.status(), icon.src).toBe(200);
      expect(answer.headers()['content-type'], icon.src).toContain(icon.type);
    }
  });
});

test('starts without the network', async ({ phones, front, troubles }) => {
  troubles.allow(/WebSocket connection to|Failed to load resource|ERR_|Failed to fetch/);
  const phone = await phones.open({ url: front.url });
  await worker(phone.page);
  // The first visit filled the worker's cache; the second is served from there.
  await phone.page.reload();
  await expect(phone.button('Sign in')).toBeVisible();
  await front.cut();
  await phone.page.reload();
  await expect(phone.button('Sign in')).toBeVisible();
});

test('offers a newer version, and takes it when told', async ({ phones, front }) => {
  const phone = await phones.open({ url: front.url });
  await phone.signIn(alice, { remember: true });
  await phone.expectLine('ready');
  await phone.expectKept(1);
  const path = new URL(await worker(phone.page)).pathname;
  const toast = phone.button('Reload now');
  await expect(toast).toHaveCount(0);

  front.edit(path, (body) => `${body}\n// A newer version.\n`);
  await phone.page.evaluate(async () => (await navigator.serviceWorker.ready).update());
  await expect(toast).toBeVisible();
  const reloaded = phone.page.waitForEvent('load');
  await toast.click();
  await reloaded;
  await phone.expectLine('ready');
  await expect(toast).toHaveCount(0);
});

test('finds a newer version when the gateway comes back', async ({ phones, front, troubles }) => {
  troubles.allow(/WebSocket connection to|Failed to load resource|ERR_|Failed to fetch|fetching the script/);
  const phone = await phones.of(alice, { url: front.url });
  const toast = phone.button('Reload now');
  await front.cut();
  await phone.expectLine('down');
  await front.restore();
  await phone.expectLine('ready');
  await expect(toast).toHaveCount(0);

  await front.cut();
  await phone.expectLine('down');
  front.edit('/', (body) => body.replaceAll(/sidetone-app-[0-9a-f]+/g, 'sidetone-app-0123456789abcdef'));
  await front.restore();
  await phone.expectLine('ready');
  await expect(toast).toBeVisible();
});
