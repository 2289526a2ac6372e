//! The load of an office: a packet each way every 20 ms in every call, and no two at once. It waits
//! for nothing: what the relay can't keep up with piles up there, and is late or lost.

use std::thread;
use std::time::Duration;

use super::Load;
use super::end::{Heard, PATIENCE, nanoseconds, now};

const PERIOD: Duration = Duration::from_millis(20);
/// In the first one all of memory is far away.
const WARM_UP: u32 = 1;

/// What became of a load.
#[derive(Default)]
pub(crate) struct Paced {
    /// How long it lasted.
    pub(crate) lasted: Duration,
    pub(crate) sent: usize,
    pub(crate) heard: usize,
    /// Microseconds from sending to arriving, of all that came after the first period.
    pub(crate) delays: Vec<f64>,
    /// Microseconds that packets were sent after they should have been.
    pub(crate) late: Vec<f64>,
}

impl Load {
    /// Makes what [`Load::pace`] is to send.
    pub(crate) fn prepare(&mut self, calls: usize, periods: u32) {
        for line in &mut self.lines[..calls] {
            line.browser.prepare(WARM_UP + periods);
            line.pbx.prepare(WARM_UP + periods);
        }
    }

    /// Lets `calls` calls speak for so many periods, and one before.
    pub(crate) fn pace(&mut self, calls: usize, periods: u32) -> Paced {
        let lines = &mut self.lines[..calls];
        let room = 2 * calls * periods as usize;
        let mut paced = Paced {
            late: room_for(room),
            ..Paced::default()
        };
        let start = now();
        let mut heard = Heard {
            since: nanoseconds(start + PERIOD * WARM_UP),
            delays: room_for(room),
            ..Heard::default()
        };
        for period in 0..WARM_UP + periods {
            for slot in 0..2 * calls {
                let due =
                    start + PERIOD * period + PERIOD.mul_f64(slot as f64 / (2 * calls) as f64);
                let sending = loop {
                    let now = now();
                    if now >= due {
                        break now;
                    }
                };
                if period >= WARM_UP {
                    paced.late.push((sending - due).as_secs_f64() * 1e6);
                }
                paced.sent += 1;
                // The PBX of a call speaks half a period after the browser.
                let call = (slot / 2 + slot % 2 * calls / 2) % calls;
                let [speaker, other] = lines[call].ends(slot % 2);
                speaker.send();
                speaker.collect(other, &mut heard);
            }
        }
        paced.lasted = now() - start;
        thread::sleep(PATIENCE);
        for line in lines {
            for first in 0..2 {
                let [hearer, speaker] = line.ends(first);
                hearer.collect(speaker, &mut heard);
                speaker.forget();
            }
        }
        (paced.heard, paced.delays) = (heard.count, heard.delays);
        paced
    }
}

/// Memory that is there, and not given while it is used.
fn room_for(count: usize) -> Vec<f64> {
    let mut room = vec![1.0; count];
    room.clear();
    room
}
