import { alice } from '../support/phone.ts';
import { readEverythingStored } from '../support/stored.ts';
import { expect, test } from '../support/test.ts';

test('signs in and says who is there', async ({ phones }) => {
  const phone = await phones.open();
  await phone.signIn(alice);
  await phone.expectLine('ready');
  await expect(phone.status).toHaveAccessibleName(/^Ready.*101/);
  await expect(phone.dialer).toBeVisible();
  await expect(phone.page).toHaveTitle(/Sidetone/);
});

test('says that the password is wrong, and takes the right one', async ({ phones }) => {
  const phone = await phones.open();
  await phone.signIn(alice, { password: 'demo-102' });
  await expect(phone.page.getByRole('alert').filter({ hasText: /password/i })).toBeVisible();
  await expect(phone.dialer).toHaveCount(0);
  await phone.signIn(alice);
  await phone.expectLine('ready');
});

test('asks for what is missing', async ({ phones }) => {
  const phone = await phones.open();
  await phone.button('Sign in').click();
  await expect(phone.page.getByRole('alert').filter({ hasText: 'extension' })).toBeVisible();
});

test('is remembered over a reload, and leaves nothing to read', async ({ phones }) => {
  const phone = await phones.open();
  await phone.signIn(alice, { remember: true });
  await phone.expectLine('ready');
  await phone.expectKept(1);
  await phone.page.reload();
  await phone.expectLine('ready');
  await expect(phone.status).toHaveAccessibleName(/101/);

  const stored = await phone.page.evaluate(readEverythingStored);
  expect(stored.records).toBe(1);
  expect(stored.text).not.toContain(alice.password);
  expect(stored.extractableKeys).toBe(0);

  await phone.signOut();
  await expect(phone.button('Sign in')).toBeVisible();
  await phone.expectKept(0);
  await phone.page.reload();
  await expect(phone.button('Sign in')).toBeVisible();
  await expect(phone.dialer).toHaveCount(0);
});

test('is forgotten over a reload unless asked to remember', async ({ phones }) => {
  const phone = await phones.of(alice);
  await phone.page.reload();
  await expect(phone.button('Sign in')).toBeVisible();
  const stored = await phone.page.evaluate(readEverythingStored);
  expect(stored.text).not.toContain(alice.password);
});
