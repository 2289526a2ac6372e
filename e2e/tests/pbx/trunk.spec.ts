/** A bare SIP trunk: a customer of a telephone company, and no PBX. */

import { ASTERISK } from '../../support/asterisk.ts';
import { BARESIP, Baresip } from '../../support/baresip.ts';
import { KAMAILIO, Kamailio } from '../../support/kamailio.ts';
import { test as base, expectCarried, party, upstreamAt } from '../../support/pbx.ts';

/** Its number is 0301234. */
const customer = { extension: 'trunk@provider.example', name: 'trunk', password: 'secret-trunk' };
/** Somebody else in the world. */
const OTHER = '0305550';

const test = base.extend<{ provider: Kamailio; other: Baresip }>({
  provider: async ({}, use, info) => {
    info.skip(!KAMAILIO, 'Kamailio is missing');
    const provider = await Kamailio.provider();
    await use(provider);
    await provider.stop();
    if (info.status !== info.expectedStatus) {
      await info.attach('provider.log', { body: provider.log(), contentType: 'text/plain' });
    }
  },

  more: async ({ provider, keepAlive }, use) =>
    use(upstreamAt('provider.example', `sip:127.0.0.1:${provider.port};transport=udp`, keepAlive)),

  other: async ({ provider }, use, info) => {
    info.skip(!BARESIP, 'baresip is missing');
    const other = await Baresip.start(OTHER, `secret-${OTHER}`, provider.port);
    await use(other);
    await other.stop();
    if (info.status !== info.expectedStatus) {
      await info.attach('other.log', { body: other.log(), contentType: 'text/plain' });
    }
  },
});

test.skip(!ASTERISK, 'Asterisk is missing');

test('calls into the world, and both hear each other', async ({ phones, other: _, gateway }) => {
  const phone = await phones.of(customer);
  const card = await phone.call(party(OTHER));
  await card.expectEcho();
  await card.hangUp();
  await card.expectEnd('You hung up');
  await expectCarried(gateway, 'relayed');
});

test('is called by its number, and both hear each other', async ({ phones, other, gateway }) => {
  const phone = await phones.of(customer);
  await other.dial('0301234');
  const card = await phone.answer(party(OTHER));
  await card.expectEcho();
  await other.hangUp();
  await card.expectEnd('They hung up');
  await expectCarried(gateway, 'relayed');
});
