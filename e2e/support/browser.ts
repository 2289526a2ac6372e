/** A real Chromium with a microphone that beeps once a second. */

import type { PlaywrightTestConfig } from '@playwright/test';

const installed = process.env.E2E_CHROMIUM;

export const flags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--use-fake-device-for-media-stream',
  '--autoplay-policy=no-user-gesture-required',
  // Without a name server for .local names, calls would wait for them.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
];

export const chromium: PlaywrightTestConfig['use'] = {
  browserName: 'chromium',
  // The full browser, not the shell that Playwright takes for headless runs.
  channel: installed ? undefined : 'chromium',
  launchOptions: { executablePath: installed, args: flags },
};
