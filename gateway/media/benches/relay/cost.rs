//! Processor time a packet.

use super::load::Pattern;
use super::{CALLS, Contender, Must, quantile};

const ROUNDS: usize = 15;
/// Packets each way and call in one turn.
const BURSTS: usize = 50;
const SINGLES: usize = 10;

pub(crate) const OURS: &str = "ours, DTLS-SRTP ⇄ RTP";
/// SRTP on both sides.
pub(crate) const OURS_TWICE: &str = "ours, DTLS-SRTP ⇄ SDES-SRTP";
const OURS_WITHOUT: &str = "ours, less its SRTP";

/// What one contender has needed.
struct Score {
    name: &'static str,
    /// Microseconds a packet, by round.
    costs: Vec<f64>,
    lost: usize,
}

/// Ratios are those of a round; what counts is the median.
pub(crate) fn compare(contenders: &mut [Contender<'_>]) -> Vec<Must> {
    for contender in &mut *contenders {
        contender.provide(CALLS);
    }
    println!("{CALLS} calls, {ROUNDS} rounds; µs of processor time a packet: median (least–most)");
    let mut musts = Vec::new();
    for (pattern, times) in [(Pattern::Bursts, BURSTS), (Pattern::Single, SINGLES)] {
        let mut scores: Vec<Score> = contenders.iter().map(|c| Score::new(c.name)).collect();
        for round in 0..ROUNDS {
            // Whoever comes first in one round comes last in the next.
            let mut order: Vec<usize> = (0..contenders.len()).collect();
            order.rotate_left(round % contenders.len());
            for index in order {
                scores[index].add(&mut contenders[index], pattern, times);
            }
        }
        println!("\n{pattern:?}");
        scores.extend(without_srtp(&scores));
        scores.iter().for_each(Score::report);
        musts.extend(ratios(pattern, &scores));
    }
    musts
}

/// What ours would need if neither side were encrypted.
fn without_srtp(scores: &[Score]) -> Option<Score> {
    let of = |name| scores.iter().find(|score| score.name == name);
    let (once, twice) = (of(OURS)?, of(OURS_TWICE)?);
    let rounds = once.costs.iter().zip(&twice.costs);
    Some(Score {
        costs: rounds.map(|(once, twice)| 2.0 * once - twice).collect(),
        ..Score::new(OURS_WITHOUT)
    })
}

impl Score {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            costs: Vec::new(),
            lost: 0,
        }
    }

    fn add(&mut self, contender: &mut Contender<'_>, pattern: Pattern, times: usize) {
        let _awake = contender.wake();
        let before = (contender.time)();
        let (sent, heard) = contender.load.turn(pattern, times);
        let spent = (contender.time)().since(before).ran;
        self.lost += sent - heard;
        self.costs.push(spent as f64 / 1000.0 / heard.max(1) as f64);
    }

    fn report(&self) {
        let Self { name, costs, lost } = self;
        let (least, most) = (quantile(costs, 0.0), quantile(costs, 1.0));
        let median = quantile(costs, 0.5);
        println!("{name:32} {median:6.2}  ({least:.2}–{most:.2}), {lost} lost");
    }
}

fn ratios(pattern: Pattern, scores: &[Score]) -> Vec<Must> {
    let mut musts = Vec::new();
    let those = |start| scores.iter().filter(move |s| s.name.starts_with(start));
    for ours in those("ours") {
        for theirs in those("rtpengine") {
            let pairs = ours.costs.iter().zip(&theirs.costs);
            let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
            let ratio = quantile(&ratios, 0.5);
            let what = format!("{} : {}", ours.name, theirs.name);
            println!("{what} = {ratio:.2}");
            let at_most = match (ours.name, theirs.name) {
                (OURS_WITHOUT, "rtpengine, RTP ⇄ RTP") => 0.6,
                (OURS, "rtpengine, DTLS-SRTP ⇄ RTP") => 0.5,
                _ => continue,
            };
            musts.push(Must {
                what: format!("{pattern:?}, {what}"),
                is: ratio,
                at_most,
            });
        }
    }
    musts
}
