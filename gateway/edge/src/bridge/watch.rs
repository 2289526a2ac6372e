//! Keeps up with whether an upstream answers.
//!
//! ```text
//!              answers an OPTIONS      none of its places answers: phones register anew, in vain
//!   Unproven ──────────────────────▶ Alive ───────────────────────────▶ Away
//!      │ what is asked goes there      ▲                                  │ what is asked is
//!      ▼                               └──────────────────────────────────┘ answered 503
//!   (a PBX that never answers OPTIONS)    answers: phones register anew
//! ```

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use sidetone_sip::message::{CSeq, SipUri};
use sidetone_sip::{Address, Headers, Message, Method, Request, Response, Text, Uri};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::border;
use super::config::Protocol;
use super::link::{Hop, Link};
use super::locate::{Located, Rank};
use super::pbx::{Pbx, Reach};
use super::phones::Input;
use super::post;
use super::shared::Shared;
use super::token::{PhoneId, UpstreamId};
use super::whereabouts::{self, Whereabouts};

/// How long an OPTIONS may stay unanswered.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same of an upstream that is away: whoever comes back is to hear the next question soon.
const AWAY_PATIENCE: Duration = Duration::from_secs(1);
/// When a datagram is repeated.
const REPEAT: Duration = Duration::from_millis(500);
/// How often an upstream that is away is asked, at least; as much again is left to chance.
const AWAY: Duration = Duration::from_millis(250);
/// How soon a suspicion may lead to the next question.
const BETWEEN: Duration = Duration::from_secs(1);

/// Watches one upstream for ever.
pub(crate) async fn watch(pbx: Arc<Pbx>, shared: Arc<Shared>) {
    let (told, whereabouts) = watch::channel(Whereabouts::Unasked);
    shared.spawn(whereabouts::follow(
        Arc::clone(&pbx),
        Arc::clone(&shared),
        told,
    ));
    let mut watcher = Watcher::new(pbx, shared, whereabouts);
    watcher.first_word().await;
    loop {
        watcher.locate();
        watcher.ask_all().await;
        watcher.publish();
        watcher.rest().await;
    }
}

/// What a place has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It answers.
    Alive,
    /// It has answered, and does so no more.
    Dead,
}

/// The places that may be asked, by rank: those that answer, then those that never have.
fn usable(located: &Located, shown: &HashMap<SocketAddr, Standing>) -> Vec<Rank> {
    let of = |standing: Option<Standing>| {
        let ranks = located.ranks.iter().map(move |rank| {
            let hops = rank.iter();
            let hops = hops.filter(move |(_, hop)| shown.get(&hop.addr).copied() == standing);
            hops.cloned().collect::<Rank>()
        });
        ranks.filter(|rank| !rank.is_empty())
    };
    of(Some(Standing::Alive)).chain(of(None)).collect()
}

struct Watcher {
    pbx: Arc<Pbx>,
    shared: Arc<Shared>,
    whereabouts: watch::Receiver<Whereabouts>,
    located: Option<Arc<Located>>,
    shown: HashMap<SocketAddr, Standing>,
    /// One for each place.
    probers: Vec<(Hop, Prober)>,
    away: bool,
}

impl Watcher {
    fn new(pbx: Arc<Pbx>, shared: Arc<Shared>, whereabouts: watch::Receiver<Whereabouts>) -> Self {
        Self {
            pbx,
            shared,
            whereabouts,
            located: None,
            shown: HashMap::new(),
            probers: Vec::new(),
            away: false,
        }
    }

    /// Waits until DNS has said anything.
    async fn first_word(&mut self) {
        let said = |whereabouts: &Whereabouts| !matches!(whereabouts, Whereabouts::Unasked);
        // Who follows DNS ends when the gateway does.
        let _ = self.whereabouts.wait_for(said).await;
    }

    /// Takes note of what DNS says now.
    fn locate(&mut self) {
        let Whereabouts::Known(located) = self.whereabouts.borrow_and_update().clone() else {
            return;
        };
        let hops = located.ranks.iter().flatten().map(|(_, hop)| hop);
        let mut known = std::mem::take(&mut self.probers);
        for hop in hops {
            let prober = match known.iter().position(|(other, _)| other == hop) {
                Some(at) => known.swap_remove(at),
                None => {
                    let prober = Prober::new(Arc::clone(&self.pbx), Arc::clone(&self.shared));
                    (hop.clone(), prober)
                }
            };
            self.probers.push(prober);
        }
        let is_place = |addr: &SocketAddr| self.probers.iter().any(|(hop, _)| hop.addr == *addr);
        self.shown.retain(|addr, _| is_place(addr));
        self.located = Some(located);
        // Of several places one is known to be right when it has answered.
        let asks = !self.pbx.config.keep_alive.is_zero() && self.probers.len() > 1;
        if !asks && self.is_unknown() {
            self.publish();
        }
    }

