//! Keeps up with where an upstream is and whether it answers.
//!
//! ```text
//!              answers an OPTIONS            answers none
//!   Unproven ──────────────────────▶ Alive ───────────────▶ Away
//!      │ what is asked goes there      ▲                      │ what is asked is answered 503
//!      ▼                               └──────────────────────┘
//!   (a PBX that never answers OPTIONS)    answers: phones register anew
//! ```

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use sidetone_sip::message::{CSeq, SipUri};
use sidetone_sip::{Address, Headers, Message, Method, Request, Response, Text, Uri};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::border;
use super::config::Protocol;
use super::link::{Hop, Link};
use super::locate::{Dns, Located, locate};
use super::pbx::{Pbx, Reach};
use super::phones::Input;
use super::post;
use super::shared::Shared;
use super::token::PhoneId;

/// How long an OPTIONS may stay unanswered.
const PATIENCE: Duration = Duration::from_secs(3);
/// The same of an upstream that is away: whoever comes back is to hear the next question soon.
const AWAY_PATIENCE: Duration = Duration::from_secs(1);
/// When a datagram is repeated.
const REPEAT: Duration = Duration::from_millis(500);
/// How often an upstream that is away is asked, at least; as much again is left to chance.
const AWAY: Duration = Duration::from_millis(250);
/// How soon DNS is asked again that did not answer.
const DNS_AGAIN: Duration = Duration::from_secs(5);
/// How soon a suspicion may lead to the next question.
const BETWEEN: Duration = Duration::from_secs(1);

/// Watches one upstream for ever.
pub(crate) async fn watch(pbx: Arc<Pbx>, shared: Arc<Shared>) {
    let dns = Dns::new();
    let mut watcher = Watcher::new(pbx, shared);
    loop {
        watcher.locate(&dns).await;
        watcher.ask_all().await;
        watcher.publish();
        watcher.rest().await;
    }
}

struct Watcher {
    pbx: Arc<Pbx>,
    shared: Arc<Shared>,
    located: Option<Located>,
    /// Places that have answered an OPTIONS before: from them an answer can be expected.
    proven: HashSet<SocketAddr>,
    /// Proven ones that do not answer now.
    dead: HashSet<SocketAddr>,
    away: bool,
    prober: Prober,
}

impl Watcher {
    fn new(pbx: Arc<Pbx>, shared: Arc<Shared>) -> Self {
        Self {
            prober: Prober::new(Arc::clone(&pbx), Arc::clone(&shared)),
            pbx,
            shared,
            located: None,
            proven: HashSet::new(),
            dead: HashSet::new(),
            away: false,
        }
    }

    async fn locate(&mut self, dns: &Dns) {
        let good = |located: &Located| Instant::now() < located.until;
        if self.located.as_ref().is_some_and(good) {
            return;
        }
        match locate(dns, self.pbx.config.next_hop()).await {
            Ok(located) => self.located = Some(located),
            // What was known before is better than nothing.
            Err(error) => {
                tracing::warn!(upstream = self.pbx.config.name, %error, "not located");
            }
        }
        if self.located.is_some() && matches!(&*self.pbx.reach.borrow(), Reach::Unknown) {
            self.publish();
        }
    }

    fn hops(&self) -> impl Iterator<Item = &Hop> {
        let ranks = self.located.iter().flat_map(|located| &located.ranks);
        ranks.flatten().map(|(_, hop)| hop)
    }

    async fn ask_all(&mut self) {
        if self.pbx.config.keep_alive.is_zero() {
            return;
        }
        let hops: Vec<Hop> = self.hops().cloned().collect();
        self.prober.patience = match self.away {
            true => AWAY_PATIENCE,
            false => PATIENCE,
        };
        for hop in hops {
            if self.prober.answers(&hop).await {
                self.proven.insert(hop.addr);
                self.dead.remove(&hop.addr);
            } else if self.proven.contains(&hop.addr) {
                self.dead.insert(hop.addr);
            }
        }
    }

    fn publish(&mut self) {
        let usable = |hop: &Hop| !self.dead.contains(&hop.addr);
        let ranks: Vec<_> = match &self.located {
            Some(located) => located.ranks.iter(),
            None => [].iter(),
        }
        .map(|rank| {
            let usable = rank.iter().filter(|(_, hop)| usable(hop));
            usable.cloned().collect::<Vec<_>>()
        })
        .filter(|rank| !rank.is_empty())
        .collect();
        let upstream = &self.pbx.config.name;
        let away = ranks.is_empty();
        self.pbx.reach.send_replace(match away {
            true => Reach::Nowhere,
            false => Reach::Hops(ranks.into()),
        });
        if away && !self.away {
            tracing::warn!(upstream, "the upstream does not answer");
        } else if self.away && !away {
            tracing::info!(upstream, "the upstream is back");
            for phone in self.shared.phones.all() {
                // Who has no room is busy with it already.
                let _ = phone.try_send(Input::Returned(self.pbx.id));
            }
        }
        self.away = away;
    }

    async fn rest(&mut self) {
        let now = Instant::now();
        let keep_alive = self.pbx.config.keep_alive;
        if self.away {
            let chance = super::random() % u64::try_from(AWAY.as_millis()).unwrap_or(1);
            return sleep_until(now + AWAY + Duration::from_millis(chance)).await;
        }
        let next = match keep_alive.is_zero() {
            true => ask_dns_again(now, self.located.as_ref().map(|located| located.until)),
            false => now + keep_alive,
        };
        tokio::select! {
            () = sleep_until(next) => {}
            () = self.pbx.suspicion.notified() => sleep_until(now + BETWEEN).await,
        }
    }
}

/// What has run out is asked for again, but not without a pause: DNS may be gone.
fn ask_dns_again(now: Instant, until: Option<Instant>) -> Instant {
    let soonest = now + DNS_AGAIN;
    until.map_or(soonest, |until| until.max(soonest))
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

    async fn answers(&mut self, hop: &Hop) -> bool {
        self.ask(hop).await.is_some()
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
    use super::*;

    #[test]
    fn dns_that_is_gone_is_not_asked_without_a_pause() {
        let now = Instant::now() + DNS_AGAIN;
        assert_eq!(ask_dns_again(now, None), now + DNS_AGAIN);
        let ran_out = now - Duration::from_secs(1);
        assert_eq!(ask_dns_again(now, Some(ran_out)), now + DNS_AGAIN);
        let good = now + Duration::from_secs(600);
        assert_eq!(ask_dns_again(now, Some(good)), good);
    }
}
