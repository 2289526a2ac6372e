use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Limits;
use crate::handshake::Refusal;

/// Counts flows, in all and by address.
pub(crate) struct Admission {
    flows: usize,
    flows_per_address: usize,
    open: Mutex<Open>,
}

#[derive(Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// The right to one flow; dropping it gives it back.
pub(crate) struct Permit {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            flows: limits.flows,
            flows_per_address: limits.flows_per_address,
            open: Mutex::default(),
        })
    }

    pub(crate) fn admit(self: &Arc<Self>, remote: IpAddr) -> Result<Permit, Refusal> {
        let address = household(remote);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.total >= self.flows {
            return Err(Refusal::Full);
        }
        let here = open.by_address.entry(address).or_default();
        if *here >= self.flows_per_address {
            return Err(Refusal::TooManyFromAddress);
        }
        *here += 1;
        open.total += 1;
        Ok(Permit {
            admission: Arc::clone(self),
            address,
        })
    }

    pub(crate) fn total(&self) -> usize {
        self.open
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .total
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self
            .admission
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.total -= 1;
        if let Some(here) = open.by_address.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                open.by_address.remove(&self.address);
            }
        }
    }
}

/// One machine has a whole /64 of IPv6 to choose its addresses from.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(flows: usize, flows_per_address: usize) -> Arc<Admission> {
        Admission::new(&Limits {
            flows,
            flows_per_address,
            ..Limits::default()
        })
    }

    #[test]
    fn a_dropped_permit_makes_room() {
        let admission = admission(10, 1);
        let address = "192.0.2.1".parse().unwrap();
        let first = admission.admit(address).ok().unwrap();
        assert!(matches!(
            admission.admit(address),
            Err(Refusal::TooManyFromAddress)
        ));
        assert_eq!(admission.total(), 1);
        drop(first);
        assert!(admission.admit(address).is_ok());
        assert_eq!(admission.total(), 0);
        assert!(admission.open.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn the_total_counts_all_addresses() {
        let admission = admission(2, 2);
        let _one = admission.admit("192.0.2.1".parse().unwrap()).ok().unwrap();
        let _two = admission.admit("192.0.2.2".parse().unwrap()).ok().unwrap();
        let third = admission.admit("192.0.2.3".parse().unwrap());
        assert!(matches!(third, Err(Refusal::Full)));
    }

    #[test]
    fn addresses_of_one_machine_count_together() {
        let same = |a: &str, b: &str| {
            household(a.parse::<IpAddr>().unwrap()) == household(b.parse::<IpAddr>().unwrap())
        };
        assert!(same("2001:db8:0:1::1", "2001:db8:0:1:ffff::2"));
        assert!(!same("2001:db8:0:1::1", "2001:db8:0:2::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
