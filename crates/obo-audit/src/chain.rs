//! Chains of requests.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use crate::record::Source;
use crate::time::Time;

/// One request, with the requests to other services that it caused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Chain {
    /// The trace, if the services recorded one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// What a page shows as its heading, instead of the first request. Records have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The first service.
    pub root: Hop,
}

impl Chain {
    /// Several chains as one: each becomes a call that `caller` made. For a caller that writes no
    /// records, when a page knows that the chains belong together. `None` without chains.
    #[must_use]
    pub fn of_caller(caller: &str, chains: impl IntoIterator<Item = Self>) -> Option<Self> {
        let calls: Vec<_> = chains.into_iter().map(|chain| chain.root).collect();
        let time = calls.iter().map(|call| call.time).min()?;
        let root = Hop::new(caller.to_owned(), Outcome::Own, time);
        Some(Self {
            trace_id: None,
            title: None,
            root: Hop { calls, ..root },
        })
    }

    /// All hops, each before those that it called.
    pub fn hops(&self) -> impl Iterator<Item = &Hop> {
        let mut next = vec![&self.root];
        std::iter::from_fn(move || {
            let hop = next.pop()?;
            next.extend(hop.calls.iter().rev());
            Some(hop)
        })
    }
}

/// A request to one service, or a call that was not made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Hop {
    /// The service. Without a record of it, the audience that was called.
    pub service: String,
    /// What became of the request.
    pub outcome: Outcome,
    /// When the service received it, by its own clock. Without a record of it, when it was called.
    pub time: Time,
    /// The HTTP method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The path, without the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The stable name of the reason of a refusal, or of a call that was not made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The reason, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The errors behind the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// How the service responded, such as `401 Bearer error="invalid_token"`. Records do not say. A
    /// page that knows it, because it shows services while they run, can set it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// The issuer of the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The service that acts for the user, then earlier ones, the latest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub actors: Vec<String>,
    /// The client that requested the token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The audiences of the token, separated by spaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// The `jti` of the token, or its keyed digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
    /// What the token is bound to, such as `dpop:kPrK_qmx`. `None` for a bearer token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// How the calling service obtained the token. `None` for the first service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obtained: Option<Obtained>,
    /// What the records lack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Gap>,
    /// The calls that the service made for this request, and those that it did not make, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Hop>,
}

impl Hop {
    /// A hop of which nothing else is known.
    pub(crate) fn new(service: String, outcome: Outcome, time: Time) -> Self {
        Self {
            service,
            outcome,
            time,
            method: None,
            path: None,
            code: None,
            reason: None,
            cause: None,
            response: None,
            issuer: None,
            subject: None,
            actors: Vec::new(),
            client_id: None,
            audience: None,
            token_id: None,
            binding: None,
            obtained: None,
            gap: None,
            calls: Vec::new(),
        }
    }

    /// Why the request was refused or the call not made: the code, the reason and its cause, such
    /// as `insufficient_scope: required scopes: a`.
    #[must_use]
    pub fn why(&self) -> Option<String> {
        // Some reasons end with their cause.
        let reason = self.reason.as_deref().unwrap_or_default();
        let cause = self.cause.as_deref();
        let cause = cause.filter(|cause| !reason.ends_with(cause));
        let parts = [self.code.as_deref(), self.reason.as_deref(), cause];
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(": "))
    }

    /// What the records lack at this hop, as a sentence.
    #[must_use]
    pub fn missing(&self) -> Option<String> {
        let (service, id) = (&self.service, self.token_id.as_deref());
        let token = id.map_or_else(|| "a token".to_owned(), |id| format!("token {id}"));
        Some(match self.gap? {
            Gap::NotReceived => {
                format!("no record that {service} received {token}, which was issued for it")
            }
            Gap::NotIssued => {
                format!("no record of the exchange that issued {token}, which {service} received")
            }
            Gap::NoRequest => {
                format!("no record that {service} received {token}, for which it made calls")
            }
            Gap::Circle => format!("the records of {token} lead back to itself: some are forged"),
            Gap::TooDeep => "this chain continues one that is too deep to be shown".to_owned(),
        })
    }
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The service accepted its token and let it in. What the service then responded is not
    /// recorded.
    Allowed,
    /// The service refused it.
    Refused,
    /// The calling service did not make the call.
    NotMade,
    /// No record says so.
    Unknown,
    /// No request: the service made calls of its own accord.
    Own,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::NotMade => "not made",
            Self::Unknown => "no record",
            Self::Own => "own call",
        })
    }
}

/// How a service obtained the token for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Obtained {
    /// Where it came from.
    pub source: Source,
    /// How long the call waited for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited: Option<Duration>,
    /// When, by the clock of the calling service. `None` if only an earlier call recorded it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<Time>,
}

/// What the records of a chain lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Gap {
    /// A token was issued, but no service recorded that it received it.
    NotReceived,
    /// A service received a token of an actor, and the actor is a service of these records, but it
    /// recorded no exchange that issued the token.
    NotIssued,
    /// A service made calls, but did not record the request that caused them.
    NoRequest,
    /// The records lead back to this request.
    Circle,
    /// The chain is the rest of one that is too deep.
    TooDeep,
}
