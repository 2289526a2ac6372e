/** The barest phone that can be made of JsSIP, named by `#extension:password`. */

import JsSIP from 'jssip';

const [extension, password] = location.hash.slice(1).split(':');
const agent = new JsSIP.UA({
  sockets: [new JsSIP.WebSocketInterface(`ws://${location.host}/sip`)],
  uri: `sip:${extension}@demo.local`,
  password,
});
const [number, call, hangUp] = [document.createElement('input'), button('Call'), button('Hang up')];
number.setAttribute('aria-label', 'Name or number');
document.body.append(number, call, hangUp);

call.onclick = () => {
  const session = agent.call(`sip:${number.value}@demo.local`, {
    mediaConstraints: { audio: true, video: false },
    pcConfig: { iceServers: [] },
  });
  session.connection.addEventListener('track', ({ track, streams }) => {
    const audio = new Audio();
    audio.srcObject = streams[0] ?? new MediaStream([track]);
    void audio.play();
  });
};
hangUp.onclick = () => agent.terminateSessions();
// JsSIP refuses calls that nobody listens for; these ring and are not answered.
agent.on('newRTCSession', () => {});
agent.on('registered', () => (document.title = 'Ready'));
agent.start();

function button(name: string): HTMLButtonElement {
  const button = document.createElement('button');
  button.textContent = name;
  return button;
}