    fn is_unknown(&self) -> bool {
        matches!(&*self.pbx.reach.borrow(), Reach::Unknown)
    }

    /// Asks all places at once.
    async fn ask_all(&mut self) {
        if self.pbx.config.keep_alive.is_zero() {
            return;
        }
        let patience = if self.away { AWAY_PATIENCE } else { PATIENCE };
        let mut probers = std::mem::take(&mut self.probers);
        let asked = probers.iter_mut().map(|(hop, prober)| async move {
            prober.patience = patience;
            (hop.addr, prober.ask(hop).await.is_some())
        });
        let mut asked: FuturesUnordered<_> = asked.collect();
        while let Some((addr, answers)) = asked.next().await {
            self.note(addr, answers);
        }
        drop(asked);
        self.probers = probers;
    }

    fn note(&mut self, addr: SocketAddr, answers: bool) {
        let upstream = &self.pbx.config.name;
        let before = self.shown.get(&addr).copied();
        let now = match (before, answers) {
            (_, true) => Standing::Alive,
            (Some(_), false) => Standing::Dead,
            (None, false) => return,
        };
        if before == Some(now) {
            return;
        }
        match now {
            Standing::Alive => tracing::info!(upstream, %addr, "a server of the upstream answers"),
            Standing::Dead => tracing::info!(upstream, %addr, "a server of the upstream is silent"),
        }
        self.shown.insert(addr, now);
        self.publish();
    }

    fn publish(&mut self) {
        let located = self.located.as_ref();
        let ranks = located.map_or_else(Vec::new, |located| usable(located, &self.shown));
        let upstream = &self.pbx.config.name;
        let away = ranks.is_empty();
        self.pbx.reach.send_replace(match away {
            true => Reach::Nowhere,
            false => Reach::Hops(ranks.into()),
        });
        if away && !self.away {
            tracing::warn!(upstream, "the upstream does not answer");
            self.tell_phones(Input::Away);
        } else if self.away && !away {
            tracing::info!(upstream, "the upstream is back");
            self.tell_phones(Input::Returned);
        }
        self.away = away;
    }

    fn tell_phones(&self, what: fn(UpstreamId) -> Input) {
        for phone in self.shared.phones.all() {
            // Who has no room is busy with it already.
            let _ = phone.try_send(what(self.pbx.id));
        }
    }

    async fn rest(&mut self) {
        let now = Instant::now();
        let keep_alive = self.pbx.config.keep_alive;
        let asks = !keep_alive.is_zero() && !self.probers.is_empty();
        let chance = || super::random() % u64::try_from(AWAY.as_millis()).unwrap_or(1);
        let next = match self.away {
            true => now + AWAY + Duration::from_millis(chance()),
            false => now + keep_alive,
        };
        let suspicion = async {
            self.pbx.suspicion.notified().await;
            sleep_until(now + BETWEEN).await;
        };
        tokio::select! {
            () = sleep_until(next), if asks => {}
            () = suspicion, if asks && !self.away => {}
            Ok(()) = self.whereabouts.changed() => {}
            // Who follows DNS has ended, as all do now.
            else => std::future::pending().await,
        }
    }
}

/// Asks places whether they are alive, like a phone without a browser.
pub(crate) struct Prober {
    pbx: Arc<Pbx>,
    shared: Arc<Shared>,
    id: PhoneId,
    task: mpsc::Sender<Input>,
    inbox: mpsc::Receiver<Input>,
    links: Vec<Link>,
    asked: u64,
    patience: Duration,
}

impl Prober {
    pub(crate) fn new(pbx: Arc<Pbx>, shared: Arc<Shared>) -> Self {
        let id = PhoneId(super::random());
        let (task, inbox) = mpsc::channel(8);
        // Nobody else has this name.
        let _ = shared.phones.claim(id, &task);
        Self {
            pbx,
            shared,
            id,
            task,
            inbox,
            links: Vec::new(),
            asked: 0,
            patience: PATIENCE,
        }
    }

