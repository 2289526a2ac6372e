use std::collections::BTreeMap;

use super::*;

/// A zone of its own.
#[derive(Default)]
struct Zone {
    pointers: BTreeMap<&'static str, Vec<Pointer>>,
    services: BTreeMap<&'static str, Vec<Service>>,
    addresses: BTreeMap<&'static str, Vec<IpAddr>>,
    gone: bool,
}

impl Zone {
    fn answer<T: Clone>(&self, found: Option<&Vec<T>>) -> Answer<T> {
        if self.gone {
            return Err(Unlocated("no name server answers".to_owned()));
        }
        let until = Instant::now() + Duration::from_secs(60);
        Ok((found.cloned().unwrap_or_default(), until))
    }

    fn pointer(mut self, order: u16, service: &str, replacement: &str) -> Self {
        let pointers = self.pointers.entry("pbx.example").or_default();
        pointers.push(Pointer {
            order,
            preference: 0,
            service: service.to_owned(),
            replacement: replacement.to_owned(),
        });
        self
    }

    fn service(mut self, name: &'static str, priority: u16, weight: u16, host: &str) -> Self {
        let services = self.services.entry(name).or_default();
        services.push(Service {
            priority,
            weight,
            port: 5070,
            host: host.to_owned(),
        });
        self
    }

    fn address(mut self, name: &'static str, address: &str) -> Self {
        let addresses = self.addresses.entry(name).or_default();
        addresses.push(address.parse().unwrap());
        self
    }
}

impl Names for Zone {
    async fn pointers(&self, name: &str) -> Answer<Pointer> {
        self.answer(self.pointers.get(name))
    }

    async fn services(&self, name: &str) -> Answer<Service> {
        self.answer(self.services.get(name))
    }

    async fn addresses(&self, name: &str) -> Answer<IpAddr> {
        self.answer(self.addresses.get(name))
    }
}

/// The places by rank, in words.
async fn places(zone: &Zone, target: &str) -> Vec<Vec<String>> {
    let target: Target = target.parse().unwrap();
    let located = locate(zone, &target).await.unwrap();
    let word = |(_, hop): &(u16, Hop)| format!("{} {}", hop.protocol, hop.addr);
    let ranks = located.ranks.iter();
    ranks.map(|rank| rank.iter().map(word).collect()).collect()
}

fn zone() -> Zone {
    Zone::default()
        .address("pbx.example", "192.0.2.1")
        .address("a.example", "192.0.2.10")
        .address("b.example", "192.0.2.11")
        .address("b.example", "2001:db8::11")
}

#[tokio::test]
async fn an_address_is_where_it_says() {
    let zone = Zone {
        gone: true,
        ..Zone::default()
    };
    for (target, expected) in [
        ("sip:192.0.2.1", "udp 192.0.2.1:5060"),
        ("sips:192.0.2.1", "tls 192.0.2.1:5061"),
        ("sip:192.0.2.1;transport=tcp", "tcp 192.0.2.1:5060"),
        ("sip:[2001:db8::1]:5080", "udp [2001:db8::1]:5080"),
        ("wss://192.0.2.1/ws", "wss 192.0.2.1:443"),
    ] {
        assert_eq!(places(&zone, target).await, [[expected]], "{target}");
    }
}

#[tokio::test]
async fn a_name_with_a_port_has_addresses_only() {
    let zone = zone().service("_sip._udp.pbx.example", 1, 0, "a.example");
    let found = places(&zone, "sip:pbx.example:5080").await;
    assert_eq!(found, [["udp 192.0.2.1:5080"]]);
}

#[tokio::test]
async fn services_are_ranked_by_priority() {
    let zone = zone()
        .service("_sip._tcp.pbx.example", 20, 0, "a.example")
        .service("_sip._tcp.pbx.example", 10, 5, "b.example");
    let found = places(&zone, "sip:pbx.example;transport=tcp").await;
    let first = vec![
        "tcp 192.0.2.11:5070".to_owned(),
        "tcp [2001:db8::11]:5070".to_owned(),
    ];
    assert_eq!(found, [first, vec!["tcp 192.0.2.10:5070".to_owned()]]);
}

