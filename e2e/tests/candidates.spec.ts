import { alice, echo } from '../support/phone.ts';
import { expectSound } from '../support/probe.ts';
import { expect, test } from '../support/test.ts';

/** Lets the page learn of its candidates over TCP first; those over UDP come a tenth of a second later. */
function tcpFirst(): void {
  const LATER = 100;
  const peer = RTCPeerConnection.prototype;
  const hidden = new WeakSet<RTCPeerConnection>();

  const set = peer.setLocalDescription as (description?: RTCLocalSessionDescriptionInit) => Promise<void>;
  peer.setLocalDescription = async function (this: RTCPeerConnection, made?: RTCLocalSessionDescriptionInit) {
    hidden.add(this);
    setTimeout(() => hidden.delete(this), LATER);
    await set.call(this, made);
    const candidate = 'candidate:1 1 tcp 1518214911 192.0.2.1 9 typ host tcptype active';
    const init = { candidate: new RTCIceCandidate({ candidate, sdpMid: '0' }) };
    this.dispatchEvent(new RTCPeerConnectionIceEvent('icecandidate', init));
  };

  const description = Object.getOwnPropertyDescriptor(peer, 'localDescription')!;
  Object.defineProperty(peer, 'localDescription', {
    get(this: RTCPeerConnection) {
      const whole = description.get!.call(this) as RTCSessionDescription | null;
      if (!whole) return null;
      const { type, sdp } = whole;
      const known = hidden.has(this) ? sdp.replaceAll(/a=candidate:\S+ \d+ udp .*\r\n/gi, '') : sdp;
      return new RTCSessionDescription({ type, sdp: known });
    },
  });

  const listen = peer.addEventListener;
  peer.addEventListener = function (this: RTCPeerConnection, name: string, heard: (event: Event) => void) {
    const later = (event: Event) => (event.isTrusted ? setTimeout(() => heard(event), LATER) : heard(event));
    listen.call(this, name, name === 'icecandidate' ? later : heard);
  } as typeof listen;
}

test('waits for a candidate that can be sent to', async ({ phones }) => {
  const phone = await phones.open();
  const invites: string[] = [];
  phone.page.on('websocket', (socket) =>
    socket.on('framesent', ({ payload }) => {
      if (String(payload).startsWith('INVITE')) invites.push(String(payload));
    }),
  );
  await phone.page.addInitScript(tcpFirst);
  await phone.page.reload();
  await phone.signIn(alice);
  await phone.expectLine('ready');
  const card = await phone.call(echo);
  await card.expectPhase('active');
  expect(invites[0]).toMatch(/a=candidate:\S+ \d+ udp /i);
  await expectSound(phone.page);
});
