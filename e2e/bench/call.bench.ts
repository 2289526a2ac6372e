/** A call's set-up, step by step: Sidetone beside a bare JsSIP page, in turns, on one gateway. */

import type { Browser, Page } from '@playwright/test';
import { build } from 'esbuild';
import type { Front } from '../support/front.ts';
import { Phone, alice, bob, carol, type Person } from '../support/phone.ts';
import { expect, test } from '../support/test.ts';
import { installStopwatch, type Times } from './stopwatch.ts';

const ROUNDS = Number(process.env.ROUNDS ?? 20);
const STEPS = {
  registered: 'cold page load to registered',
  invite: 'call command to INVITE on the socket',
  ringing: 'call command to 180',
  sound: 'call command to first remote sound',
} as const;

type Step = keyof typeof STEPS;
type Contestant = { page: Page; load(): Promise<void>; hangUp(): Promise<void>; times: Record<Step, number[]> };

test('call set-up', async ({ browser, front }) => {
  const { outputFiles } = await build({
    entryPoints: ['bench/jssip-page.ts'], bundle: true, minify: true, write: false, platform: 'browser',
  });
  front.serve('/jssip.js', { type: 'text/javascript', body: outputFiles[0].text });
  const body = '<!doctype html><title>JsSIP</title><body><script src="/jssip.js"></script>';
  front.serve('/jssip.html', { type: 'text/html', body });

  const callee = await jssip(browser, front, carol);
  await callee.load();
  const ours = await sidetone(browser, front, alice);
  const theirs = await jssip(browser, front, bob);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contestant of round % 2 ? [ours, theirs] : [theirs, ours]) await race(contestant);
  }
  report(ours, theirs);
});

async function race(contestant: Contestant): Promise<void> {
  const { page, times } = contestant;
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Network.clearBrowserCache');
  await devtools.send('Network.setBypassServiceWorker', { bypass: true });
  await contestant.load();
  times.registered.push((await reached(page, 'registered')).registered!);

  for (const [number, step] of [['600', 'sound'], [carol.extension, 'ringing']] as const) {
    await page.getByLabel('Name or number').fill(number);
    await page.getByRole('button', { name: 'Call', exact: true }).click();
    const { call, invite, [step]: end } = await reached(page, step);
    times[step].push(end! - call!);
    if (step === 'sound') times.invite.push(invite! - call!);
    await contestant.hangUp();
  }
  await devtools.detach();
}

/** The page's times, once it has come this far. */
async function reached(page: Page, step: Step): Promise<Times> {
  const times = () => page.evaluate(() => window.times);
  await expect.poll(times, { message: `${step} at ${page.url()}`, timeout: 15_000 }).toHaveProperty(step);
  return times();
}

async function newPage(browser: Browser): Promise<Page> {
  const context = await browser.newContext({ permissions: ['microphone'] });
  await context.addInitScript(installStopwatch);
  return context.newPage();
}

const noTimes = (): Contestant['times'] => ({ registered: [], invite: [], ringing: [], sound: [] });

async function sidetone(browser: Browser, front: Front, who: Person): Promise<Contestant> {
  const page = await newPage(browser);
  const phone = new Phone(page);
  await page.goto(front.url);
  await phone.signIn(who, { remember: true });
  await phone.expectLine('ready');
  return {
    page,
    times: noTimes(),
    async load() {
      await page.goto('about:blank');
      await page.goto(front.url);
      await phone.expectLine('ready');
    },
    async hangUp() {
      await phone.button('Hang up').click();
      await phone.button('Dismiss').click();
      await expect(phone.cards).toHaveCount(0);
    },
  };
}

async function jssip(browser: Browser, front: Front, who: Person): Promise<Contestant> {
  const page = await newPage(browser);
  return {
    page,
    times: noTimes(),
    async load() {
      await page.goto('about:blank');
      await page.goto(`${front.url}/jssip.html#${who.extension}:${who.password}`);
      await expect(page).toHaveTitle('Ready');
    },
    hangUp: () => page.getByRole('button', { name: 'Hang up' }).click(),
  };
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function report(ours: Contestant, theirs: Contestant): void {
  console.log(`\n${'ms, medians of ' + ROUNDS}`.padEnd(42), 'Sidetone   JsSIP   ratio');
  for (const step of Object.keys(STEPS) as Step[]) {
    const [a, b] = [median(ours.times[step]), median(theirs.times[step])];
    const verdict = a <= b / 2 ? 'within the aim' : a <= b ? 'within the budget' : 'TOO SLOW';
    console.log(
      STEPS[step].padEnd(40), a.toFixed(0).padStart(9), b.toFixed(0).padStart(8), (a / b).toFixed(2).padStart(7), verdict,
    );
  }
}
