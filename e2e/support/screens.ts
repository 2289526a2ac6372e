/** The states of the app that are looked at: by axe, and by eye as pictures. */

import { expect } from '@playwright/test';
import { PASSWORD, severalAccounts } from './ann.ts';
import type { Front } from './front.ts';
import type { Configured, Gateway } from './gateway.ts';
import { alice, bob, echo, type Phone } from './phone.ts';
import type { OpenOptions, Phones } from './test.ts';
import { NO_CONNECTION, type Troubles } from './troubles.ts';

type Place = { front: Front; troubles: Troubles; another: (configured: Configured) => Promise<Gateway> };

type Screen = {
  name: string;
  show(phones: Phones, options: OpenOptions, place: Place): Promise<Phone>;
};

/** What moves is drawn anew all the time, which is a lot without a graphics card. */
const still: OpenOptions = { reducedMotion: 'reduce' };

export const screens: Screen[] = [
  { name: 'sign-in', show: (phones, options) => phones.open(options) },
  {
    name: 'password-refused',
    async show(phones, options) {
      const phone = await phones.open(options);
      await phone.signIn(alice, { password: 'wrong' });
      await expect(phone.page.getByRole('alert').filter({ hasText: /password/i })).toBeVisible();
      return phone;
    },
  },
  {
    name: 'name-refused',
    async show(phones, options, { troubles }) {
      troubles.allow(/401/);
      const phone = await phones.open(options);
      await phone.button('Use your name instead').click();
      await phone.signInByName('alice', 'wrong');
      await expect(phone.page.getByRole('alert').filter({ hasText: 'Name or password is wrong.' })).toBeVisible();
      return phone;
    },
  },
  {
    name: 'several-accounts',
    async show(phones, options, { another }) {
      const gateway = await another({
        config: severalAccounts(['201', 'Ann'], ['202', 'Front desk'], ['203', 'Emergency line of the night porters']),
      });
      const phone = await phones.open({ ...options, url: gateway.url });
      await phone.signInByName('ann', PASSWORD);
      await expect(phone.page.getByRole('region', { name: 'Which account do you want to use?' })).toBeVisible();
      return phone;
    },
  },
  {
    name: 'session-over',
    async show(phones, options, { troubles }) {
      troubles.allow(/401/);
      const phone = await phones.open(options);
      await phone.button('Use your name instead').click();
      await phone.signInByName('alice', 'alice-demo');
      await phone.expectLine('ready');
      const tab = await phones.tab(phone);
      await tab.expectLine('ready');
      await phone.signOut();
      await expect(tab.page.getByRole('alert').filter({ hasText: 'Your session is over.' })).toBeVisible();
      return tab;
    },
  },
  { name: 'idle', show: (phones, options) => phones.of(alice, options) },
  {
    name: 'incoming',
    async show(phones, options) {
      const phone = await phones.of(alice, options);
      await (await phones.of(bob, still)).call(alice);
      await expect(phone.pop(bob)).toBeVisible();
      return phone;
    },
  },
  {
    name: 'ringing',
    async show(phones, options) {
      await phones.of(bob, still);
      const phone = await phones.of(alice, options);
      await (await phone.call(bob)).expectPhase('ringing');
      return phone;
    },
  },
  {
    name: 'active-keypad',
    async show(phones, options) {
      const phone = await phones.of(alice, options);
      const card = await phone.call(echo);
      await card.expectPhase('active');
      await card.button('Keypad').click();
      await card.press('1');
      return phone;
    },
  },
  {
    name: 'muted-and-second-call',
    async show(phones, options) {
      const b = await phones.of(bob, still);
      const phone = await phones.of(alice, options);
      const card = await phone.call(echo);
      await card.expectPhase('active');
      await card.button('Mute').click();
      await b.call(alice);
      await expect(phone.pop(bob)).toBeVisible();
      return phone;
    },
  },
  {
    name: 'ended',
    async show(phones, options) {
      const phone = await phones.of(alice, options);
      await (await phone.call(bob)).expectPhase('ended');
      return phone;
    },
  },
  {
    name: 'line-down-in-a-call',
    async show(phones, options, { front, troubles }) {
      troubles.allow(NO_CONNECTION);
      const phone = await phones.of(alice, { ...options, url: front.url });
      await (await phone.call(echo)).expectPhase('active');
      await front.cut();
      await phone.expectLine('down');
      return phone;
    },
  },
  {
    name: 'microphone-blocked',
    async show(phones, options) {
      const phone = await phones.open({ ...options, microphone: 'denied' });
      await phone.signIn(alice);
      await phone.expectLine('ready');
      await phone.call(echo);
      await expect(phone.page.getByText('The microphone is blocked', { exact: true })).toBeVisible();
      return phone;
    },
  },
];
