//! Processor time a packet.

use super::load::Pattern;
use super::{CALLS, Contender, Must, quantile};

const ROUNDS: usize = 9;
/// Packets each way and call in one turn.
const BURSTS: usize = 50;
const SINGLES: usize = 10;

/// What one contender has needed.
#[derive(Default)]
struct Score {
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
        let mut scores: Vec<Score> = contenders.iter().map(|_| Score::default()).collect();
        for round in 0..ROUNDS {
            // Whoever comes first in one round comes last in the next.
            let mut order: Vec<usize> = (0..contenders.len()).collect();
            order.rotate_left(round % contenders.len());
            for index in order {
                scores[index].add(&mut contenders[index], pattern, times);
            }
        }
        println!("\n{pattern:?}");
        for (contender, score) in contenders.iter().zip(&scores) {
            score.report(contender.name);
        }
        musts.extend(ratios(pattern, contenders, &scores));
    }
    musts
}

impl Score {
    fn add(&mut self, contender: &mut Contender<'_>, pattern: Pattern, times: usize) {
        let before = (contender.time)();
        let (sent, heard) = contender.load.turn(pattern, times);
        let spent = (contender.time)().since(before).ran;
        self.lost += sent - heard;
        self.costs.push(spent as f64 / 1000.0 / heard.max(1) as f64);
    }

    fn report(&self, name: &str) {
        let Self { costs, lost } = self;
        let (least, most) = (quantile(costs, 0.0), quantile(costs, 1.0));
        let median = quantile(costs, 0.5);
        println!("{name:32} {median:6.2}  ({least:.2}–{most:.2}), {lost} lost");
    }
}

fn ratios(pattern: Pattern, contenders: &[Contender<'_>], scores: &[Score]) -> Vec<Must> {
    let mut musts = Vec::new();
    let scores = || contenders.iter().map(|c| c.name).zip(scores);
    for (our_name, ours) in scores().filter(|(name, _)| name.starts_with("ours")) {
        for (their_name, theirs) in scores().filter(|(name, _)| name.starts_with("rtpengine")) {
            let pairs = ours.costs.iter().zip(&theirs.costs);
            let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
            let ratio = quantile(&ratios, 0.5);
            let what = format!("{our_name} : {their_name}");
            println!("{what} = {ratio:.2}");
            let at_most = match (our_name, their_name) {
                ("ours, DTLS-SRTP ⇄ RTP", "rtpengine, RTP ⇄ RTP") => 0.6,
                ("ours, DTLS-SRTP ⇄ RTP", "rtpengine, DTLS-SRTP ⇄ RTP") => 0.5,
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