    /// The answer to an OPTIONS, whatever it says.
    pub(crate) async fn ask(&mut self, hop: &Hop) -> Option<Response> {
        let link = self.link(hop);
        self.asked += 1;
        let branch = post::branch(self.id, self.asked, 0);
        let bytes = self.options(&link, &branch).to_bytes();
        link.send(bytes.clone()).ok()?;
        let end = Instant::now() + self.patience;
        let mut repeat = Instant::now() + REPEAT;
        let mut pause = REPEAT;
        loop {
            match timeout_at(repeat.min(end), self.inbox.recv()).await {
                Ok(Some(Input::Pbx(received))) => {
                    if let Message::Response(response) = received.0
                        && response.headers.via[0].branch() == Some(&branch)
                        && response.status.is_final()
                    {
                        return Some(response);
                    }
                }
                Ok(Some(Input::LinkDown(flow))) => {
                    self.links.retain(|other| other.flow != flow);
                    if flow == link.flow {
                        return None;
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return None,
                Err(_) if Instant::now() >= end => {
                    // A connection that is silent may be half-open.
                    self.links.retain(|other| other.flow != link.flow);
                    return None;
                }
                Err(_) => {
                    pause *= 2;
                    repeat = Instant::now() + pause;
                    if hop.protocol == Protocol::Udp {
                        link.send(bytes.clone()).ok()?;
                    }
                }
            }
        }
    }

    fn link(&mut self, hop: &Hop) -> Link {
        let same =
            |link: &&Link| link.protocol == hop.protocol && link.peer == hop.addr && link.is_open();
        if let Some(link) = self.links.iter().find(same) {
            return link.clone();
        }
        let link = match hop.protocol {
            Protocol::Udp => Link::datagrams(&self.shared, hop.addr),
            _ => {
                let tls = self.pbx.tls.clone();
                Link::connect(&self.shared, tls, hop, self.task.clone())
            }
        };
        self.links.push(link.clone());
        link
    }

    fn options(&self, link: &Link, branch: &str) -> Request {
        let mut target = SipUri::of_host(self.pbx.config.target.host.clone());
        target.port = self.pbx.config.target.port;
        let target = Uri::Sip(target);
        let from = Uri::Sip(SipUri::of_host(link.local.ip().into()));
        let number = u32::try_from(self.asked & 0x7fff_ffff).unwrap_or(1);
        let cseq = CSeq {
            number,
            method: Method::Options,
        };
        let mut headers = Headers::new(
            Address::new(from).with_tag(&format!("{:016x}", self.id.0)),
            Address::new(target.clone()),
            Text::from(format!("{:016x}-{}", self.id.0, self.asked)),
            cseq,
        );
        headers.via = vec![border::via(link, branch)];
        headers.max_forwards = Some(70);
        headers.contact = sidetone_sip::message::Contacts::one(Address::new(border::gateway(link)));
        Request::new(Method::Options, target, headers)
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.shared.phones.release(self.id, &self.task);
    }
}

#[cfg(test)]
mod tests {
    use sidetone_sip::message::Host;

    use super::*;

    fn hop(last: u8) -> Hop {
        Hop {
            protocol: Protocol::Udp,
            addr: SocketAddr::from(([192, 0, 2, last], 5060)),
            name: Host::V4([192, 0, 2, last].into()),
            path: "/".into(),
        }
    }

    #[test]
    fn those_that_answer_come_first_and_those_that_have_ceased_to_are_left_out() {
        let located = Located {
            ranks: vec![
                vec![(10, hop(1)), (20, hop(2))],
                vec![(0, hop(3))],
                vec![(0, hop(4))],
            ],
            until: Instant::now(),
        };
        let ranks = |shown: &[(u8, Standing)]| -> Vec<Vec<u8>> {
            let shown = shown.iter().map(|(last, shown)| (hop(*last).addr, *shown));
            let ranks = usable(&located, &shown.collect());
            let last = |(_, hop): &(u16, Hop)| match hop.addr.ip() {
                std::net::IpAddr::V4(ip) => ip.octets()[3],
                std::net::IpAddr::V6(_) => 0,
            };
            let ranks = ranks.iter();
            ranks.map(|rank| rank.iter().map(last).collect()).collect()
        };
        use Standing::{Alive, Dead};
        assert_eq!(ranks(&[]), [vec![1, 2], vec![3], vec![4]]);
        assert_eq!(ranks(&[(4, Alive)]), [vec![4], vec![1, 2], vec![3]]);
        let some = [(1, Dead), (2, Alive), (4, Alive)];
        assert_eq!(ranks(&some), [vec![2], vec![4], vec![3]]);
        let all = [(1, Dead), (2, Dead), (3, Dead), (4, Dead)];
        assert_eq!(ranks(&all), Vec::<Vec<u8>>::new());
    }
}
