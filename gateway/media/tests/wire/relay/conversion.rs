//! Sides that share no codec, and sides that share one of several.

use opus_pure::{Application, OpusDecoder, OpusEncoder};
use sidetone_media::{PbxSrtp, StreamStats};

use super::{Call, RTPMAPS, config, incoming_with};
use crate::peer::pbx::Heard;
use crate::peer::{OPUS, PCMU, Peer, media};

/// A loud buzz of 200 Hz, 20 ms of it at `rate`.
fn buzz(rate: usize) -> Vec<i16> {
    let period = rate / 200;
    (0..rate / 50)
        .map(|n| if n % period < period / 2 { 8000 } else { -8000 })
        .collect()
}

/// Decoders need a little before they are loud.
const WARM: u32 = 5;

/// A client that says the buzz in Opus, and a PBX that says it in G.711.
struct Talk {
    encoder: OpusEncoder,
    decoder: OpusDecoder,
    /// As many packets, either way.
    said: u32,
    /// What the PBX heard last.
    heard: Option<Heard>,
}

impl Talk {
    fn new() -> Self {
        Self {
            encoder: OpusEncoder::new(48_000, 1, Application::Voip).unwrap(),
            decoder: OpusDecoder::new(48_000, 1).unwrap(),
            said: 0,
            heard: None,
        }
    }

    fn opus(&mut self) -> Vec<u8> {
        let mut packet = vec![0; 1275];
        let length = self.encoder.encode_s16(&buzz(48_000), 960, &mut packet);
        packet.truncate(length.unwrap());
        packet
    }

    /// What the client says in Opus, the PBX hears in G.711.
    async fn up(&mut self, call: &mut Call) {
        let packet = self.opus();
        call.browser.send(OPUS, 960 * self.said, &packet);
        call.browser.flush().await;
        let heard = call.pbx.hear().await;
        assert_eq!((heard.payload_type, heard.payload.len()), (PCMU, 160));
        if let Some(before) = &self.heard {
            assert_eq!(heard.sequence.wrapping_sub(before.sequence), 1);
            assert_eq!(heard.timestamp.wrapping_sub(before.timestamp), 160);
        }
        // Codes of μ-law with the smaller part below 0x40 are loud.
        let loud = heard.payload.iter().filter(|code| **code & 0x7f < 0x40);
        let (n, loud) = (self.said, loud.count());
        assert!(n < WARM || loud > 80, "{n}: {:x?}", heard.payload);
        self.heard = Some(heard);
    }

    /// What the PBX says in G.711, the client hears in Opus.
    async fn down(&mut self, call: &mut Call) {
        let code = |sample: &i16| if *sample > 0 { 0x9f } else { 0x1f };
        let codes: Vec<u8> = buzz(8_000).iter().map(code).collect();
        call.pbx.send(PCMU, 160 * self.said, &codes).await;
        let before = call.browser.heard.len();
        call.browser
            .run_relay(&mut call.relay, "the PBX's sound", |peer| {
                peer.heard.len() > before
            })
            .await;
        let heard = &call.browser.heard[before];
        assert_eq!(heard.header.payload_type, OPUS);
        let mut samples = vec![0; 960];
        let count = self.decoder.decode_s16(&heard.payload, 960, &mut samples);
        assert_eq!(count.unwrap(), 960);
        let loud = samples.iter().filter(|sample| sample.abs() > 2000).count();
        assert!(self.said < WARM || loud > 480, "{}", self.said);
    }

    /// Twenty packets either way, without a gap since the first.
    async fn go_on(&mut self, call: &mut Call) {
        for _ in 0..20 {
            self.up(call).await;
            self.down(call).await;
            self.said += 1;
        }
        for pair in call.browser.heard.windows(2) {
            let (before, after) = (&pair[0].header, &pair[1].header);
            assert_eq!(after.timestamp.wrapping_sub(before.timestamp), 960);
        }
        let [from_browser, from_pbx] = marks(call).await;
        let n = u64::from(self.said);
        assert_eq!(from_browser, (Some("opus"), Some("PCMU"), n));
        assert_eq!(from_pbx, (Some("PCMU"), Some("opus"), n));
    }
}

/// What each side sends, what that becomes, and how many packets have gone on.
async fn marks(call: &Call) -> [(Option<&'static str>, Option<&'static str>, u64); 2] {
    let stats = call.relay.stats().await.unwrap();
    let marks = |stream: StreamStats| (stream.codec, stream.converted_to, stream.forwarded);
    [marks(stats.from_browser), marks(stats.from_pbx)]
}

#[tokio::test]
async fn a_client_of_opus_alone_calls_a_pbx_of_g711() {
    let client = Peer::speaking(&[OPUS]).await;
    let (mut call, offer) = Call::offered_by(client, media().await, config(PbxSrtp::None)).await;
    assert!(offer.contains("RTP/AVP 111 0 8\r\n"), "{offer}");
    let answer = call.pbx.sdp("RTP/AVP", "0", "");
    call.answered(&answer).await;
    let mut talk = Talk::new();
    talk.go_on(&mut call).await;

    // What Opus can't be is not passed on, and ends nothing.
    call.browser.send(OPUS, 960 * talk.said, &[0xff; 3]);
    let packet = talk.opus();
    call.browser.send(OPUS, 960 * (talk.said + 1), &packet);
    call.browser.flush().await;
    let heard = call.pbx.hear().await;
    let before = talk.heard.unwrap();
    let ticks = heard.timestamp.wrapping_sub(before.timestamp);
    assert_eq!(ticks, 320, "the gap stays");
    assert_eq!(call.pbx.heard(), None);
}

