//! Where a PBX is (RFC 3263, RFC 2782).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::net::NetError;
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{Resolver, TokioResolver};
use sidetone_sip::message::Host;
use tokio::time::Instant;

use super::config::{Protocol, Target};
use super::link::Hop;

/// What DNS says counts at least so long, and at most so long.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(600);

/// Places of equal rank; those with more weight are tried first more often.
pub(crate) type Rank = Vec<(u16, Hop)>;

/// All the places, the best rank first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) ranks: Vec<Rank>,
    /// When to ask again.
    pub(crate) until: Instant,
}

impl Located {
    /// Without the places that there is no way to; `None` if nothing is left.
    pub(crate) fn within_reach(mut self, reaches: impl Fn(&Hop) -> bool) -> Option<Self> {
        for rank in &mut self.ranks {
            rank.retain(|(_, hop)| reaches(hop));
        }
        self.ranks.retain(|rank| !rank.is_empty());
        (!self.ranks.is_empty()).then_some(self)
    }
}

/// A name that leads nowhere, in words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unlocated(pub(crate) String);

/// One SRV record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Service {
    priority: u16,
    weight: u16,
    port: u16,
    host: String,
}

/// One NAPTR record that leads to SRV records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    order: u16,
    preference: u16,
    service: String,
    replacement: String,
}

/// What names mean. Nothing found is an empty list, an error that nobody could be asked.
pub(crate) trait Names: Sync {
    fn pointers(&self, name: &str) -> impl Future<Output = Answer<Pointer>> + Send;
    fn services(&self, name: &str) -> impl Future<Output = Answer<Service>> + Send;
    fn addresses(&self, name: &str) -> impl Future<Output = Answer<IpAddr>> + Send;
}

/// Records, and how long they are good.
pub(crate) type Answer<T> = Result<(Vec<T>, Instant), Unlocated>;

/// The places where `target` may be.
pub(crate) async fn locate(names: &impl Names, target: &Target) -> Result<Located, Unlocated> {
    let path: Arc<str> = target.path.as_str().into();
    let located = Locating {
        names,
        target,
        path,
        ranks: Vec::new(),
        until: Instant::now() + LONGEST,
    };
    let mut located = located.run().await?;
    let soonest = Instant::now() + SHORTEST;
    located.until = located.until.max(soonest);
    Ok(located)
}

struct Locating<'a, N> {
    names: &'a N,
    target: &'a Target,
    path: Arc<str>,
    ranks: Vec<Rank>,
    until: Instant,
}

impl<N: Names> Locating<'_, N> {
    async fn run(mut self) -> Result<Located, Unlocated> {
        let usual = match self.target.secure {
            true => Protocol::Tls,
            false => Protocol::Udp,
        };
        let name = match &self.target.host {
            Host::Name(name) => name.to_string(),
            // RFC 3263 §4.1: an address needs no further word.
            Host::V4(address) => return Ok(self.at((*address).into(), usual)),
            Host::V6(address) => return Ok(self.at((*address).into(), usual)),
        };
        if self.target.port.is_none() {
            for (protocol, service) in self.ways(&name).await? {
                self.take_services(protocol, &service).await?;
            }
        }
        if self.ranks.is_empty() {
            let protocol = self.target.protocol.unwrap_or(usual);
            let port = self.target.port.unwrap_or(protocol.usual_port());
            for ip in self.addresses(&name).await? {
                let hop = self.hop(protocol, ip, port);
                self.ranks.push(vec![(0, hop)]);
            }
        }
        match self.ranks.is_empty() {
            true => Err(Unlocated(format!("DNS knows no address of {name}"))),
            false => Ok(Located {
                ranks: self.ranks,
                until: self.until,
            }),
        }
    }

    fn at(self, ip: IpAddr, usual: Protocol) -> Located {
        let protocol = self.target.protocol.unwrap_or(usual);
        let port = self.target.port.unwrap_or(protocol.usual_port());
        Located {
            ranks: vec![vec![(0, self.hop(protocol, ip, port))]],
            until: self.until,
        }
    }

    /// Protocols and the names of their services, the best first (RFC 3263 §4.1).
    async fn ways(&mut self, name: &str) -> Result<Vec<(Protocol, String)>, Unlocated> {
        let usual = |protocol| match protocol {
            Protocol::Udp => Some(format!("_sip._udp.{name}")),
            Protocol::Tcp => Some(format!("_sip._tcp.{name}")),
            Protocol::Tls => Some(format!("_sips._tcp.{name}")),
            Protocol::Ws | Protocol::Wss => None,
        };
        let protocols = match (self.target.protocol, self.target.secure) {
            (Some(protocol), _) => vec![protocol],
            (None, true) => vec![Protocol::Tls],
            (None, false) => vec![Protocol::Udp, Protocol::Tcp, Protocol::Tls],
        };
        let mut ways = Vec::new();
        if self.target.protocol.is_none() {
            let (mut pointers, until) = self.names.pointers(name).await?;
            self.until = self.until.min(until);
            pointers.sort_by_key(|pointer| (pointer.order, pointer.preference));
            for pointer in pointers {
                let protocol = match pointer.service.to_ascii_uppercase().as_str() {
                    "SIP+D2U" => Protocol::Udp,
                    "SIP+D2T" => Protocol::Tcp,
                    "SIPS+D2T" => Protocol::Tls,
                    _ => continue,
                };
                if protocols.contains(&protocol) {
                    ways.push((protocol, pointer.replacement));
                }
            }
        }
        if ways.is_empty() {
            let named = protocols.into_iter();
            ways.extend(named.filter_map(|protocol| Some((protocol, usual(protocol)?))));
        }
        Ok(ways)
    }

    async fn take_services(&mut self, protocol: Protocol, name: &str) -> Result<(), Unlocated> {
        let (mut services, until) = self.names.services(name).await?;
        self.until = self.until.min(until);
        services.sort_by_key(|service| service.priority);
        for rank in services.chunk_by(|one, other| one.priority == other.priority) {
            let mut hops = Rank::new();
            // RFC 2782: a single `.` says that there is no such service.
            for service in rank.iter().filter(|service| service.host != ".") {
                for ip in self.addresses(&service.host).await? {
                    hops.push((service.weight, self.hop(protocol, ip, service.port)));
                }
            }
            if !hops.is_empty() {
                self.ranks.push(hops);
            }
        }
        Ok(())
    }

    async fn addresses(&mut self, name: &str) -> Result<Vec<IpAddr>, Unlocated> {
        let (addresses, until) = self.names.addresses(name).await?;
        self.until = self.until.min(until);
        Ok(addresses)
    }

    fn hop(&self, protocol: Protocol, ip: IpAddr, port: u16) -> Hop {
        Hop {
            protocol,
            addr: SocketAddr::new(ip, port),
            // RFC 5922 §7.1: a certificate speaks for the name that was asked for, not for what
            // DNS made of it.
            name: self.target.host.clone(),
            path: Arc::clone(&self.path),
        }
    }
}

