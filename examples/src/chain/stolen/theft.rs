//! Where a token was stolen, and what the thief sends.

use super::of_bearers::OF_BEARERS;
use super::of_certificates::OF_CERTIFICATES;
use super::of_keys::OF_KEYS;
use super::{SERVICES, Stolen};
use crate::BoxError;
use crate::chain::Binding;
use crate::chain::binding::Headers;

/// Where a thief has a token from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A log or a trace that has tokens.
    Log,
    /// A service that was taken over.
    Service,
    /// A proxy, which has seen all that was sent with the token.
    Proxy,
}

impl Source {
    /// Where the thief has tokens with this binding from, and what else there was.
    pub fn of(self, binding: Binding) -> &'static str {
        match (self, binding) {
            (Self::Log, _) => "from a log",
            (Self::Service, _) => "from a service that was taken over",
            (Self::Proxy, Binding::None) => "from a proxy",
            (Self::Proxy, Binding::Dpop) => {
                "from a proxy, with proofs that it has seen or held back"
            }
            (Self::Proxy, Binding::Certificate) => {
                "from a proxy, with the certificate of the owner, which is public"
            }
        }
    }
}

/// Where tokens were stolen, what the thief sends, and how each service responds.
#[derive(Debug)]
pub struct Theft {
    /// Where the thief has them from.
    pub from: Source,
    /// What the thief sends.
    pub sends: &'static str,
    /// The error of each service's challenge; `None` if the service accepts the token.
    pub errors: [Option<&'static str>; 3],
    pub(super) connection: Connection,
    pub(super) headers: fn(&Stolen<'_>) -> Result<Headers, BoxError>,
}

/// The connection of a thief.
#[derive(Clone, Copy, Debug)]
pub(super) enum Connection {
    /// Without a certificate.
    Plain,
    /// With the thief's own certificate.
    Thief,
    /// With a certificate of the service that was called.
    Called,
}

impl Theft {
    /// All thefts of tokens with this binding.
    pub fn all(binding: Binding) -> &'static [Self] {
        match binding {
            Binding::None => &OF_BEARERS,
            Binding::Dpop => &OF_KEYS,
            Binding::Certificate => &OF_CERTIFICATES,
        }
    }

    /// What the thief sends, and which services accept it.
    pub(super) fn outcome(&self) -> String {
        let services = SERVICES.iter().zip(self.errors);
        let accept = services.filter(|(_, error)| error.is_none());
        let accept: Vec<_> = accept.map(|(service, _)| *service).collect();
        match accept.len() {
            0 => format!("{}: refused by each", self.sends),
            3 => format!("{}: accepted by each", self.sends),
            _ => {
                let accept = accept.join(" and ");
                format!("{}: accepted by {accept} only", self.sends)
            }
        }
    }

    /// Whether a service accepts the token from the thief.
    pub fn succeeds(&self) -> bool {
        self.errors.contains(&None)
    }
}
