import { Coturn, withoutCoturn } from '../../support/coturn.ts';
import { Gateway } from '../../support/gateway.ts';
import { alice, echo } from '../../support/phone.ts';
import { expectSilence, expectSound } from '../../support/probe.ts';
import { expect, lend, test as base } from '../../support/test.ts';

base.skip(!!withoutCoturn(), withoutCoturn());

type Options = {
  /** How browsers reach the TURN server. */
  transport: 'udp' | 'tcp';
};

const test = base.extend<Options & { coturn: Coturn }>({
  transport: ['udp', { option: true }],
  coturn: async ({}, use, info) => {
    const coturn = await Coturn.start();
    await use(coturn);
    await coturn.stop();
    if (info.status !== info.expectedStatus) {
      await info.attach('coturn.log', { body: coturn.log(), contentType: 'text/plain' });
    }
  },
  gateway: async ({ coturn, transport, settings }, use, info) => {
    const config = `demo = true${coturn.configuration(transport)}`;
    await lend(await Gateway.start({ settings, config }), use, info);
  },
});

/** A browser in a network that lets nothing through but the way to the TURN server. */
function relayOnly(): void {
  const only = (configuration?: RTCConfiguration) => ({ ...configuration, iceTransportPolicy: 'relay' as const });
  const configure = RTCPeerConnection.prototype.setConfiguration;
  RTCPeerConnection.prototype.setConfiguration = function (configuration) {
    configure.call(this, only(configuration));
  };
  window.RTCPeerConnection = new Proxy(RTCPeerConnection, {
    construct: (target, [configuration], newTarget) =>
      Reflect.construct(target, [only(configuration as RTCConfiguration)], newTarget) as object,
  });
}

type Way = { type: string; protocol: string; sent: number; received: number };

/** The way that the sound takes now. */
async function way(): Promise<Way> {
  const open = window.probe.peers.filter((peer) => peer.connectionState === 'connected');
  const stats = new Map<string, Record<string, unknown>>();
  for (const peer of open) (await peer.getStats()).forEach((value, id) => stats.set(id, value));
  const all = [...stats.values()];
  const transport = all.find(({ type }) => type === 'transport')!;
  const pair = stats.get(transport.selectedCandidatePairId as string)!;
  const local = stats.get(pair.localCandidateId as string)!;
  return {
    type: local.candidateType as string,
    protocol: local.relayProtocol as string,
    sent: pair.packetsSent as number,
    received: pair.packetsReceived as number,
  };
}

for (const transport of ['udp', 'tcp'] as const) {
  test.describe(`by ${transport.toUpperCase()}`, () => {
    test.use({ transport });

    test('a call takes its way by the TURN server, and its sound comes back', async ({ phones, coturn }) => {
      const phone = await phones.open();
      await phone.page.addInitScript(relayOnly);
      await phone.page.reload();
      await phone.signIn(alice);
      await phone.expectLine('ready');
      const card = await phone.call(echo);
      await card.expectPhase('active');
      await expectSound(phone.page);
      const before = await phone.page.evaluate(way);
      expect(before).toMatchObject({ type: 'relay', protocol: transport });
      await card.button('Mute').click();
      await expectSilence(phone.page);
      const after = await phone.page.evaluate(way);
      expect(after.sent).toBeGreaterThan(before.sent);
      expect(after.received).toBeGreaterThan(before.received);
      // The credentials that the gateway has made.
      expect(coturn.log()).toMatch(/user <\d+:[0-9a-f]{16}>.* ALLOCATE processed, success/);
      await card.hangUp();
      await card.expectEnd('You hung up');
    });
  });
}

test('nobody gets through with credentials of another secret', async ({ phones, coturn }) => {
  const phone = await phones.open();
  await phone.page.route('**/api/v1/ice-servers', async (route) => {
    const answer = await route.fetch();
    const told = (await answer.json()) as { ice_servers: { credential: string }[] };
    for (const server of told.ice_servers) server.credential = 'guessed';
    await route.fulfill({ response: answer, json: told });
  });
  await phone.page.addInitScript(relayOnly);
  await phone.page.reload();
  await phone.signIn(alice);
  await phone.expectLine('ready');
  const card = await phone.call(echo);
  await expect.poll(() => coturn.log()).toMatch(/user <\d+:[0-9a-f]{16}>.*, error 401: Unauthorized/);
  expect(coturn.log()).not.toMatch(/ALLOCATE processed, success/);
  await card.expectPhase('calling', 'connecting');
});