#[tokio::test]
async fn pointers_choose_the_protocol_and_unknown_ones_are_passed_over() {
    let zone = zone()
        .pointer(30, "SIP+D2U", "_sip._udp.pbx.example")
        .pointer(10, "SIP+D2S", "_sip._sctp.pbx.example")
        .pointer(20, "sips+d2t", "_sips._tcp.pbx.example")
        .service("_sip._udp.pbx.example", 1, 0, "a.example")
        .service("_sips._tcp.pbx.example", 1, 0, "a.example");
    let found = places(&zone, "sip:pbx.example").await;
    assert_eq!(found, [["tls 192.0.2.10:5070"], ["udp 192.0.2.10:5070"]]);
    // RFC 3261 §26.2.2: who asked for encryption gets nothing else.
    let found = places(&zone, "sips:pbx.example").await;
    assert_eq!(found, [["tls 192.0.2.10:5070"]]);
}

#[tokio::test]
async fn without_services_there_are_addresses() {
    let found = places(&zone(), "sip:pbx.example").await;
    assert_eq!(found, [["udp 192.0.2.1:5060"]]);
    let found = places(&zone(), "sips:pbx.example").await;
    assert_eq!(found, [["tls 192.0.2.1:5061"]]);
    let found = places(&zone(), "wss://pbx.example/ws").await;
    assert_eq!(found, [["wss 192.0.2.1:443"]]);
}

#[tokio::test]
async fn a_service_that_is_refused_is_passed_over() {
    let zone = zone().service("_sip._udp.pbx.example", 0, 0, ".");
    let found = places(&zone, "sip:pbx.example").await;
    assert_eq!(found, [["udp 192.0.2.1:5060"]]);
}

#[tokio::test]
async fn what_is_not_found_is_named() {
    let target: Target = "sip:nowhere.example".parse().unwrap();
    let error = locate(&zone(), &target).await.unwrap_err();
    assert_eq!(error.to_string(), "DNS knows no address of nowhere.example");
    let gone = Zone {
        gone: true,
        ..Zone::default()
    };
    let error = locate(&gone, &target).await.unwrap_err();
    assert_eq!(error.to_string(), "no name server answers");
}

fn ranks() -> Vec<Rank> {
    let hop = |last: u8| Hop {
        protocol: Protocol::Udp,
        addr: SocketAddr::from(([192, 0, 2, last], 5060)),
        name: Host::V4([192, 0, 2, last].into()),
        path: "/".into(),
    };
    vec![
        vec![(30, hop(1)), (10, hop(2)), (0, hop(3))],
        vec![(0, hop(4))],
    ]
}

fn last_bytes(order: &[Hop]) -> Vec<u8> {
    let last = |hop: &Hop| match hop.addr.ip() {
        IpAddr::V4(address) => address.octets()[3],
        IpAddr::V6(_) => 0,
    };
    order.iter().map(last).collect()
}

#[test]
fn weights_share_the_load_and_ranks_keep_their_order() {
    assert_eq!(last_bytes(&order(&ranks(), |_| 0)), [3, 2, 1, 4]);
    assert_eq!(
        last_bytes(&order(&ranks(), |below| below - 1)),
        [1, 2, 3, 4]
    );
    let mut first = BTreeMap::<u8, u32>::new();
    for drawn in 0..=40 {
        let mut draws = [drawn].into_iter();
        let order = order(&ranks(), |_| draws.next().unwrap_or(0));
        *first.entry(last_bytes(&order)[0]).or_default() += 1;
    }
    assert_eq!(first, BTreeMap::from([(1, 30), (2, 10), (3, 1)]));
}
