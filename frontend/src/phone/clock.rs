//! The phone's clock.

use sidetone_sip::Moment;

/// A sleep is noticed when the wall clock runs ahead of the page's clock by this many
/// milliseconds.
const SLEEP: f64 = 2_000.0;

/// Milliseconds since the page was opened, time asleep included.
///
/// `performance.now()` never jumps but stands still while some systems sleep; `Date.now()` goes
/// on but can be set. Of the two the larger step counts, and never one backwards. A wall clock
/// that is set forward looks like a sleep, which costs one needless refresh.
#[derive(Debug)]
pub(crate) struct Clock {
    page: f64,
    wall: f64,
    elapsed: f64,
}

/// A reading.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Now.
    pub(crate) now: Moment,
    /// The machine slept since the last reading.
    pub(crate) slept: bool,
}

impl Clock {
    /// Starts at zero.
    #[must_use]
    pub(crate) fn start() -> Self {
        let (page, wall) = read();
        Self {
            page,
            wall,
            elapsed: 0.0,
        }
    }

    /// Reads it.
    pub(crate) fn read(&mut self) -> Reading {
        let (page, wall) = read();
        self.advance(page, wall)
    }

    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "never negative"
    )]
    fn advance(&mut self, page: f64, wall: f64) -> Reading {
        let by_page = (page - self.page).max(0.0);
        let by_wall = wall - self.wall;
        let slept = by_wall - by_page > SLEEP;
        // Below that they differ by rounding only.
        self.elapsed += if slept { by_wall } else { by_page };
        (self.page, self.wall) = (page, wall);
        Reading {
            now: Moment::from_millis(self.elapsed as u64),
            slept,
        }
    }
}

fn read() -> (f64, f64) {
    let performance = web_sys::window().and_then(|window| window.performance());
    let wall = js_sys::Date::now();
    (
        performance.map_or(wall, |performance| performance.now()),
        wall,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> Clock {
        Clock {
            page: 50.0,
            wall: 1_000_000.0,
            elapsed: 0.0,
        }
    }

    fn reading(millis: u64, slept: bool) -> Reading {
        Reading {
            now: Moment::from_millis(millis),
            slept,
        }
    }

    #[test]
    fn both_clocks_agree_while_awake() {
        let mut clock = clock();
        assert_eq!(clock.advance(150.0, 1_000_100.0), reading(100, false));
        assert_eq!(clock.advance(151.5, 1_000_101.0), reading(101, false));
    }

    #[test]
    fn sleep_counts_even_where_the_page_clock_stands_still() {
        let mut clock = clock();
        assert_eq!(clock.advance(60.0, 1_600_010.0), reading(600_010, true));
        assert_eq!(clock.advance(70.0, 1_600_020.0), reading(600_020, false));
    }

    #[test]
    fn a_wall_clock_set_back_changes_nothing() {
        let mut clock = clock();
        assert_eq!(clock.advance(1_050.0, 400_000.0), reading(1_000, false));
        assert_eq!(clock.advance(2_050.0, 401_000.0), reading(2_000, false));
    }
}
