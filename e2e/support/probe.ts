/** What runs in the page before the app and listens to what the browser really does. */

import { expect, type Page } from '@playwright/test';

/** Sound that has arrived, over all connections of a page, and when the last of it did. */
export type Inbound = { packets: number; energy: number; last: number; at: number };

declare global {
  interface Window {
    probe: {
      peers: RTCPeerConnection[];
      /** DTMF that the browser has put on the wire. */
      keysSent: string;
      /** What WebAudio plays now: the strength in dB near each frequency. */
      heard(...frequencies: number[]): number[];
      inbound(): Promise<Inbound>;
      /** What arrives over the next so many milliseconds. */
      next(milliseconds: number): Promise<Inbound>;
      /** What comes from the other ends now: the strength in dB near each frequency. */
      far(...frequencies: number[]): number[];
    };
  }
}

/** Give it to `addInitScript`. */
export function installProbe(): void {
  const peers: RTCPeerConnection[] = [];
  const listeners = new Map<BaseAudioContext, AnalyserNode>();

  window.RTCPeerConnection = new Proxy(RTCPeerConnection, {
    construct(target, args, newTarget) {
      const peer = Reflect.construct(target, args, newTarget) as RTCPeerConnection;
      peers.push(peer);
      return peer;
    },
  });

  const heardSenders = new WeakSet<RTCDTMFSender>();
  const insert = RTCDTMFSender.prototype.insertDTMF;
  RTCDTMFSender.prototype.insertDTMF = function (...args) {
    if (!heardSenders.has(this)) {
      heardSenders.add(this);
      this.addEventListener('tonechange', (event) => (window.probe.keysSent += event.tone.trim()));
    }
    insert.apply(this, args);
  };

  const connect = AudioNode.prototype.connect as (...args: unknown[]) => unknown;
  AudioNode.prototype.connect = function (this: AudioNode, ...args: unknown[]) {
    if (args[0] instanceof AudioDestinationNode) {
      let listener = listeners.get(this.context);
      if (!listener) {
        listener = new AnalyserNode(this.context, { fftSize: 8192, smoothingTimeConstant: 0 });
        listeners.set(this.context, listener);
      }
      connect.call(this, listener);
    }
    return connect.apply(this, args);
  } as typeof AudioNode.prototype.connect;

  const strength = (listener: AnalyserNode, frequency: number): number => {
    const bins = new Float32Array(listener.frequencyBinCount);
    listener.getFloatFrequencyData(bins);
    const at = Math.round((frequency * listener.fftSize) / listener.context.sampleRate);
    return Math.max(...bins.slice(at - 1, at + 2));
  };

  let room: AudioContext | undefined;
  const ears = new Map<MediaStreamTrack, AnalyserNode>();
  const ear = (track: MediaStreamTrack): AnalyserNode => {
    let listener = ears.get(track);
    if (!listener) {
      room ??= new AudioContext();
      listener = new AnalyserNode(room, { fftSize: 8192, smoothingTimeConstant: 0 });
      new MediaStreamAudioSourceNode(room, { mediaStream: new MediaStream([track]) }).connect(listener);
      ears.set(track, listener);
    }
    return listener;
  };

  const inbound = async (): Promise<Inbound> => {
    const sum = { packets: 0, energy: 0, last: 0, at: performance.now() };
    for (const peer of peers) {
      if (peer.connectionState === 'closed') continue;
      for (const stats of (await peer.getStats()).values()) {
        if (stats.type === 'inbound-rtp' && stats.kind === 'audio') {
          sum.packets += stats.packetsReceived ?? 0;
          sum.energy += stats.totalAudioEnergy ?? 0;
          sum.last = Math.max(sum.last, stats.lastPacketReceivedTimestamp ?? 0);
        }
      }
    }
    return sum;
  };

  window.probe = {
    peers,
    keysSent: '',
    heard: (...frequencies) =>
      frequencies.map((frequency) =>
        Math.max(-Infinity, ...[...listeners.values()].map((listener) => strength(listener, frequency))),
      ),
    far: (...frequencies) => {
      const open = peers.filter((peer) => peer.connectionState !== 'closed');
      const tracks = open.flatMap((peer) => peer.getReceivers().map((receiver) => receiver.track));
      const listeners = tracks.filter((track) => track.kind === 'audio').map(ear);
      return frequencies.map((frequency) =>
        Math.max(-Infinity, ...listeners.map((listener) => strength(listener, frequency))),
      );
    },
    inbound,
    next: async (milliseconds) => {
      const from = await inbound();
      await new Promise((over) => setTimeout(over, milliseconds));
      const to = await inbound();
      return { ...to, packets: to.packets - from.packets, energy: to.energy - from.energy };
    },
  };
}

/** A page that the probe runs in, whoever drives it. */
type Probed = {
  evaluate(ask: (milliseconds: number) => Promise<Inbound>, milliseconds: number): Promise<Inbound>;
};

/** What arrives over the next stretch of time, longer than the microphone's pause between beeps. */
const next = (page: Probed): Promise<Inbound> => page.evaluate((time) => window.probe.next(time), 1500);

/** A beep has far more, an Opus stream of silence far less. */
const AUDIBLE = 1e-4;

/** Packets keep coming, and there is sound in them. */
export async function expectSound(page: Probed): Promise<void> {
  await expect
    .poll(async () => {
      const { packets, energy } = await next(page);
      return packets > 50 && energy > AUDIBLE;
    }, { message: 'packets that carry sound', timeout: 15_000 })
    .toBe(true);
}

/** How long it takes, in ms, until another packet arrives. */
export async function nextPacket(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const from = await window.probe.inbound();
    for (;;) {
      const now = await window.probe.inbound();
      if (now.last > from.last) return now.at - from.at;
    }
  });
}

/** The call is there, but nothing is to be heard. */
export async function expectSilence(page: Probed): Promise<void> {
  await expect
    .poll(async () => (await next(page)).energy, { message: 'energy of the sound', timeout: 15_000 })
    .toBeLessThan(AUDIBLE);
}

/** WebAudio plays these frequencies together, and what lies between them is quiet. */
export async function expectTones(page: Page, low: number, high: number, timeout = 10_000): Promise<void> {
  await expect
    .poll(
      () =>
        page.evaluate(([low, high]) => {
          const [first, second, between] = window.probe.heard(low, high, (low + high) / 2);
          return Math.min(first, second) > -60 && between < Math.min(first, second) - 12;
        }, [low, high] as const),
      { message: `tones of ${low} and ${high} Hz`, intervals: [20], timeout },
    )
    .toBe(true);
}

/** A steady tone comes from the other end, and nothing much beside it. */
export async function expectTone(page: Page, frequency: number): Promise<void> {
  await expect
    .poll(
      () =>
        page.evaluate((frequency) => {
          const [tone, below, above] = window.probe.far(frequency, frequency / 1.5, frequency * 1.5);
          return tone > -60 && Math.max(below, above) < tone - 12;
        }, frequency),
      { message: `a tone of ${frequency} Hz`, intervals: [20], timeout: 15_000 },
    )
    .toBe(true);
}
