use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The number of connections of each address.
#[derive(Clone, Default)]
pub(super) struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

/// A counted connection. Dropping it ends the count.
pub(super) struct CountedConnection {
    addresses: Addresses,
    address: IpAddr,
}

impl Addresses {
    /// Counts a connection. Returns `None` if the address has `most` connections already.
    pub(super) fn count(&self, address: IpAddr, most: usize) -> Option<CountedConnection> {
        let address = network(address);
        let mut addresses = self.lock();
        let connections = addresses.entry(address).or_default();
        if *connections >= most {
            return None;
        }
        *connections += 1;
        Some(CountedConnection {
            addresses: self.clone(),
            address,
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the network of a site for IPv6 (RFC 6177), because one host can use all of its
/// addresses.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes()),
        address @ IpAddr::V4(_) => address,
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        let mut addresses = self.addresses.lock();
        if let Some(connections) = addresses.get_mut(&self.address) {
            *connections -= 1;
            if *connections == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_its_share() {
        let addresses = Addresses::default();
        let count = |address: &str| addresses.count(address.parse().ok()?, 1);
        let first = count("2001:db8::1");
        assert!(first.is_some());
        assert!(count("2001:db8::2").is_none());
        assert!(count("2001:db8:0:1::1").is_some());
        let _mapped = count("::ffff:192.0.2.1");
        assert!(count("192.0.2.1").is_none());
        drop(first);
        assert!(count("2001:db8::2").is_some());
    }

    #[test]
    fn idle_address_takes_no_memory() {
        let addresses = Addresses::default();
        drop(addresses.count(IpAddr::from([127, 0, 0, 1]), 7));
        assert!(addresses.lock().is_empty());
    }
}
