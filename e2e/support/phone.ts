/** The app as a person sees it: roles and names. */

import { expect, type Locator, type Page } from '@playwright/test';
import { expectSilence, expectSound } from './probe.ts';
import { readEverythingStored } from './stored.ts';

export type Person = { extension: string; name: string; password: string };

const person = (extension: string, name: string): Person => ({ extension, name, password: `demo-${extension}` });

export const alice = person('101', 'Alice');
export const bob = person('102', 'Bob');
export const carol = person('103', 'Carol');
export const echo = { extension: '600', name: 'Echo' };
export const announcement = { extension: '601', name: 'Announcement' };

type Party = { extension: string; name: string };
type Line = 'ready' | 'connecting' | 'down' | 'refused';
type Phase = 'calling' | 'ringing' | 'incoming' | 'connecting' | 'active' | 'ended';

export class Phone {
  readonly status: Locator;
  readonly dialer: Locator;
  readonly cards: Locator;

  constructor(readonly page: Page) {
    this.status = page.locator('[role="status"][data-line]');
    this.dialer = page.getByLabel('Name or number');
    this.cards = page.locator('article[data-phase]');
  }

  async signIn(who: Person, options: { password?: string; remember?: boolean } = {}): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Extension' }).fill(who.extension);
    await this.page.getByRole('textbox', { name: 'Password' }).fill(options.password ?? who.password);
    if (options.remember) {
      await this.page.getByRole('checkbox', { name: 'Keep me signed in on this device' }).check();
    }
    await this.page.getByRole('button', { name: 'Sign in' }).click();
  }

  /** The same at the gateway, when it is asked for a name. */
  async signInByName(name: string, password: string): Promise<void> {
    await this.page.getByRole('textbox', { name: 'Name' }).fill(name);
    await this.page.getByRole('textbox', { name: 'Password' }).fill(password);
    await this.button('Sign in').click();
  }

  async expectLine(line: Line, options?: { timeout: number }): Promise<void> {
    await expect(this.status).toHaveAttribute('data-line', line, options);
  }

  /** Waits until the browser keeps so many sign-ins: they are written while the phone is in use. */
  async expectKept(signIns: number): Promise<void> {
    const kept = async () => (await this.page.evaluate(readEverythingStored)).records;
    await expect.poll(kept, { message: 'sign-ins that are kept' }).toBe(signIns);
  }

  /** Types a number and calls it. */
  async call(party: Party): Promise<Card> {
    await this.dialer.fill(party.extension);
    await this.button('Call').click();
    return this.card(party);
  }

  card(party: Party): Card {
    const name = new RegExp(`^Call with ${party.name}`);
    return new Card(this.page.getByRole('article', { name }));
  }

  /** The pop of a call that rings here. */
  pop(party: Party): Locator {
    const name = new RegExp(`^Incoming call from ${party.name}`);
    return this.page.getByRole('alertdialog', { name });
  }

  async answer(party: Party): Promise<Card> {
    await this.pop(party).getByRole('button', { name: 'Answer' }).click();
    return this.card(party);
  }

  async reject(party: Party): Promise<Card> {
    await this.pop(party).getByRole('button', { name: 'Reject' }).click();
    return this.card(party);
  }

  async signOut(): Promise<void> {
    await this.button('Account').click();
    await this.page.getByRole('menuitem', { name: 'Sign out' }).click();
  }

  button(name: string): Locator {
    return this.page.getByRole('button', { name, exact: true });
  }
}

/** One call. */
export class Card {
  constructor(readonly view: Locator) {}

  async expectPhase(...phases: Phase[]): Promise<void> {
    await expect(this.view).toHaveAttribute('data-phase', new RegExp(`^(${phases.join('|')})$`), { timeout: 15_000 });
  }

  async expectEnd(reason: string): Promise<void> {
    await this.expectPhase('ended');
    await expect(this.view).toContainText(reason);
  }

  button(name: string): Locator {
    return this.view.getByRole('button', { name, exact: true });
  }

  async hangUp(): Promise<void> {
    await this.button('Hang up').click();
  }

  /** The call is up, and what is heard is our own sound that comes back: without it there is none. */
  async expectEcho(): Promise<void> {
    await this.expectPhase('active');
    const page = this.view.page();
    await expectSound(page);
    await this.button('Mute').click();
    await expectSilence(page);
  }

  /** Hangs up, and both sides say so; their cards stay for five seconds only. */
  async hangUpOn(other: Card): Promise<void> {
    await Promise.all([this.expectEnd('You hung up'), other.expectEnd('They hung up'), this.hangUp()]);
  }

  /** Presses keys of the call's own pad. */
  async press(...keys: string[]): Promise<void> {
    for (const key of keys) await this.key(key).click();
  }

  key(name: string): Locator {
    return this.view.getByRole('group', { name: 'Dial pad' }).getByRole('button', { name, exact: true });
  }

  get timer(): Locator {
    return this.view.getByRole('timer');
  }
}
