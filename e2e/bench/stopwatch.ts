/** Runs in the page before anything else and notes when things happen, the same way for every phone. */

export type Times = {
  /** The 200 to REGISTER, since the page began to load. */
  registered?: number;
  /** The click on "Call". The others count from it. */
  call?: number;
  invite?: number;
  ringing?: number;
  sound?: number;
};

declare global {
  interface Window {
    times: Times;
  }
}

export function installStopwatch(): void {
  const peers: RTCPeerConnection[] = [];
  const note = (what: keyof Times) => (window.times[what] ??= performance.now());
  window.times = {};

  window.WebSocket = new Proxy(WebSocket, {
    construct(target, args, newTarget) {
      const socket = Reflect.construct(target, args, newTarget) as WebSocket;
      const send = socket.send.bind(socket);
      socket.send = (data) => {
        if (String(data).startsWith('INVITE ')) note('invite');
        send(data);
      };
      socket.addEventListener('message', ({ data }) => {
        const text = typeof data === 'string' ? data : new TextDecoder().decode(data as ArrayBuffer);
        if (text.startsWith('SIP/2.0 200') && /^CSeq: *\d+ +REGISTER/im.test(text)) note('registered');
        if (text.startsWith('SIP/2.0 180')) note('ringing');
      });
      return socket;
    },
  });

  window.RTCPeerConnection = new Proxy(RTCPeerConnection, {
    construct(target, args, newTarget) {
      const peer = Reflect.construct(target, args, newTarget) as RTCPeerConnection;
      peers.push(peer);
      return peer;
    },
  });

  const sounds = (peer: RTCPeerConnection) =>
    peer.getReceivers().some((receiver) => receiver.getSynchronizationSources().length > 0);

  /** A peer of the call before may still sound; one made ahead for this call is silent yet. */
  const listen = (before: Set<RTCPeerConnection>) => {
    if (peers.some((peer) => !before.has(peer) && sounds(peer))) note('sound');
    else setTimeout(listen, 0, before);
  };

  const onClick = (event: Event) => {
    const button = event.target instanceof Element ? event.target.closest('button') : null;
    if (button?.textContent?.trim() !== 'Call') return;
    const { registered } = window.times;
    window.times = { registered };
    note('call');
    listen(new Set(peers.filter(sounds)));
  };
  window.addEventListener('click', onClick, { capture: true });
}
