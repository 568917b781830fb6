//! A thief has copied the tokens of a call, and what was sent with them. Each theft is tried at
//! each service: a bound token is of no use to the thief.

mod hop;
mod of_certificates;
mod of_keys;

use std::fmt::Write as _;

use self::hop::Hop;
pub use self::hop::Seen;
use self::of_certificates::OF_CERTIFICATES;
use self::of_keys::OF_KEYS;
use super::binding::{Headers, Holder};
use super::connections::Tls;
use super::refusals::Expectation;
use super::watch::Copied;
use super::{Binding, Chain};
use crate::{BoxError, stock};

/// Where a token was stolen, what the thief sends, and why that is refused.
#[derive(Debug)]
pub struct Theft {
    /// Where the thief has it from.
    pub from: &'static str,
    /// What the thief sends.
    pub sends: &'static str,
    /// The error of the challenge.
    pub error: &'static str,
    connection: Connection,
    headers: fn(&Stolen<'_>) -> Result<Headers, BoxError>,
}

/// The connection of a thief.
#[derive(Clone, Copy, Debug)]
enum Connection {
    /// Without a certificate.
    Plain,
    /// With the thief's own certificate.
    Thief,
    /// With a certificate of the service that was called.
    Called,
}

/// What the thief has of a call.
struct Stolen<'c> {
    hop: &'c Hop<'c>,
    copied: Copied,
}

/// A theft at one service.
#[derive(Debug)]
pub struct Tried {
    /// The service.
    pub service: &'static str,
    /// How it responded.
    pub seen: Seen,
    /// Whether it responded as expected and, if it refused, called no other service.
    pub is_met: bool,
}

/// A theft at each service. Without a theft, the owners call with the same tokens.
#[derive(Debug)]
pub struct Row {
    /// What the tokens are bound to.
    binding: Binding,
    /// The theft.
    pub theft: Option<&'static Theft>,
    /// What the services did.
    pub tried: [Tried; 3],
}

/// Lets a user's app call, steals the tokens of all three services, and tries each theft. Then the
/// owners of the tokens call, which has to work.
///
/// # Errors
///
/// If a service does not respond, or the call does not work.
pub async fn try_all(chain: &Chain, user: &str) -> Result<Vec<Row>, BoxError> {
    let (status, _) = chain.orders(&chain.token_of(user)).await?;
    if status != 200 {
        return Err(format!("the call to steal from: expected 200, seen {status}").into());
    }
    let hops = Hop::all(chain);
    let [a, b, c] = hops.each_ref().map(|hop| Stolen {
        hop,
        copied: chain.watch.copied(hop.service),
    });
    let mut rows = Vec::new();
    for theft in chain.binding.thefts().iter().map(Some).chain([None]) {
        let tried = [
            a.tried(chain, theft).await?,
            b.tried(chain, theft).await?,
            c.tried(chain, theft).await?,
        ];
        rows.push(Row {
            binding: chain.binding,
            theft,
            tried,
        });
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
    fn thefts(self) -> &'static [Theft] {
        match self {
            // It works for each holder.
            Self::None => &[],
            Self::Dpop => &OF_KEYS,
            Self::Certificate => &OF_CERTIFICATES,
        }
    }

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

    /// The only challenge of a response to a theft.
    fn challenge(self, error: &str) -> String {
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

    async fn tried(&self, chain: &Chain, theft: Option<&Theft>) -> Result<Tried, BoxError> {
        let Hop {
            service,
            method,
            url,
            owner,
        } = self.hop;
        let (by, headers) = match theft {
            Some(theft) => (self.connects(chain, theft), (theft.headers)(self)?),
            None => ((*owner).clone(), owner.headers(method, url, self.token())),
        };
        let before = chain.requests_to_c();
        let seen = self.hop.send(&by, headers).await?;
        let is_quiet = chain.requests_to_c() == before || *service == "service-c";
        let challenge = theft.map(|theft| chain.binding.challenge(theft.error));
        Ok(Tried {
            service,
            is_met: seen == self.hop.expected(challenge) && (is_quiet || theft.is_none()),
            seen,
        })
    }
}

impl Row {
    /// Each service does what is expected.
    pub fn expectation(&self) -> Expectation {
        let is_met = self.tried.iter().all(|tried| tried.is_met);
        let [Tried { seen, .. }, ..] = &self.tried;
        let seen = match is_met {
            true => seen.challenges.join(" "),
            false => format!("{:?}", self.tried),
        };
        let what = match self.theft {
            Some(theft) => format!("{}: refused by each", theft.sends),
            None => format!("the owner, {}: accepted by each", self.binding.of_owner()),
        };
        Expectation::new(what, is_met, seen)
    }
}

/// A line for each theft, with a column for each service.
pub fn table(rows: &[Row]) -> String {
    let mut table = String::new();
    let mut line = |what: &str, [a, b, c]: [&str; 3]| {
        // A string takes all that is written to it.
        let _ = writeln!(table, "  {what:<45}{a:<28}{b:<28}{c}");
    };
    if let Some(first) = rows.first() {
        line("", first.tried.each_ref().map(|it| it.service));
    }
    for row in rows {
        let Row { theft, tried, .. } = row;
        let owner = format!("the owner, {}", row.binding.of_owner());
        let what = theft.map_or(&*owner, |theft| theft.sends);
        let seen = tried.each_ref().map(|it| it.seen.short());
        line(what, seen.each_ref().map(String::as_str));
    }
    table
}
