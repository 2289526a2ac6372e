import { chromium } from '@playwright/test';
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
  const browser = await chromium.launch({
    executablePath: process.env.E2E_CHROMIUM,
    channel: process.env.E2E_CHROMIUM ? undefined : 'chromium',
    args: flags.filter((flag) => flag !== '--use-fake-device-for-media-stream'),
  });
  try {
    const context = await browser.newContext({ permissions: ['microphone'] });
    troubles.watch(context);
    const page = await context.newPage();
    await page.goto(gateway.url);
    const phone = new Phone(page);
    await phone.signIn(alice);
    await phone.expectLine('ready');
    await phone.call(echo);
    await expect(page.getByText('No microphone found')).toBeVisible();
  } finally {
    await browser.close();
  }
});
