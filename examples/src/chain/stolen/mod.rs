//! A thief has copied the tokens of a call, and what was sent with them. Each theft is tried at
//! each service: a bound token is of no use to the thief, a plain one works at its audience.

mod hop;
mod of_bearers;
mod of_certificates;
mod of_keys;
mod row;
mod theft;

use self::hop::Hop;
pub use self::hop::Seen;
pub use self::row::{Row, Tried, table};
use self::theft::Connection;
pub use self::theft::{Source, Theft};
use super::binding::Holder;
use super::connections::Tls;
use super::refusals::Expectation;
use super::watch::Copied;
use super::{Binding, Chain};
use crate::{BoxError, stock};

const SERVICES: [&str; 3] = ["service-a", "service-b", "service-c"];

/// The tokens of a user's call, and what was sent with them.
#[derive(Debug)]
pub struct Loot<'c> {
    chain: &'c Chain,
    stolen: [Stolen<'c>; 3],
}

/// What a thief has of one request.
#[derive(Debug)]
struct Stolen<'c> {
    hop: Hop<'c>,
    copied: Copied,
    /// The token that the first service has received.
    first: String,
}

impl<'c> Loot<'c> {
    /// Lets a user's app call with this token, and copies all that the three services receive.
    ///
    /// # Errors
    ///
    /// If a service does not respond, or the call does not work.
    pub async fn copy(chain: &'c Chain, token: &str) -> Result<Self, BoxError> {
        let (status, _) = chain.orders(token).await?;
        if status != 200 {
            return Err(format!("the call to steal from: expected 200, seen {status}").into());
        }
        let stolen = Hop::all(chain).map(|hop| Stolen {
            copied: chain.watch.copied(hop.service),
            first: token.to_owned(),
            hop,
        });
        Ok(Self { chain, stolen })
    }

    /// Tries a theft at each service. Without a theft, the owners of the tokens call.
    ///
    /// # Errors
    ///
    /// If a service does not respond.
    pub async fn tried(&self, theft: Option<&'static Theft>) -> Result<Row, BoxError> {
        let [a, b, c] = &self.stolen;
        let errors = theft.map_or([None; 3], |theft| theft.errors);
        Ok(Row {
            binding: self.chain.binding,
            theft,
            tried: [
                a.tried(self.chain, theft, errors[0]).await?,
                b.tried(self.chain, theft, errors[1]).await?,
                c.tried(self.chain, theft, errors[2]).await?,
            ],
        })
    }
}

/// Lets a user's app call, steals the tokens of all three services, and tries each theft. Then the
/// owners of the tokens call, which has to work.
///
/// # Errors
///
/// If a service does not respond, or the call does not work.
pub async fn try_all(chain: &Chain, user: &str) -> Result<Vec<Row>, BoxError> {
    let loot = Loot::copy(chain, &chain.token_of(user)).await?;
    let mut rows = Vec::new();
    for theft in Theft::all(chain.binding).iter().map(Some).chain([None]) {
        rows.push(loot.tried(theft).await?);
    }
    Ok(rows)
}

/// The token of each call is bound to its sender.
pub fn bound(chain: &Chain, hops: &[stock::Hop]) -> Expectation {
    let senders = [
        ("alice's app", &chain.app),
        ("service-a", &chain.as_a),
        ("service-b", &chain.as_b),
    ];
    let keys = senders.map(|(_, holder)| holder.shown());
    let shown = senders.map(|(name, holder)| format!("{name} {}", holder.shown()));
    Expectation::new(
        format!(
            "each token is bound to the {} of its sender",
            chain.binding.proven_by()
        ),
        hops.iter().map(|hop| &hop.bound_to).eq(&keys),
        shown.join(", "),
    )
}

impl Binding {
    fn proven_by(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Dpop => "key",
            Self::Certificate => "certificate",
        }
    }

    /// What the owner of a token sends with it.
    fn of_owner(self) -> &'static str {
        match self {
            Self::None => "as a bearer token",
            Self::Dpop => "with a new proof",
            Self::Certificate => "over its certificate",
        }
    }

    /// The only challenge of a response to a request with a token.
    pub(super) fn challenge(self, error: &str) -> String {
        match self {
            Self::None | Self::Certificate => format!("Bearer error=\"{error}\""),
            Self::Dpop => format!(
                "DPoP error=\"{error}\", algs=\"RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA\""
            ),
        }
    }
}

impl Stolen<'_> {
    fn token(&self) -> &str {
        &self.copied.token
    }

    /// The one who connects. Only TLS has certificates.
    fn connects(&self, chain: &Chain, theft: &Theft) -> Holder {
        let name = match (chain.binding, theft.connection) {
            (Binding::None | Binding::Dpop, _) => return Holder::Bearer,
            (_, Connection::Plain) => {
                return Holder::Certificate(Tls::without_certificate(&chain.idp));
            }
            (_, Connection::Thief) => "thief",
            (_, Connection::Called) => self.hop.service,
        };
        Holder::new(chain.binding, &chain.idp, name)
    }

    /// Sends the token, and expects this error, or else success.
    async fn tried(
        &self,
        chain: &Chain,
        theft: Option<&Theft>,
        error: Option<&str>,
    ) -> Result<Tried, BoxError> {
        let Hop {
            service,
            method,
            ref url,
            owner,
        } = self.hop;
        let (by, headers) = match theft {
            Some(theft) => (self.connects(chain, theft), (theft.headers)(self)?),
            None => (owner.clone(), owner.headers(method, url, self.token())),
        };
        let before = chain.requests_to_c();
        let (trace_id, seen) = self.hop.send(&by, headers).await?;
        let is_quiet = chain.requests_to_c() == before || service == "service-c";
        let challenge = error.map(|error| chain.binding.challenge(error));
        Ok(Tried {
            service,
            trace_id,
            is_met: seen == self.hop.expected(challenge) && (is_quiet || error.is_none()),
            seen,
        })
    }
}
