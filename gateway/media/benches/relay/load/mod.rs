//! Both ends of many calls, by other code than what is measured.

mod end;
mod keys;
mod pace;

use std::net::SocketAddr;
use std::ops::Range;
use std::thread;
use std::time::Duration;

use dimpl::SrtpProfile;

use end::End;
pub(crate) use keys::{Identity, Keys, PROFILE};
pub(crate) use pace::Paced;

/// One call: a browser, a PBX, and a relay between.
pub(crate) struct Line {
    browser: End,
    pbx: End,
}

impl Line {
    /// A call whose ends speak plain RTP.
    pub(crate) fn new() -> Self {
        Self {
            browser: End::new(1),
            pbx: End::new(2),
        }
    }

    pub(crate) fn browser_address(&self) -> SocketAddr {
        self.browser.socket.local_addr().unwrap()
    }

    pub(crate) fn pbx_address(&self) -> SocketAddr {
        self.pbx.socket.local_addr().unwrap()
    }

    /// Where the ends send, and whom they hear from now on.
    pub(crate) fn set_relay(&mut self, [browser_to, pbx_to]: [SocketAddr; 2]) {
        self.browser.socket.connect(browser_to).unwrap();
        self.pbx.socket.connect(pbx_to).unwrap();
    }

    pub(crate) fn set_pbx_keys(&mut self, keys: Keys) {
        self.pbx.keys = Some(keys);
    }

    /// Gives a datagram to the relay before the handshake.
    pub(crate) fn browser_says(&self, datagram: &[u8]) {
        self.browser.socket.send(datagram).unwrap();
    }

    /// DTLS of the browser's end; answers what it has settled on.
    pub(crate) fn shake_hands(
        &mut self,
        identity: &Identity,
        is_client: bool,
    ) -> Option<SrtpProfile> {
        self.browser.shake_hands(identity, is_client);
        self.browser.keys.as_ref().map(|keys| keys.profile)
    }

    /// The browser (0) or the PBX (1), and the other.
    fn ends(&mut self, first: usize) -> [&mut End; 2] {
        match first {
            0 => [&mut self.browser, &mut self.pbx],
            _ => [&mut self.pbx, &mut self.browser],
        }
    }
}

/// How the packets come. The load shares a core with who relays, and sleeps until it is done: nobody
/// is charged for waking another core, which costs a virtual machine many times what a packet does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// One each way in every call, and then all that comes is read: a busy relay.
    Bursts,
    /// One at a time: an idle relay, which wakes for every packet.
    Single,
}

/// How long a relay has for what has been sent.
const BURST: Duration = Duration::from_millis(8);
const SINGLE: Duration = Duration::from_micros(100);

type Tell = Box<dyn Fn(Range<usize>)>;

/// All calls of one relay.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) lines: Vec<Line>,
    /// Told which of the relay's sockets, two for each call, have been sent to.
    tell: Option<Tell>,
}

impl Load {
    pub(crate) fn telling(tell: Tell) -> Self {
        Self {
            tell: Some(tell),
            ..Self::default()
        }
    }

    /// One packet each way in every call, `times` times; answers how many were sent, and how many
    /// of them came.
    pub(crate) fn turn(&mut self, pattern: Pattern, times: usize) -> (usize, usize) {
        let ends = 2 * self.lines.len();
        let heard = (0..times).map(|_| match pattern {
            Pattern::Bursts => self.exchange(0..ends),
            Pattern::Single => (0..ends).map(|end| self.exchange(end..end + 1)).sum(),
        });
        (ends * times, heard.sum())
    }

    /// A packet from each of these ends, of which the even ones are browsers.
    fn exchange(&mut self, ends: Range<usize>) -> usize {
        for end in ends.clone() {
            let [speaker, _] = self.lines[end / 2].ends(end % 2);
            speaker.send();
        }
        if let Some(tell) = &self.tell {
            tell(ends.clone());
        }
        thread::sleep(if ends.len() > 1 { BURST } else { SINGLE });
        let heard = ends.filter(|end| {
            let [speaker, hearer] = self.lines[end / 2].ends(end % 2);
            hearer.hear(speaker)
        });
        heard.count()
    }
}