/// One order in which to try the places (RFC 2782); `random` answers a number below its argument.
pub(crate) fn order(ranks: &[Rank], mut random: impl FnMut(u64) -> u64) -> Vec<Hop> {
    let mut order = Vec::new();
    for rank in ranks {
        let mut left: Vec<&(u16, Hop)> = rank.iter().collect();
        // Those without weight stand in front, and have a small chance.
        left.sort_by_key(|(weight, _)| *weight);
        while !left.is_empty() {
            let total: u64 = left.iter().map(|(weight, _)| u64::from(*weight)).sum();
            let drawn = random(total + 1);
            let mut sum = 0;
            let at = left.iter().position(|(weight, _)| {
                sum += u64::from(*weight);
                sum >= drawn
            });
            let (_, hop) = left.remove(at.unwrap_or(0));
            order.push(hop.clone());
        }
    }
    order
}

/// DNS as this machine is told to ask it.
pub(crate) struct Dns(Option<TokioResolver>);

impl Dns {
    pub(crate) fn new() -> Self {
        let resolver = resolver();
        if let Err(error) = &resolver {
            tracing::warn!(%error, "this machine says no name server; SRV records can't be had");
        }
        Self(resolver.ok())
    }

    /// Looks again whom this machine asks: that may have changed since.
    pub(crate) fn renew(&mut self) {
        self.0 = resolver().ok();
    }

    fn resolver(&self) -> Result<&TokioResolver, Unlocated> {
        let none = || Unlocated("this machine has no name server".to_owned());
        self.0.as_ref().ok_or_else(none)
    }
}

fn resolver() -> Result<TokioResolver, NetError> {
    let mut builder = Resolver::builder_tokio()?;
    let options = builder.options_mut();
    options.timeout = Duration::from_secs(2);
    options.attempts = 2;
    builder.build()
}

macro_rules! records {
    ($lookup:expr, $name:expr, $pick:expr) => {
        match $lookup.await {
            Ok(found) => {
                let records = found.answers().iter();
                let picked = records.filter_map(|record| $pick(&record.data)).collect();
                Ok((picked, found.valid_until().into()))
            }
            Err(error) if error.is_no_records_found() => {
                Ok((Vec::new(), Instant::now() + SHORTEST))
            }
            Err(error) => Err(Unlocated(format!(
                "DNS can't be asked for {}: {error}",
                $name
            ))),
        }
    };
}

impl Names for Dns {
    async fn pointers(&self, name: &str) -> Answer<Pointer> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        records!(
            self.resolver()?
                .lookup(full(name), hickory_resolver::proto::rr::RecordType::NAPTR),
            name,
            |data: &RData| match data {
                RData::NAPTR(naptr) if naptr.flags.eq_ignore_ascii_case(b"s") => Some(Pointer {
                    order: naptr.order,
                    preference: naptr.preference,
                    service: text(&naptr.services),
                    replacement: naptr.replacement.to_utf8(),
                }),
                _ => None,
            }
        )
    }

    async fn services(&self, name: &str) -> Answer<Service> {
        records!(
            self.resolver()?.srv_lookup(full(name)),
            name,
            |data: &RData| match data {
                RData::SRV(srv) => Some(Service {
                    priority: srv.priority,
                    weight: srv.weight,
                    port: srv.port,
                    host: srv.target.to_utf8(),
                }),
                _ => None,
            }
        )
    }

    async fn addresses(&self, name: &str) -> Answer<IpAddr> {
        let Some(resolver) = &self.0 else {
            let found = tokio::net::lookup_host((name, 0)).await;
            let found = found.map_err(|error| Unlocated(format!("{name}: {error}")))?;
            let addresses = found.map(|address| address.ip()).collect();
            return Ok((addresses, Instant::now() + SHORTEST));
        };
        // Not qualified: /etc/hosts and the search list know names too.
        match resolver.lookup_ip(name).await {
            Ok(found) => Ok((found.iter().collect(), found.valid_until().into())),
            Err(error) if error.is_no_records_found() => {
                Ok((Vec::new(), Instant::now() + SHORTEST))
            }
            Err(error) => Err(Unlocated(format!("DNS can't be asked for {name}: {error}"))),
        }
    }
}

fn full(name: &str) -> String {
    format!("{}.", name.trim_end_matches('.'))
}

#[cfg(test)]
mod tests;
