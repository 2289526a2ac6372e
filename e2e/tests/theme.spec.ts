import { expect, test } from '../support/test.ts';

test('follows the system or the choice, which lasts', async ({ phones }) => {
  const { page } = await phones.open({ colorScheme: 'light' });
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const button = page.getByRole('button', { name: /^Theme: / });
  const light = await background();
  await page.emulateMedia({ colorScheme: 'dark' });
  await expect.poll(background).not.toBe(light);
  const dark = await background();

  await expect(button).toHaveAccessibleName('Theme: system');
  await button.click();
  await expect(button).toHaveAccessibleName('Theme: light');
  await expect.poll(background).toBe(light);
  await page.reload();
  await expect(button).toHaveAccessibleName('Theme: light');
  expect(await background()).toBe(light);

  await button.click();
  await expect(button).toHaveAccessibleName('Theme: dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await expect.poll(background).toBe(dark);
});
