//! How long packets take through a relay that has 80 % of its core to do, and how many get lost. The
//! load is that of an office, and as large as that takes. Ours is asked at rtpengine's load as well.

use std::thread;
use std::time::Duration;

use super::cores::Time;
use super::load::Paced;
use super::{Contender, Must, quantile};

const ROUNDS: usize = 51;
/// Of 20 ms. The system itself takes a core for some milliseconds about once a second, which shows in
/// the last of 100 packets: most rounds are to be without that.
const PERIODS: u32 = 10;
/// Whatever else a machine does only makes packets later: how late the last of 100 is because of the
/// relay is what it is in the quietest of the rounds.
const QUIET: f64 = 0.1;
const RECOVERY: Duration = Duration::from_millis(200);
const SHARE: f64 = 0.8;
const TOLERANCE: f64 = 0.02;
/// So often the number of calls is corrected.
const STEPS: usize = 12;
const FIRST: usize = 100;
/// A thread may have waited for its core as much of the time in a round that counts; to wake takes
/// some, too.
const DISTURBANCE: f64 = 0.05;

/// One contender under one load.
struct Seat {
    name: &'static str,
    is_ours: bool,
    calls: usize,
    rounds: Vec<Round>,
}

struct Round {
    calls: f64,
    /// Of a core.
    share: f64,
    /// Microseconds that each packet takes of it.
    cost: f64,
    sent: usize,
    lost: usize,
    /// Microseconds after which half of all packets had come, and 99 of 100.
    half: f64,
    most: f64,
    /// By how many the load itself was late, in 1 of 100 cases.
    behind: f64,
}

pub(crate) fn compare<'a>(ours: &mut Contender<'a>, theirs: &mut Contender<'a>) -> Vec<Must> {
    println!("\nThe load of an office: {PERIODS} packets each way in every call, 20 ms apart");
    let their_calls = calls_for_share(theirs);
    let our_calls = calls_for_share(ours);
    theirs.provide(their_calls);
    ours.provide(our_calls.max(their_calls));
    let mut seats = [
        Seat::new("rtpengine at 80 %", false, their_calls),
        Seat::new("ours at 80 %", true, our_calls),
        Seat::new("ours at rtpengine's load", true, their_calls),
    ];
    let (mut round, mut dropped) = (0, 0);
    while seats[0].rounds.len() < ROUNDS {
        assert!(dropped < 10 * ROUNDS, "too much else runs on this machine");
        let mut order: Vec<usize> = (0..seats.len()).collect();
        order.rotate_left(round % seats.len());
        round += 1;
        let results = order.into_iter().map(|index| {
            let seat = &seats[index];
            let contender = if seat.is_ours {
                &mut *ours
            } else {
                &mut *theirs
            };
            (index, turn(contender, seat.calls))
        });
        let results: Vec<_> = results.collect();
        if results.iter().any(|(_, (_, is_disturbed))| *is_disturbed) {
            dropped += 1;
            continue;
        }
        for (index, (result, _)) in results {
            seats[index].rounds.push(result);
        }
        for (seat, contender) in seats.iter_mut().zip([&mut *theirs, &mut *ours]) {
            let share = seat.rounds.last().map_or(SHARE, |round| round.share);
            // Half of it was chance.
            seat.calls = corrected(seat.calls, (share + SHARE) / 2.0);
            contender.provide(seat.calls);
        }
        seats[2].calls = seats[0].calls;
    }
    println!(
        "{ROUNDS} rounds, medians; {dropped} more were dropped, as others had one of the cores"
    );
    for seat in &seats {
        seat.report();
    }
    let [theirs, ours, at_theirs] = &seats;
    let lost = ours.lost() + at_theirs.lost();
    let must = |what: &str, is, at_most| Must {
        what: what.to_owned(),
        is,
        at_most,
    };
    vec![
        must("Office, ours: packets lost", lost as f64, 0.0),
        must(
            "Office, ours at 80 %: µs for 99 of 100 in quiet rounds, beside rtpengine's at 80 %",
            ours.quiet(|round| round.most),
            theirs.quiet(|round| round.most),
        ),
        must(
            "Office, ours at rtpengine's load: µs for 99 of 100 in quiet rounds, beside rtpengine's",
            at_theirs.quiet(|round| round.most),
            theirs.quiet(|round| round.most),
        ),
    ]
}

/// How many calls give it as much to do.
fn calls_for_share(contender: &mut Contender<'_>) -> usize {
    let mut calls = FIRST;
    for _ in 0..STEPS {
        contender.provide(calls);
        let (Round { share, .. }, _) = turn(contender, calls);
        if (share - SHARE).abs() < TOLERANCE {
            break;
        }
        calls = corrected(calls, share);
    }
    calls
}

/// How many calls it takes when so many took this share.
fn corrected(calls: usize, share: f64) -> usize {
    let factor = (SHARE / share).clamp(0.5, 2.0);
    (calls as f64 * factor).round() as usize
}

/// One turn, and whether others ran meanwhile on one of the cores.
fn turn(contender: &mut Contender<'_>, calls: usize) -> (Round, bool) {
    let _awake = contender.wake();
    contender.load.prepare(calls, PERIODS);
    thread::sleep(RECOVERY);
    let (load, relay) = (Time::own(), (contender.time)());
    let paced = contender.load.pace(calls, PERIODS);
    let (load, relay) = (Time::own().since(load), (contender.time)().since(relay));
    let Paced {
        lasted,
        sent,
        heard,
        delays,
        late,
    } = paced;
    let of_time = |nanoseconds| Duration::from_nanos(nanoseconds).div_duration_f64(lasted);
    assert!(!delays.is_empty(), "{} relays nothing", contender.name);
    let is_disturbed = of_time(load.waited.max(relay.waited)) > DISTURBANCE;
    let round = Round {
        calls: calls as f64,
        share: of_time(relay.ran),
        cost: relay.ran as f64 / 1000.0 / heard as f64,
        sent,
        lost: sent - heard,
        half: quantile(&delays, 0.5),
        most: quantile(&delays, 0.99),
        behind: quantile(&late, 0.99),
    };
    (round, is_disturbed)
}

impl Seat {
    fn new(name: &'static str, is_ours: bool, calls: usize) -> Self {
        Self {
            name,
            is_ours,
            calls,
            rounds: Vec::new(),
        }
    }

    fn lost(&self) -> usize {
        self.rounds.iter().map(|round| round.lost).sum()
    }

    fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        self.quantile(of, 0.5)
    }

    fn quiet(&self, of: impl Fn(&Round) -> f64) -> f64 {
        self.quantile(of, QUIET)
    }

    fn quantile(&self, of: impl Fn(&Round) -> f64, part: f64) -> f64 {
        quantile(&self.rounds.iter().map(of).collect::<Vec<_>>(), part)
    }

    fn report(&self) {
        let share = 100.0 * self.median(|round| round.share);
        let sent: usize = self.rounds.iter().map(|round| round.sent).sum();
        let calls = self.median(|round| round.calls);
        let cost = self.median(|round| round.cost);
        print!("{:26} {calls:5} calls, {share:.0} % of a core, ", self.name);
        print!("{cost:.1} µs a packet; ");
        print!("{} of {sent} lost, there ", self.lost());
        let half = self.median(|round| round.half);
        let most = self.median(|round| round.most);
        let behind = self.median(|round| round.behind);
        let quiet = self.quiet(|round| round.most);
        print!("after {half:.0} µs, 99 of 100 after {most:.0} µs, in quiet rounds {quiet:.0} µs ");
        println!("(sent {behind:.0} µs late)");
    }
}