#[tokio::test]
async fn a_pbx_of_g711_calls_a_client_of_opus_alone() {
    let client = Peer::speaking(&[OPUS]).await;
    let (mut call, offer, answer) = incoming_with(media().await, client, "0 101").await;
    assert!(offer.contains("SAVPF 0 101 111 110\r\n"), "{offer}");
    let answer = call.relay.answer_from_browser(&answer).await.unwrap();
    assert!(answer.contains("RTP/AVP 0\r\n"), "{answer}");
    call.pbx.hear_of(&answer);
    call.browser.connect_relay(&mut call.relay).await;
    let mut talk = Talk::new();
    talk.go_on(&mut call).await;
    // Held and resumed, twice: the numbers stay, and so does the sound.
    for _ in 0..2 {
        for (offered, answered) in [("sendonly", "recvonly"), ("sendrecv", "sendrecv")] {
            let lines = format!("{RTPMAPS}a={offered}\r\n");
            let offer = call.pbx.sdp("RTP/AVP", "0 101", &lines);
            call.renegotiate(&offer, offered, answered).await;
        }
        talk.go_on(&mut call).await;
    }
    // By the client as well, which offers Opus alone.
    for direction in ["inactive", "sendrecv"] {
        let direction = format!("a={direction}");
        let description = call.description.replace("a=sendrecv", &direction);
        let offer = super::offered(&call.relay, &description).await;
        assert!(offer.contains("RTP/AVP 111 0 8\r\n"), "{offer}");
        let answer = call.pbx.sdp("RTP/AVP", "0", &format!("{direction}\r\n"));
        call.relay.answer_from_pbx("a", &answer).await.unwrap();
        call.relay.confirm("a").await.unwrap();
    }
    talk.go_on(&mut call).await;
}

#[tokio::test]
async fn an_offer_that_comes_with_the_answer_will_do() {
    // The PBX's INVITE has none: the client offers in its 200, the PBX answers in its ACK.
    let client = Peer::speaking(&[OPUS]).await;
    let (mut call, _) = Call::offered_by(client, media().await, config(PbxSrtp::None)).await;
    let g711 = call.pbx.sdp("RTP/AVP", "0", "");
    let answer = call.relay.answer_from_pbx("a", &g711).await.unwrap();
    call.browser.accept(&answer);
    call.browser.connect_relay(&mut call.relay).await;
    let mut talk = Talk::new();
    talk.go_on(&mut call).await;
    let offer = call.relay.offer_from_pbx(&g711).await.unwrap();
    assert!(offer.contains("SAVPF 0 111\r\n"), "{offer}");
    let answer = call.relay.answer_from_browser(&call.description).await;
    assert!(answer.unwrap().contains("RTP/AVP 0\r\n"));
    talk.go_on(&mut call).await;

    // The client's INVITE has none.
    let client = Peer::speaking(&[OPUS]).await;
    let (mut call, _, answer) = incoming_with(media().await, client, "0").await;
    call.relay.confirm("a").await.unwrap();
    let answer = call.relay.answer_from_browser(&answer).await.unwrap();
    call.pbx.hear_of(&answer);
    call.browser.connect_relay(&mut call.relay).await;
    Talk::new().go_on(&mut call).await;
}

#[tokio::test]
async fn what_is_shared_is_passed_on_and_what_is_not_is_heard_all_the_same() {
    let client = Peer::saying_hello().await;
    let (mut call, offer, answer) = incoming_with(media().await, client, "0 101").await;
    assert!(offer.contains("SAVPF 0 101 111 110\r\n"), "{offer}");
    let both = answer.lines().any(|line| {
        let formats = line.strip_prefix("m=audio ").unwrap_or_default();
        ["0", "111"]
            .iter()
            .all(|f| formats.split(' ').any(|it| it == *f))
    });
    assert!(both, "{answer}");
    let answer = call.relay.answer_from_browser(&answer).await.unwrap();
    assert!(answer.contains("RTP/AVP 0 101\r\n"), "{answer}");
    call.pbx.hear_of(&answer);
    call.browser.connect_relay(&mut call.relay).await;
    for n in 0..10_u8 {
        let (up, down) = ([n; 160], [0x80 | n; 160]);
        call.browser.send(PCMU, 160 * u32::from(n), &up);
        call.browser.flush().await;
        let heard = call.pbx.hear().await;
        assert_eq!((heard.payload_type, &heard.payload[..]), (PCMU, &up[..]));
        call.pbx.send(PCMU, 160 * u32::from(n), &down).await;
        let before = call.browser.heard.len();
        call.browser
            .run_relay(&mut call.relay, "the PBX's sound", |peer| {
                peer.heard.len() > before
            })
            .await;
        let heard = &call.browser.heard[before];
        assert_eq!(heard.header.payload_type, PCMU);
        assert_eq!(heard.payload[..], down);
    }
    let passed = (Some("PCMU"), None, 10);
    assert_eq!(marks(&call).await, [passed, passed]);

    // RFC 3264 §6.1 says SHOULD: who has answered Opus as well may send it.
    let mut talk = Talk::new();
    for _ in 0..10 {
        talk.up(&mut call).await;
        talk.said += 1;
    }
    let turned = (Some("opus"), Some("PCMU"), 20);
    assert_eq!(marks(&call).await, [turned, passed]);
    call.browser.send(PCMU, 1600, &[7; 160]);
    call.browser.flush().await;
    let heard = call.pbx.hear().await;
    assert_eq!(heard.payload, [7; 160]);
    let before = talk.heard.unwrap();
    assert_eq!(heard.sequence.wrapping_sub(before.sequence), 1);
    assert_eq!(marks(&call).await, [(Some("PCMU"), None, 21), passed]);
}
