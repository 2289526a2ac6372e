/** A phone of other people in a browser: it holds, transfers and subscribes. */

import { expect, type BrowserContext, type Page } from '@playwright/test';
import { build } from 'esbuild';
import type { Person } from './phone.ts';

let bundled: Promise<string> | undefined;

async function script(): Promise<string> {
  const entryPoints = ['support/jssip-page.ts'];
  const { outputFiles } = await build({ entryPoints, bundle: true, write: false, platform: 'browser' });
  return outputFiles[0].text;
}

export class JsSip {
  private constructor(
    readonly page: Page,
    private readonly domain: string,
  ) {}

  /** Opens it as a page of the gateway and registers it. */
  static async open(context: BrowserContext, gateway: string, who: Person): Promise<JsSip> {
    bundled ??= script();
    const page = await context.newPage();
    // A page of the gateway that has no script of its own.
    await page.goto(`${gateway}/healthz`);
    await page.evaluate(await bundled);
    const [user, domain] = who.extension.split('@');
    await page.evaluate(
      ([user, domain, password]) => window.jssip.start(user, domain, password),
      [user, domain, who.password] as const,
    );
    const phone = new JsSip(page, domain);
    await phone.expect('registered');
    return phone;
  }

  /** Waits until this has happened. */
  async expect(event: string): Promise<void> {
    await expect.poll(() => this.events(), { timeout: 15_000 }).toContain(event);
  }

  /** What has happened, in order. */
  async events(): Promise<string[]> {
    return this.page.evaluate(() => window.jssip.events);
  }

  /** Forgets what has happened. */
  async forget(): Promise<void> {
    await this.page.evaluate(() => window.jssip.events.splice(0));
  }

  /** The last thing that subscriptions of this event were told matches. */
  async expectTold(event: string, body: RegExp): Promise<void> {
    const last = () =>
      this.page.evaluate((event) => window.jssip.told.findLast((told) => told.event === event)?.body ?? '', event);
    await expect.poll(last, { timeout: 15_000 }).toMatch(body);
  }

  address(number: string): string {
    return `sip:${number}@${this.domain}`;
  }

  /** Calls; answers the number of the session. */
  async dial(number: string): Promise<number> {
    return this.page.evaluate((target) => window.jssip.call(target), this.address(number));
  }

  /** Calls and is answered; answers the number of the session. */
  async call(number: string): Promise<number> {
    const at = await this.dial(number);
    await this.expect(`${at} talks`);
    return at;
  }

  async hold(at = -1): Promise<void> {
    await this.page.evaluate((at) => window.jssip.hold(at), at);
  }

  async resume(at = -1): Promise<void> {
    await this.page.evaluate((at) => window.jssip.resume(at), at);
  }

  async renew(at = -1): Promise<void> {
    await this.page.evaluate((at) => window.jssip.renew(at), at);
  }

  /** Sends the other end of a session to a number, or into the place of another session. */
  async refer(at: number, number: string, instead?: number): Promise<void> {
    const target = this.address(number);
    await this.page.evaluate(([at, target, instead]) => window.jssip.refer(at, target, instead), [at, target, instead] as const);
  }

  async hangUp(at = -1): Promise<void> {
    await this.page.evaluate((at) => window.jssip.hangUp(at), at);
  }

  async subscribe(number: string, event: string, accept: string): Promise<void> {
    await this.page.evaluate(
      ([target, event, accept]) => window.jssip.subscribe(target, event, accept),
      [this.address(number), event, accept] as const,
    );
  }
}
