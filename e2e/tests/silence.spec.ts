/** Calls that were answered, but whose sound finds no way. */

import { alice, echo, type Phone } from '../support/phone.ts';
import { expectSound } from '../support/probe.ts';
import { expect, test, type Phones } from '../support/test.ts';

/** Runs in the page: so many answers, the first ones, come with a password that opens nothing. */
function misguide(answers: number): void {
  const peer = RTCPeerConnection.prototype;
  const take = peer.setRemoteDescription as (answer: RTCSessionDescriptionInit) => Promise<void>;
  peer.setRemoteDescription = function (this: RTCPeerConnection, { type, sdp }: RTCSessionDescriptionInit) {
    const wrong = answers > 0;
    answers -= 1;
    return take.call(this, { type, sdp: wrong ? sdp?.replaceAll(/(?<=^a=ice-pwd:).*/gm, 'x'.repeat(24)) : sdp });
  };
}

/** A phone whose first answers lead nowhere, and what it offers within calls. */
async function misguided(phones: Phones, answers: number): Promise<{ phone: Phone; offers: string[] }> {
  const phone = await phones.open();
  const offers: string[] = [];
  phone.page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      if (/^INVITE [\s\S]*?\r\nTo: [^\r]*;tag=/.test(String(payload))) offers.push(String(payload));
    }),
  );
  await phone.page.addInitScript(misguide, answers);
  await phone.page.reload();
  await phone.signIn(alice);
  await phone.expectLine('ready');
  return { phone, offers };
}

test('sound that does not come is asked for anew', async ({ phones }) => {
  const { phone, offers } = await misguided(phones, 1);
  const card = await phone.call(echo);
  await card.expectPhase('connecting');
  expect(offers).toEqual([]);
  await card.expectPhase('active');
  expect(offers).toHaveLength(1);
  await expectSound(phone.page);
});

test('where no sound gets through the card says so, and the call is left to the user', async ({ phones }) => {
  const { phone, offers } = await misguided(phones, 1000);
  const card = await phone.call(echo);
  await card.expectPhase('connecting');
  await expect(card.view).toContainText('The network lets no sound through.', { timeout: 40_000 });
  await card.expectPhase('connecting');
  expect(offers.length).toBeGreaterThan(0);
  await card.hangUp();
  await card.expectEnd('You hung up');
});

/** A port that the browser blocks in place of each that an answer names. */
function blocked(message: string): string {
  const end = message.indexOf('\r\n\r\n') + 4;
  const body = message.slice(end).replaceAll(/(?<=^a=candidate:(\S+ ){5})\d+/gm, '10080');
  return message.slice(0, end).replace(/(?<=^Content-Length: )\d+/m, String(body.length)) + body;
}

test('where the sound would come from a port that browsers block, the card says so at once', async ({ phones }) => {
  const phone = await phones.open();
  await phone.page.routeWebSocket(/.*/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((message) => socket.send(typeof message === 'string' ? blocked(message) : message));
  });
  await phone.page.reload();
  await phone.signIn(alice);
  await phone.expectLine('ready');
  const card = await phone.call(echo);
  await expect(card.view).toContainText('The sound was to come from port 10080, which browsers block.');
  await card.expectPhase('connecting');
  await card.hangUp();
  await card.expectEnd('You hung up');
});
