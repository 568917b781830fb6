#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

use std::sync::Arc;

use crate::error::TokenError;
use crate::token::issuer::Issuer;
use crate::wire::json::{Names, Scanner, non_empty};

/// The most nested actors of a token.
pub(crate) const MAX_ACTORS: usize = 16;

/// An actor: its subject within an issuer (RFC 8693 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ActorId {
    issuer: Arc<str>,
    subject: String,
}

impl ActorId {
    /// The actor `subject` of `issuer`.
    pub fn new(issuer: impl Into<Arc<str>>, subject: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            subject: subject.into(),
        }
    }

    /// The issuer that defines the subject.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The actor's subject.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// The service that acts for the user now: the outermost `act` of the token (RFC 8693 section 4.1).
///
/// A token without `act` has no actor, unless the issuer's profile makes the [client the
/// actor](crate::Profile::allow_client_as_actor).
///
/// Access rules may consider only this actor. Earlier actors are in [`PriorActors`], for audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentActor {
    id: ActorId,
    client_id: Option<String>,
}

impl CurrentActor {
    /// The client of a token as its actor.
    pub(crate) fn client(client_id: &str, issuer: &Issuer) -> Self {
        Self {
            id: ActorId::new(issuer.shared(), client_id),
            client_id: Some(client_id.to_owned()),
        }
    }

    /// The actor. An `act` without `iss` has the token's own issuer.
    ///
    /// The token's issuer wrote it, even if it names another issuer. Accept actors of other issuers
    /// only if you trust the token's issuer to name them.
    pub fn id(&self) -> &ActorId {
        &self.id
    }

    /// The actor's subject.
    pub fn subject(&self) -> &str {
        &self.id.subject
    }

    /// The `client_id` in `act`, if the authorization server writes one; or the client that the
    /// issuer's profile makes the actor.
    pub fn client_id(&self) -> Option<&str> {
        self.client_id.as_deref()
    }
}

/// The actors before the current one, the latest first: for audit records, never for access rules.
///
/// Prior actors "are not to be considered in access control decisions" (RFC 8693 section 4.1). So
/// this type gives them only as text.
///
/// A rule that takes a [`CurrentActor`] does not accept them:
///
/// ```compile_fail,E0308
/// fn may_call(_: &obo_core::CurrentActor) -> bool { true }
///
/// fn rule(caller: &obo_core::Caller) -> bool {
///     may_call(caller.prior_actors())
/// }
/// ```
// The doctest covers TX-25.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriorActors(Vec<ActorId>);

impl PriorActors {
    /// The subjects for an audit record, the latest first.
    pub fn audit(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|actor| actor.subject.as_str())
    }

    /// The number of prior actors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no prior actors.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One `act` object of a token.
#[derive(Default)]
pub(crate) struct Act {
    iss: Option<String>,
    /// If it is absent, there is a client.
    sub: Option<String>,
    client_id: Option<String>,
}

impl Act {
    /// Whether only the client names the actor.
    pub(crate) fn has_no_subject(&self) -> bool {
        self.sub.is_none()
    }
}

/// Splits a chain, outermost first, into the current actor and the prior ones.
pub(crate) fn split(chain: Vec<Act>, issuer: &Issuer) -> (Option<CurrentActor>, PriorActors) {
    let mut ids = chain.into_iter().map(|act| CurrentActor {
        id: ActorId {
            issuer: act.iss.map_or_else(|| issuer.shared(), Into::into),
            subject: act
                .sub
                .or_else(|| act.client_id.clone())
                .unwrap_or_default(),
        },
        client_id: act.client_id,
    });
    let current = ids.next();
    (current, PriorActors(ids.map(|actor| actor.id).collect()))
}

/// Reads an `act` object and all nested ones into a chain, outermost first. With `null_is_absent`,
/// a member that is null counts as absent.
pub(crate) fn read_chain(
    json: &mut Scanner<'_>,
    chain: &mut Vec<Act>,
    null_is_absent: bool,
) -> Result<(), TokenError> {
    if chain.len() >= MAX_ACTORS {
        return Err(TokenError::ActorDepth { limit: MAX_ACTORS });
    }
    let position = chain.len();
    chain.push(Act::default());
    let (mut iss, mut sub, mut client_id, mut has_act) = (None, None, None, false);
    let mut names = Names::default();
    json.object(|json, name| {
        let slot = match &*name {
            "iss" => &mut iss,
            "sub" => &mut sub,
            "client_id" => &mut client_id,
            "act" if has_act => return Err(json.duplicate()),
            "act" => {
                has_act = true;
                return match null_is_absent && json.peek() == Some(b'n') {
                    true => json.value().map(|_| ()),
                    false => read_chain(json, chain, null_is_absent),
                };
            }
            _ => {
                names.push(name);
                return json.check();
            }
        };
        if slot.is_some() {
            return Err(json.duplicate());
        }
        let value = json.value()?;
        *slot = Some(match null_is_absent && value == "null" {
            true => None,
            false => Some(
                non_empty(value)
                    .ok_or_else(|| json.malformed())?
                    .into_owned(),
            ),
        });
        Ok(())
    })?;
    names.check("payload")?;
    let (iss, sub, client_id) = (iss.flatten(), sub.flatten(), client_id.flatten());
    if sub.is_none() && client_id.is_none() {
        return Err(json.malformed());
    }
    if let Some(act) = chain.get_mut(position) {
        *act = Act {
            iss,
            sub,
            client_id,
        };
    }
    Ok(())
}
