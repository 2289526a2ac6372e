/** Errors in the console, uncaught exceptions and breaches of the content security policy. */

import type { BrowserContext } from '@playwright/test';

/** What a browser says of a connection that can't be had. */
export const NO_CONNECTION = /WebSocket connection to|fetching the script|Failed to load resource|ERR_CONNECTION|Failed to fetch/;

export class Troubles {
  private readonly seen: string[] = [];
  private readonly allowed: RegExp[] = [];

  watch(context: BrowserContext): void {
    // A breach of the policy is an error in the console, too.
    context.on('console', (message) => {
      if (message.type() === 'error') this.seen.push(`${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (error) => this.seen.push(String(error.error().stack)));
  }

  /** A test that provokes an error says so. */
  allow(expected: RegExp): void {
    this.allowed.push(expected);
  }

  left(): string[] {
    return this.seen.filter((trouble) => !this.allowed.some((expected) => expected.test(trouble)));
  }
}
