import { ASTERISK } from '../../support/asterisk.ts';
import { party, person, test } from '../../support/pbx.ts';

test.skip(!ASTERISK, 'Asterisk is missing');

test('tells of messages that wait', async ({ phones, jssip }) => {
  const listener = await jssip(person('plain RTP over UDP'));
  await listener.subscribe('201', 'message-summary', 'application/simple-message-summary');
  await listener.expectTold('message-summary', /Messages-Waiting: no/);

  const caller = await phones.of(person('WebRTC over WS'));
  const card = await caller.call(party('620'));
  await card.expectPhase('active');
  await card.hangUp();
  await listener.expectTold('message-summary', /Messages-Waiting: yes[\s\S]*Voice-Message: 1\/0/);
});

test('tells who is on the phone', async ({ phones, jssip, baresip: _ }) => {
  const listener = await jssip(person('plain RTP over TCP'));
  await listener.subscribe('207', 'dialog', 'application/dialog-info+xml');
  await listener.expectTold('dialog', /<state>terminated<\/state>/);

  const caller = await phones.of(person('plain RTP over UDP'));
  const card = await caller.call(party('207'));
  await listener.expectTold('dialog', /<state>confirmed<\/state>/);
  await card.hangUp();
  await listener.expectTold('dialog', /<state>terminated<\/state>/);
});
