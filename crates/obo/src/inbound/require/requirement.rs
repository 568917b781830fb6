use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use obo_core::{Caller, ConfigError, CurrentActor, Issuer, PrincipalKind, Scope};

use super::{Principal, Rule};
use crate::clock::Clock;
use crate::refusal::rejection::Rejection;

/// How far a user's `auth_time` may lie ahead of this service's clock.
const LEEWAY: Duration = Duration::from_secs(60);

/// One thing that a [`Rule`] requires. Each has an arm of its own in [`check`](Requirement::check).
#[derive(Clone, Debug)]
pub(super) enum Requirement {
    Scopes(Scope),
    Issuers(Vec<Issuer>),
    AnyActor,
    Actors(Vec<Principal>),
    NoActor,
    Kind(PrincipalKind),
    Subjects(Vec<Principal>),
    Clients(Vec<Principal>),
    Roles(Vec<String>),
    Groups(Vec<String>),
    Entitlements(Vec<String>),
    Own(OwnCheck),
    Acr(Vec<String>),
    MaxAge(Duration),
    AnyOf(Vec<Rule>),
}

/// A check that is not built in, with what the log says when it fails.
#[derive(Clone)]
pub(super) struct OwnCheck {
    pub(super) reason: &'static str,
    pub(super) check: Arc<dyn Fn(&Caller) -> bool + Send + Sync>,
}

impl fmt::Debug for OwnCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OwnCheck").field(&self.reason).finish()
    }
}

/// Whether the rule, or one around it, names the token's issuer.
#[derive(Clone, Copy)]
pub(super) struct IssuerIsNamed(pub(super) bool);

impl Requirement {
    pub(super) fn names_issuer(&self, issuer: &Issuer) -> bool {
        matches!(self, Self::Issuers(named) if named.contains(issuer))
    }

    /// Whether the caller meets it; `step_up` makes the refusal of a user who has authenticated otherwise.
    pub(super) fn check<C>(
        &self,
        caller: &Caller<C>,
        named: IssuerIsNamed,
        clock: &Clock,
        step_up: impl FnOnce() -> Rejection,
    ) -> Result<(), Rejection> {
        let own = caller.issuer();
        match self {
            Self::Scopes(needed) => met_or(caller.scope().contains_all(needed), || {
                Rejection::InsufficientScope {
                    needed: needed.clone(),
                }
            }),
            Self::Issuers(named) => met_or(named.contains(own), || {
                Rejection::Subject("its issuer is not on the list of this route")
            }),
            Self::AnyActor => acting(caller, named).map(drop),
            Self::Actors(allowed) => {
                let actor = acting(caller, named)?;
                let (issuer, subject) = (actor.id().issuer(), actor.subject());
                let is_listed = allowed.iter().any(|party| party.is(issuer, subject, own));
                met_or(is_listed, || {
                    Rejection::Actor("it is not on the list of this route")
                })
            }
            Self::NoActor => met_or(caller.current_actor().is_none(), || {
                Rejection::Actor("this may not be called by a service")
            }),
            Self::Kind(kind) => match (kind, caller.kind()) {
                (PrincipalKind::User, PrincipalKind::User)
                | (PrincipalKind::Service, PrincipalKind::Service) => Ok(()),
                (PrincipalKind::User, PrincipalKind::Service) => {
                    Err(Rejection::Subject("it is a service, and this needs a user"))
                }
                (PrincipalKind::Service, PrincipalKind::User) => {
                    Err(Rejection::Subject("it is a user, and this is for services"))
                }
            },
            Self::Subjects(allowed) => {
                let subject = caller.subject();
                let is_it = |party: &Principal| party.is(own.as_str(), subject, own);
                met_or(allowed.iter().any(is_it), || {
                    Rejection::Subject("it is not on the list of this route")
                })
            }
            Self::Clients(allowed) => {
                let client = caller.client_id();
                let is_it = |client| {
                    let mut allowed = allowed.iter();
                    allowed.any(|listed| listed.is(own.as_str(), client, own))
                };
                met_or(client.is_some_and(is_it), || {
                    Rejection::Subject("its client is not on the list of this route")
                })
            }
            Self::Roles(needed) => met_or(has_all(needed, || caller.roles()), || {
                Rejection::Subject("it lacks a role that this needs")
            }),
            Self::Groups(needed) => met_or(has_all(needed, || caller.groups()), || {
                Rejection::Subject("it is not in a group that this needs")
            }),
            Self::Entitlements(needed) => met_or(has_all(needed, || caller.entitlements()), || {
                Rejection::Subject("it lacks an entitlement that this needs")
            }),
            Self::Own(OwnCheck { reason, check }) => {
                let caller = caller.untyped();
                // A check sees the caller alone, so a panic breaks nothing that others use.
                let is_met = catch_unwind(AssertUnwindSafe(|| check(&caller)));
                let is_met =
                    is_met.map_err(|_| Rejection::Misconfigured("the check of a rule panicked"))?;
                met_or(is_met, || Rejection::Subject(reason))
            }
            Self::Acr(values) => {
                let acr = caller.acr();
                let is_one = acr.is_some_and(|acr| values.iter().any(|value| value == acr));
                met_or(is_one, step_up)
            }
            Self::MaxAge(age) => {
                let now = clock.now();
                let is_recent = caller.auth_time().is_some_and(|at| {
                    at <= now.saturating_add(LEEWAY) && now.saturating_since(at) <= *age
                });
                met_or(is_recent, step_up)
            }
            Self::AnyOf(rules) => {
                let mut refusals = rules.iter().map(|rule| rule.check_caller(caller, named));
                let first = refusals.next().unwrap_or(Err(Rejection::NoRule));
                if first.is_ok() || refusals.any(|refusal| refusal.is_ok()) {
                    return Ok(());
                }
                first
            }
        }
    }
}

fn met_or(is_met: bool, refusal: impl FnOnce() -> Rejection) -> Result<(), Rejection> {
    if is_met { Ok(()) } else { Err(refusal()) }
}

fn has_all<'c, I: Iterator<Item = &'c str>>(needed: &[String], own: impl Fn() -> I) -> bool {
    let has = |name: &String| own().any(|own| own == name);
    needed.iter().all(has)
}

/// The current actor, if it counts: an issuer speaks for its own actors, and for those of another issuer only where the rule
/// names it.
fn acting<C>(caller: &Caller<C>, named: IssuerIsNamed) -> Result<&CurrentActor, Rejection> {
    let actor = caller.current_actor().ok_or(Rejection::Actor(
        "no service acts for the subject, and this needs one",
    ))?;
    let is_own = actor.id().issuer() == caller.issuer().as_str();
    met_or(is_own || named.0, || {
        Rejection::Actor("it is of another issuer, and no rule names the token's issuer")
    })?;
    Ok(actor)
}

/// At least one name, none of them empty.
pub(super) fn names<V: Into<String>>(
    field: &'static str,
    values: impl IntoIterator<Item = V>,
) -> Result<Vec<String>, ConfigError> {
    let names: Vec<String> = values.into_iter().map(Into::into).collect();
    if names.is_empty() || names.iter().any(String::is_empty) {
        let problem = "the list or a name in it is empty; name at least one";
        return Err(ConfigError::new(field, problem));
    }
    Ok(names)
}
