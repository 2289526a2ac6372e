//! What a call costs in signalling: INVITE, ACK and BYE from a WebSocket to UDP, with a relay for
//! its sound, through which none is sent.

use super::contest::{self, Contender};
use super::gateway::{self, Behind};
use super::phone::Phone;
use super::server::Server;
use super::{floor, kamailio, pbx, sip};

/// Phones that call at the same time, and how often in one turn.
const PHONES: usize = 50;
const CALLS: usize = 40;
const MUST: f64 = 1.0;

pub(crate) fn run() -> bool {
    let pbx = pbx::start();
    let ours = gateway::start("ours", Behind::Pbx(pbx));
    let floor = floor::start(Some(pbx));
    let theirs = kamailio::with_rtpengine("Kamailio and rtpengine", pbx);
    let mut contenders = vec![calling(&ours, true), calling(&floor, false)];
    match &theirs {
        Some(theirs) => contenders.push(calling(theirs, true)),
        None => println!("Skipped: Kamailio or rtpengine is not installed."),
    }
    println!("{PHONES} calls at a time, from WebSocket to UDP, with a relay");
    contest::hold("INVITE…BYE", contenders, MUST)
}

/// Who relays has answers of its own.
fn calling(server: &Server, relays: bool) -> Contender<'_> {
    let registered = (0..PHONES).map(|number| {
        let mut phone = server.connect(number);
        phone.register();
        phone
    });
    let mut phones: Vec<Phone> = registered.collect();
    let mut number = 0;
    Contender::new(server, move || {
        for _ in 0..CALLS {
            number += 2;
            burst(&mut phones, number, relays);
        }
        phones.len() * CALLS
    })
}

/// One call of every phone.
fn burst(phones: &mut [Phone], number: u32, relays: bool) {
    let begin = |phone: &mut Phone| {
        let (invite, call) = sip::invite(&phone.user, number);
        phone.say(&invite);
        call
    };
    let calls: Vec<_> = phones.iter_mut().map(begin).collect();
    let answered = phones.iter_mut().zip(calls).map(|(phone, mut call)| {
        let answer = phone.hear_ok();
        assert_eq!(sip::method(&answer), "INVITE");
        let encrypted = answer.contains("RTP/SAVPF");
        assert_eq!(encrypted, relays, "{answer}");
        phone.say(&call.acknowledge(&answer));
        phone.say(&call.bye());
    });
    let begun = answered.count();
    assert_eq!(begun, phones.len());
    for phone in phones {
        // A 200 whose ACK was under way comes twice.
        while sip::method(&phone.hear_ok()) != "BYE" {}
    }
}
