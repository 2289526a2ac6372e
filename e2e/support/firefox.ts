/**
 * A real Firefox, whose microphone hums. Playwright drives only one that it has changed, so this is
 * another driver with few words.
 */

import puppeteer, { type Browser, type Locator, type Page } from 'puppeteer-core';
import { expect } from '@playwright/test';
import { expectSilence, expectSound, installProbe } from './probe.ts';
import type { Person } from './phone.ts';

export const FIREFOX = process.env.E2E_FIREFOX;

export class Firefox {
  private constructor(private readonly browser: Browser) {}

  static async start(): Promise<Firefox> {
    const extraPrefsFirefox = {
      'media.navigator.streams.fake': true,
      'media.navigator.permission.disabled': true,
      'media.autoplay.default': 0,
      // Without a name server for .local names, calls would wait for them.
      'media.peerconnection.ice.obfuscate_host_addresses': false,
    };
    return new Firefox(await puppeteer.launch({ browser: 'firefox', executablePath: FIREFOX, extraPrefsFirefox }));
  }

  /** A tab that shows the sign-in page. */
  async open(url: string): Promise<FirefoxPhone> {
    const page = await this.browser.newPage();
    await page.evaluateOnNewDocument(installProbe);
    await page.goto(url);
    return new FirefoxPhone(page);
  }

  async stop(): Promise<void> {
    await this.browser.close();
  }
}

/** The app in one of its tabs. */
export class FirefoxPhone {
  constructor(readonly page: Page) {}

  async signIn(who: Person): Promise<void> {
    await this.locate('#extension').fill(who.extension);
    await this.locate('#password').fill(who.password);
    await this.press('Sign in');
    await this.expectLine('ready');
  }

  async expectLine(line: string): Promise<void> {
    await this.page.waitForSelector(`[role="status"][data-line="${line}"]`);
  }

  async call(number: string): Promise<void> {
    await this.locate('#dialer').fill(number);
    await this.press('Call');
  }

  /** What the only card says that there is. */
  async expectPhase(phase: string): Promise<void> {
    const phases = () => this.page.$$eval('article[data-phase]', (cards) => cards.map((card) => card.dataset.phase));
    await expect.poll(phases).toEqual([phase]);
  }

  /** What is heard is our own sound that comes back: without it there is none. */
  async expectEcho(): Promise<void> {
    await this.expectPhase('active');
    await expectSound(this.page);
    await this.press('Mute');
    await expectSilence(this.page);
  }

  /** In the DTLS handshake, as they have answered. */
  async rolesOfOthers(): Promise<(string | undefined)[]> {
    return this.page.evaluate(() => {
      const answers = window.probe.peers.flatMap((peer) => peer.currentRemoteDescription ?? []);
      return answers.map(({ sdp }) => /^a=setup:(\w+)/m.exec(sdp)?.[1]);
    });
  }

  /** Clicks the button of this name, once it is there. */
  async press(name: string): Promise<void> {
    await this.locate(`::-p-aria([name="${name}"][role="button"])`).click();
  }

  /**
   * What is asked for here is never disabled. The driver would look whether it is by a function that it
   * makes of a text, and the app's Content-Security-Policy forbids that.
   */
  private locate(selector: string): Locator<Element> {
    return this.page.locator(selector).setWaitForEnabled(false);
  }
}
