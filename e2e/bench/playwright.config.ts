import { defineConfig } from '@playwright/test';
import { chromium } from '../support/browser.ts';

export default defineConfig({
  testDir: '.',
  testMatch: '*.bench.ts',
  outputDir: '../test-results/bench',
  workers: 1,
  timeout: 600_000,
  expect: { timeout: 15_000 },
  reporter: 'line',
  use: chromium,
});
