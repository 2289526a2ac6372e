import AxeBuilder from '@axe-core/playwright';
import { screens } from '../support/screens.ts';
import { expect, test } from '../support/test.ts';

const sizes = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };
const themes = ['light', 'dark'] as const;

for (const screen of screens) {
  test(`${screen.name} is accessible and fits, wide and narrow, light and dark`, async ({ phones, front, another, troubles }) => {
    const options = { viewport: sizes.wide, reducedMotion: 'reduce' } as const;
    const { page } = await screen.show(phones, options, { front, troubles, another });
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      for (const theme of themes) {
        await page.emulateMedia({ colorScheme: theme });
        await page.screenshot({ path: `artifacts/${screen.name}-${size}-${theme}.png` });

        const { violations } = await new AxeBuilder({ page }).analyze();
        const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        const found = grave.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)]);
        expect.soft(found, `${size}, ${theme}`).toEqual([]);
        const width = await page.evaluate(() => document.documentElement.scrollWidth);
        expect.soft(width, `${size}: nothing sticks out sideways`).toBeLessThanOrEqual(viewport.width);
      }
    }
  });
}
