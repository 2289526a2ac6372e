/** The fixtures: a gateway for each test, and as many phones as it wants. */

import {
  test as base,
  expect,
  type BrowserContext,
  type BrowserContextOptions,
  type TestInfo,
} from '@playwright/test';
import { Front } from './front.ts';
import { Gateway, type Configured } from './gateway.ts';
import { Phone, type Person } from './phone.ts';
import { installProbe } from './probe.ts';
import { Troubles } from './troubles.ts';

export type OpenOptions = BrowserContextOptions & { microphone?: 'granted' | 'denied'; url?: string };

export type Phones = {
  /** A browser of its own that shows the sign-in page. */
  open(options?: OpenOptions): Promise<Phone>;
  /** The same, signed in and ready. */
  of(person: Person, options?: OpenOptions): Promise<Phone>;
  /** Another tab of the same browser. */
  tab(phone: Phone): Promise<Phone>;
};

type Options = {
  /** Variables of the gateway, such as `SIDETONE_SWITCH_NO_ANSWER`. */
  settings: Record<string, string>;
};

type Fixtures = {
  gateway: Gateway;
  /** Starts one more. It ends after the phones, which would complain of it. */
  another: (configured: Configured) => Promise<Gateway>;
  /** A cable to the gateway that can be cut. */
  front: Front;
  /** Errors the browsers reported; a test fails for those it did not allow. */
  troubles: Troubles;
  phones: Phones;
};

/** Lets a test use a gateway, and looks how it fared. */
export async function lend(gateway: Gateway, use: (gateway: Gateway) => Promise<void>, info: TestInfo) {
  await use(gateway);
  await end(gateway, info);
}

async function end(gateway: Gateway, info: TestInfo): Promise<void> {
  const survived = gateway.alive;
  await gateway.stop();
  if (info.status !== info.expectedStatus) {
    await info.attach('gateway.log', { body: gateway.log(), contentType: 'text/plain' });
  }
  expect(survived, `The gateway died:\n${gateway.log()}`).toBe(true);
  expect(gateway.log()).not.toContain('panicked');
}

export const test = base.extend<Options & Fixtures>({
  settings: [{}, { option: true }],

  gateway: async ({ settings }, use, info) => {
    await lend(await Gateway.start({ settings }), use, info);
  },

  another: async ({}, use, info) => {
    const started: Gateway[] = [];
    await use(async (configured) => {
      const gateway = await Gateway.start(configured);
      started.push(gateway);
      return gateway;
    });
    for (const gateway of started) await end(gateway, info);
  },

  front: async ({ gateway }, use) => {
    const front = await Front.before(gateway.url);
    await use(front);
    await front.cut();
  },

  troubles: async ({}, use) => {
    const troubles = new Troubles();
    await use(troubles);
    expect(troubles.left()).toEqual([]);
  },

  // What they are connected with must outlive them: they would complain if it were gone.
  phones: async ({ browser, gateway, another: _, front: __, troubles }, use) => {
    const contexts: BrowserContext[] = [];
    const open = async ({ microphone = 'granted', url = gateway.url, ...options }: OpenOptions = {}) => {
      const context = await browser.newContext({
        permissions: microphone === 'granted' ? ['microphone', 'notifications'] : [],
        ...options,
      });
      contexts.push(context);
      troubles.watch(context);
      await context.addInitScript(installProbe);
      const page = await context.newPage();
      await page.goto(url);
      return new Phone(page);
    };
    const of = async (person: Person, options?: OpenOptions) => {
      const phone = await open(options);
      await phone.signIn(person);
      await phone.expectLine('ready');
      return phone;
    };
    const tab = async (phone: Phone) => {
      const page = await phone.page.context().newPage();
      await page.goto(phone.page.url());
      return new Phone(page);
    };
    await use({ open, of, tab });
    for (const context of contexts) await context.close();
  },
});

export { expect };
