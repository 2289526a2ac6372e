//! The addresses at which browsers can reach the socket.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// The host candidates of a socket bound to `bound`, best first: `advertise` if it names any, the
/// bound address if it is one, else those of the machine's interfaces.
///
/// # Errors
/// When the interfaces can't be listed, or none of them can be used.
pub(crate) fn host_candidates(
    bound: SocketAddr,
    advertise: &[IpAddr],
) -> io::Result<Vec<SocketAddr>> {
    let addresses = if !advertise.is_empty() {
        advertise.to_vec()
    } else if bound.ip().is_unspecified() {
        let interfaces = if_addrs::get_if_addrs()?;
        reachable(bound.ip(), interfaces.iter().map(if_addrs::Interface::ip))
    } else {
        vec![bound.ip()]
    };
    if addresses.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            "this machine has no address to offer; name one to advertise",
        ));
    }
    let with_port = |ip| SocketAddr::new(ip, bound.port());
    Ok(addresses.into_iter().map(with_port).collect())
}

/// Those of `addresses` that a socket bound to the wildcard `bound` serves: IPv4 first, loopback
/// only when there is nothing else.
fn reachable(bound: IpAddr, addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let link_local = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let mut served: Vec<IpAddr> = addresses
        .filter(|ip| ip.is_ipv4() || bound.is_ipv6())
        .filter(|ip| !link_local(ip))
        .collect();
    served.sort_by_key(IpAddr::is_ipv6);
    served.dedup();
    if served.iter().any(|ip| !ip.is_loopback()) {
        served.retain(|ip| !ip.is_loopback());
    }
    served
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reached(bound: &str, addresses: &[&str]) -> Vec<String> {
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap());
        let served = reachable(bound.parse().unwrap(), addresses);
        served.iter().map(ToString::to_string).collect()
    }

    const ALL: [&str; 5] = ["127.0.0.1", "::1", "2001:db8::7", "fe80::1", "192.0.2.7"];

    #[test]
    fn a_dual_stack_socket_offers_both_families() {
        assert_eq!(reached("::", &ALL), ["192.0.2.7", "2001:db8::7"]);
    }

    #[test]
    fn an_ipv4_socket_offers_ipv4_only() {
        assert_eq!(reached("0.0.0.0", &ALL), ["192.0.2.7"]);
    }

    #[test]
    fn loopback_is_offered_where_nothing_else_is_there() {
        assert_eq!(reached("0.0.0.0", &["127.0.0.1", "::1"]), ["127.0.0.1"]);
    }

    #[test]
    fn advertised_addresses_replace_those_of_the_machine() {
        let bound: SocketAddr = "0.0.0.0:4000".parse().unwrap();
        let advertised: [IpAddr; 1] = ["198.51.100.9".parse().unwrap()];
        let offered = host_candidates(bound, &advertised).unwrap();
        assert_eq!(offered, ["198.51.100.9:4000".parse().unwrap()]);
    }

    #[test]
    fn a_bound_address_is_offered_even_when_it_is_loopback() {
        let bound: SocketAddr = "127.0.0.1:4000".parse().unwrap();
        assert_eq!(host_candidates(bound, &[]).unwrap(), [bound]);
    }
}
