import AxeBuilder from '@axe-core/playwright';
import { screens } from '../support/screens.ts';
import { expect, test } from '../support/test.ts';

const sizes = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } };
const themes = ['light', 'dark'] as const;

for (const screen of screens) {
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const theme of themes) {
      test(`${screen.name}, ${size}, ${theme}`, async ({ phones }) => {
        const { page } = await screen.show(phones, { viewport, colorScheme: theme, reducedMotion: 'reduce' });
        await page.screenshot({ path: `artifacts/${screen.name}-${size}-${theme}.png` });

        const { violations } = await new AxeBuilder({ page }).analyze();
        const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
        expect(grave.map(({ id, nodes }) => [id, ...nodes.map(({ html }) => html)])).toEqual([]);
        // Nothing sticks out sideways.
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
      });
    }
  }
}
