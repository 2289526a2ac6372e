//! What a REGISTER costs, and what a phone that only waits keeps in memory.

use std::time::Duration;

use super::contest::{self, Contender};
use super::gateway::{self, Behind};
use super::phone::Phone;
use super::server::Server;
use super::{floor, kamailio, pbx};

/// Phones that refresh their registrations in turn, and how often in one turn.
const PHONES: usize = 500;
const REFRESHES: usize = 40;
const MUST: f64 = 1.0;
/// Phones that only wait.
const CROWDS: [usize; 2] = [5_000, 10_000];
const MUST_BYTES: f64 = 16_384.0;

pub(crate) fn run() -> bool {
    let cheap = is_cheap();
    is_small() && cheap
}

fn is_cheap() -> bool {
    let ours = gateway::start("ours", Behind::Switch(PHONES));
    let floor = floor::start(None);
    let theirs = kamailio::registrar("Kamailio");
    let mut contenders = vec![registering(&ours)];
    let mut echoing: Vec<Phone> = (0..PHONES).map(|number| floor.connect(number)).collect();
    contenders.push(Contender::new(&floor, move || turn(&mut echoing, false)));
    match &theirs {
        Some(theirs) => contenders.push(registering(theirs)),
        None => println!("Skipped: Kamailio is not installed (kamailio-websocket-modules)."),
    }
    println!("{PHONES} phones, each known by its digest and with a nonce that is good");
    contest::hold("REGISTER", contenders, MUST)
}

fn registering(server: &Server) -> Contender<'_> {
    let mut phones = crowd(server, PHONES);
    Contender::new(server, move || turn(&mut phones, true))
}

fn crowd(server: &Server, size: usize) -> Vec<Phone> {
    let registered = (0..size).map(|number| {
        let mut phone = server.connect(number);
        phone.register();
        phone
    });
    registered.collect()
}

/// All say it, and then what they are answered is read.
fn turn(phones: &mut [Phone], answered: bool) -> usize {
    for _ in 0..REFRESHES {
        for phone in &mut *phones {
            let request = phone.registration.request();
            phone.say(&request);
        }
        for phone in &mut *phones {
            match answered {
                true => drop(phone.hear_ok()),
                false => drop(phone.hear()),
            }
        }
    }
    phones.len() * REFRESHES
}

fn is_small() -> bool {
    println!(
        "\nbytes of memory per registered socket that only waits (must be at most {MUST_BYTES})"
    );
    let [_, most] = CROWDS;
    let mut small = true;
    for (name, behind) in [
        ("ours, switch", Behind::Switch(most)),
        (
            "ours, switch behind the bridge",
            Behind::SwitchBehindBridge(most),
        ),
        ("ours, bridge and a PBX", Behind::Pbx(pbx::start())),
    ] {
        for size in CROWDS {
            let server = gateway::start(name, behind);
            // What it allocates once, whoever comes first.
            drop(crowd(&server, 50));
            settle();
            let before = server.memory();
            let waiting = crowd(&server, size);
            settle();
            let each = (server.memory() - before) as f64 / waiting.len() as f64;
            println!("{name:36} {size:6} sockets: {each:8.0}");
            small &= each <= MUST_BYTES;
        }
    }
    small
}

/// What goes on after an answer has gone out is over after this.
fn settle() {
    std::thread::sleep(Duration::from_secs(2));
}
