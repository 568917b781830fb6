use std::net::IpAddr;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net};
use obo_core::ConfigError;

use super::connection::PeerAddress;

/// How many bits of an IPv6 address stand before the IPv4 address that it maps.
const MAPPED: u8 = 96;

/// From where the header of a proxy counts.
#[derive(Clone, Debug)]
pub(super) enum Proxies {
    Listed(Arc<[IpNet]>),
    Anywhere,
}

impl Proxies {
    pub(super) fn listed<N: AsRef<str>>(
        from: impl IntoIterator<Item = N>,
    ) -> Result<Self, ConfigError> {
        let wrong = |problem: String| ConfigError::new("from", problem);
        let networks = from.into_iter().map(|text| {
            let text = text.as_ref();
            network(text).ok_or_else(|| {
                wrong(format!(
                    "{text:?} is no network; expected for example \"10.1.0.0/16\" or \"127.0.0.1\""
                ))
            })
        });
        let networks = networks.collect::<Result<Vec<_>, _>>()?;
        if networks.is_empty() {
            let problem = "is empty, so the header would never count; list the proxy's network";
            return Err(wrong(problem.to_owned()));
        }
        // Several networks may add up to every address.
        let whole = IpNet::aggregate(&networks);
        if let Some(every) = whole.iter().find(|network| network.prefix_len() == 0) {
            return Err(wrong(format!(
                "has every address ({every}), so each sender could write the header; list the networks of \
                 your proxies, or use `danger_certificate_header_from_anywhere` (in a file \
                 `danger_from_anywhere = true`)"
            )));
        }
        Ok(Self::Listed(networks.into()))
    }

    pub(super) fn have(&self, peer: Option<&PeerAddress>) -> bool {
        match (self, peer) {
            (Self::Anywhere, _) => true,
            (Self::Listed(networks), Some(PeerAddress(peer))) => {
                // A socket for both families shows IPv4 addresses as IPv6.
                let peer = peer.to_canonical();
                networks.iter().any(|network| network.contains(&peer))
            }
            (Self::Listed(_), None) => false,
        }
    }
}

/// A network or a single address. One of mapped IPv4 addresses is one of IPv4, as addresses of
/// peers are.
fn network(text: &str) -> Option<IpNet> {
    let parsed = text.parse::<IpNet>().ok();
    let parsed = parsed.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))?;
    let mapped = match parsed {
        IpNet::V6(network) => network.addr().to_ipv4_mapped(),
        IpNet::V4(_) => None,
    };
    let bits = parsed.prefix_len().checked_sub(MAPPED);
    match mapped.zip(bits) {
        Some((address, bits)) => Some(Ipv4Net::new(address, bits).ok()?.into()),
        None => Some(parsed),
    }
}
