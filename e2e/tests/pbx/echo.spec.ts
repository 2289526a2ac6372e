import { ASTERISK } from '../../support/asterisk.ts';
import { expect, expectCarried, missing, party, person, test, ways, type WayName } from '../../support/pbx.ts';

test.skip(!ASTERISK, 'Asterisk is missing');

for (const way of Object.keys(ways) as WayName[]) {
  test(`${way}: registers, and an echo comes back`, async ({ phones, gateway }) => {
    test.skip(!!missing(way), missing(way));
    const phone = await phones.of(person(way));
    const card = await phone.call(party('600'));
    await card.expectEcho();
    await card.hangUp();
    await card.expectEnd('You hung up');
    await expectCarried(gateway, way.startsWith('WebRTC') ? 'direct' : 'relayed');
  });
}

test('a wrong password is refused', async ({ phones }) => {
  const phone = await phones.open();
  await phone.signIn(person('plain RTP over UDP'), { password: 'secret-202' });
  await expect(phone.page.getByText('The server does not know this extension with this password.')).toBeVisible();
});
