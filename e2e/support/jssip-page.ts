/** A phone made of JsSIP that does what the app can't do yet; `support/jssip.ts` drives it. */

import JsSIP from 'jssip';
import type { RTCSession } from 'jssip/lib/RTCSession.js';

declare global {
  interface Window {
    jssip: typeof phone;
  }
}

const sound = { mediaConstraints: { audio: true, video: false }, pcConfig: { iceServers: [] } };
let agent: JsSIP.UA;
const sessions: RTCSession[] = [];

const phone = {
  /** What has happened, in order. */
  events: [] as string[],
  /** What subscriptions were told: the event and the body. */
  told: [] as { event: string; body: string }[],

  start(user: string, domain: string, password: string): void {
    agent = new JsSIP.UA({
      sockets: [new JsSIP.WebSocketInterface(`ws://${location.host}/sip`)],
      uri: `sip:${user}@${domain}`,
      password,
      register_expires: 120,
    });
    agent.on('registered', () => note('registered'));
    agent.on('unregistered', () => note('unregistered'));
    agent.on('registrationFailed', ({ cause }) => note(`not registered: ${cause}`));
    agent.on('newRTCSession', ({ session, originator }: { session: RTCSession; originator: string }) => {
      watch(session);
      if (originator === 'remote') session.answer(sound);
    });
    agent.start();
  },

  /** Answers the number of the session, the first is 0. */
  call(target: string): number {
    agent.call(target, sound);
    return sessions.length - 1;
  },

  hold: (at: number) => done((ready) => sessions.at(at)!.hold({}, ready)),
  resume: (at: number) => done((ready) => sessions.at(at)!.unhold({}, ready)),
  /** Asks for new paths of the sound. */
  renew: (at: number) =>
    done((ready) => sessions.at(at)!.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, ready)),
  /** Sends the other end elsewhere, and hangs up when the PBX says that it is there. */
  refer(at: number, target: string, instead?: number): void {
    const session = sessions.at(at)!;
    const eventHandlers = {
      accepted: () => {
        note(`${at} transferred`);
        if (!session.isEnded()) session.terminate();
      },
      failed: () => note(`${at} not transferred`),
    };
    session.refer(target, { eventHandlers, replaces: instead === undefined ? undefined : sessions[instead] });
  },
  hangUp: (at: number) => sessions.at(at)!.terminate(),

  subscribe(target: string, event: string, accept: string): void {
    const subscriber = agent.subscribe(target, event, accept, { expires: 120, contentType: accept });
    subscriber.on('notify', (_final, _request, body) => phone.told.push({ event, body: body ?? '' }));
    subscriber.on('terminated', (code) => note(`${event} ended: ${code}`));
    subscriber.subscribe();
  },
};
window.jssip = phone;

function note(event: string): void {
  phone.events.push(event);
}

function watch(session: RTCSession): void {
  const name = sessions.push(session) - 1;
  const listen = (peer: RTCPeerConnection) =>
    peer.addEventListener('track', ({ track, streams }) => {
      const audio = new Audio();
      audio.srcObject = streams[0] ?? new MediaStream([track]);
      void audio.play();
    });
  if (session.connection) listen(session.connection);
  else session.on('peerconnection', ({ peerconnection }) => listen(peerconnection));
  session.on('progress', () => note(`${name} rings`));
  session.on('confirmed', () => note(`${name} talks`));
  session.on('ended', () => note(`${name} ended`));
  session.on('failed', ({ cause }) => note(`${name} failed: ${cause}`));
}

/** Waits until JsSIP is ready to do it, then until it is done. */
async function done(act: (ready: () => void) => boolean): Promise<void> {
  await new Promise<void>((ready, failed) => {
    if (!act(ready)) failed(new Error('not now'));
  });
}
