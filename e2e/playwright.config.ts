import { defineConfig } from '@playwright/test';
import { chromium } from './support/browser.ts';

export default defineConfig({
  projects: [
    { name: 'browser tests', testDir: 'tests', testIgnore: 'pbx/**' },
    { name: 'tests with real PBXs', testDir: 'tests/pbx' },
  ],
  outputDir: 'test-results',
  forbidOnly: !!process.env.CI,
  fullyParallel: true,
  workers: 2,
  retries: 0,
  // No test takes as long on a machine that is slow and busy.
  timeout: 150_000,
  expect: { timeout: 10_000 },
  reporter: [['list'], ['json', { outputFile: process.env.PLAYWRIGHT_JSON_OUTPUT_NAME ?? 'test-results/results.json' }]],
  use: { ...chromium, trace: 'retain-on-failure' },
});
