//! Rounds in which all take turns, and what came of them.

use super::server::Server;

const ROUNDS: usize = 7;

/// Somebody who does the same work as the others.
pub(crate) struct Contender<'a> {
    server: &'a Server,
    /// Does the work once; answers how many units it was.
    turn: Box<dyn FnMut() -> usize + 'a>,
    /// Microseconds of processor time a unit, by round.
    times: Vec<f64>,
}

impl<'a> Contender<'a> {
    pub(crate) fn new(server: &'a Server, turn: impl FnMut() -> usize + 'a) -> Self {
        Self {
            server,
            turn: Box::new(turn),
            times: Vec::new(),
        }
    }

    fn take_turn(&mut self) {
        let before = self.server.cpu();
        let units = (self.turn)();
        self.times.push((self.server.cpu() - before) / units as f64);
    }
}

/// Lets all take turns and says what a `unit` costs each. The first is ours; false if it costs more
/// than `must` times what any peer takes. The floor is no peer.
pub(crate) fn hold(unit: &str, mut contenders: Vec<Contender>, must: f64) -> bool {
    for contender in &mut contenders {
        // Caches, pools, clocks.
        (contender.turn)();
    }
    for round in 0..ROUNDS {
        // Whoever comes first in one round comes last in the next.
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.rotate_left(round % contenders.len());
        for index in order {
            contenders[index].take_turn();
        }
    }
    println!("{ROUNDS} rounds; µs of processor time per {unit}: median (least–most)");
    for Contender { server, times, .. } in &contenders {
        let (least, most) = (quantile(times, 0.0), quantile(times, 1.0));
        let median = quantile(times, 0.5);
        println!("{:36} {median:8.1}  ({least:.1}–{most:.1})", server.name);
    }
    let (ours, others) = contenders.split_first().expect("ours is one of them");
    let mut held = true;
    for theirs in others {
        let pairs = ours.times.iter().zip(&theirs.times);
        let ratios: Vec<f64> = pairs.map(|(ours, theirs)| ours / theirs).collect();
        let ratio = quantile(&ratios, 0.5);
        let (ours, theirs) = (ours.server.name, theirs.server.name);
        if theirs == "floor" {
            println!("{ours} : {theirs} = {ratio:.2}");
        } else {
            println!("{ours} : {theirs} = {ratio:.2} (must be at most {must})");
            held &= ratio <= must;
        }
    }
    held
}

pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * part).round() as usize]
}
