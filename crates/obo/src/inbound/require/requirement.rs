use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use obo_core::{
    Caller, ConfigError, CurrentActor, Issuer, PrincipalKind, Scope, TokenError, as_in_files,
};

use super::{Principal, Rule};
use crate::clock::Clock;
use crate::refusal::rejection::Rejection;

/// How far a user's `auth_time` may be ahead of this service's clock.
const LEEWAY: Duration = Duration::from_secs(60);

/// One requirement of a [`Rule`]. Each has its own arm in [`check`](Requirement::check).
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
    Bound,
    AnyOf(Vec<Rule>),
}

/// A check by the application, with the reason for the log if it fails.
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

    /// Checks whether the caller meets the requirement. `step_up` builds the rejection of a user
    /// who must authenticate again.
    pub(super) fn check<C>(
        &self,
        caller: &Caller<C>,
        named: IssuerIsNamed,
        clock: &Clock,
        step_up: impl FnOnce() -> Rejection,
    ) -> Result<(), Rejection> {
        let own = caller.issuer();
        let lists = |listed: &[Principal], issuer: &str, name: &str| {
            listed.iter().any(|listed| listed.is(issuer, name, own))
        };
        match self {
            Self::Scopes(needed) => met_or(caller.scope().contains_all(needed), || {
                Rejection::InsufficientScope {
                    needed: needed.clone(),
                }
            }),
            Self::Issuers(named) => {
                let is_named = named.contains(own);
                subject(is_named, "its issuer is not in the list of the rule")
            }
            Self::AnyActor => acting(caller, named).map(drop),
            Self::Actors(allowed) => {
                let actor = acting(caller, named)?;
                let is_listed = lists(allowed, actor.id().issuer(), actor.subject());
                self::actor(is_listed, "it is not in the list of the rule")
            }
            Self::NoActor => {
                let has_none = caller.current_actor().is_none();
                actor(has_none, "the rule allows no actor")
            }
            Self::Kind(kind) => subject(
                caller.kind() == *kind,
                match kind {
                    PrincipalKind::User => "it is a service, but a user is required",
                    PrincipalKind::Service => "it is a user, but a service is required",
                },
            ),
            Self::Subjects(allowed) => {
                let is_listed = lists(allowed, own.as_str(), caller.subject());
                subject(is_listed, "it is not in the list of the rule")
            }
            Self::Clients(allowed) => {
                let mut client = caller.client_id().into_iter();
                let is_listed = client.any(|client| lists(allowed, own.as_str(), client));
                subject(is_listed, "its client is not in the list of the rule")
            }
            Self::Roles(needed) => {
                let has_all = has_all(needed, || caller.roles());
                subject(has_all, "it lacks a required role")
            }
            Self::Groups(needed) => {
                let has_all = has_all(needed, || caller.groups());
                subject(has_all, "it is not in a required group")
            }
            Self::Entitlements(needed) => {
                let has_all = has_all(needed, || caller.entitlements());
                subject(has_all, "it lacks a required entitlement")
            }
            Self::Own(OwnCheck { reason, check }) => {
                let caller = caller.untyped();
                // The check sees only the caller, so a panic leaves no shared state broken.
                match catch_unwind(AssertUnwindSafe(|| check(&caller))) {
                    Ok(is_met) => subject(is_met, reason),
                    Err(_) => Err(Rejection::Misconfigured("the check of a rule panicked")),
                }
            }
            Self::Acr(values) => {
                let mut acr = caller.acr().into_iter();
                met_or(
                    acr.any(|acr| values.iter().any(|value| value == acr)),
                    step_up,
                )
            }
            Self::MaxAge(age) => {
                let now = clock.now();
                let is_recent = caller.auth_time().is_some_and(|at| {
                    at <= now.saturating_add(LEEWAY) && now.saturating_since(at) <= *age
                });
                met_or(is_recent, step_up)
            }
            Self::Bound => met_or(caller.binding().is_bound(), || TokenError::NotBound.into()),
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

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn listed<T: fmt::Display>(list: &[T], between: &str) -> String {
            Vec::from_iter(list.iter().map(ToString::to_string)).join(between)
        }

        match self {
            Self::Scopes(scope) => write!(f, "scope {scope}"),
            Self::Issuers(issuers) => write!(f, "issuer {}", listed(issuers, " or ")),
            Self::AnyActor => f.write_str("any actor"),
            Self::Actors(actors) => write!(f, "actor {}", listed(actors, " or ")),
            Self::NoActor => f.write_str("no actor"),
            Self::Kind(PrincipalKind::User) => f.write_str("a user"),
            Self::Kind(PrincipalKind::Service) => f.write_str("a service"),
            Self::Subjects(subjects) => write!(f, "subject {}", listed(subjects, " or ")),
            Self::Clients(clients) => write!(f, "client {}", listed(clients, " or ")),
            Self::Roles(roles) => write!(f, "role {}", listed(roles, " and ")),
            Self::Groups(groups) => write!(f, "group {}", listed(groups, " and ")),
            Self::Entitlements(names) => write!(f, "entitlement {}", listed(names, " and ")),
            Self::Own(_) => f.write_str("a check of the application"),
            Self::Acr(values) => write!(f, "acr {}", listed(values, " or ")),
            Self::MaxAge(age) => write!(f, "a sign-in at most {} ago", as_in_files(*age)),
            Self::Bound => f.write_str("a bound token"),
            Self::AnyOf(rules) => match &*listed(rules, " | ") {
                "a user | a service" => f.write_str("a valid token"),
                rules => write!(f, "any of ({rules})"),
            },
        }
    }
}

fn met_or(is_met: bool, refusal: impl FnOnce() -> Rejection) -> Result<(), Rejection> {
    if is_met { Ok(()) } else { Err(refusal()) }
}

fn subject(is_met: bool, reason: &'static str) -> Result<(), Rejection> {
    met_or(is_met, || Rejection::Subject(reason))
}

fn actor(is_met: bool, reason: &'static str) -> Result<(), Rejection> {
    met_or(is_met, || Rejection::Actor(reason))
}

fn has_all<'c, I: Iterator<Item = &'c str>>(needed: &[String], own: impl Fn() -> I) -> bool {
    let has = |name: &String| own().any(|own| own == name);
    needed.iter().all(has)
}

/// Returns the current actor, if the issuer may vouch for it: for its own actors always, for those
/// of other issuers only if the rule names the issuer.
fn acting<C>(caller: &Caller<C>, named: IssuerIsNamed) -> Result<&CurrentActor, Rejection> {
    let missing = || match (caller.kind(), caller.client_id()) {
        (PrincipalKind::User, Some(_)) => {
            "no service acts for the subject, but one is required; the token has a client and no `act`: for a server that \
             writes no `act`, `Profile::allow_client_as_actor` makes every client the actor of its tokens"
        }
        _ => "no service acts for the subject, but one is required",
    };
    let actor = caller
        .current_actor()
        .ok_or_else(|| Rejection::Actor(missing()))?;
    let is_own = actor.id().issuer() == caller.issuer().as_str();
    let reason =
        "it has another issuer than the token, and the rule does not name the token's issuer";
    self::actor(is_own || named.0, reason)?;
    Ok(actor)
}

/// Checks that there is at least one value, and that no name is empty.
pub(super) fn names<T, V: Into<T>>(
    field: &'static str,
    values: impl IntoIterator<Item = V>,
    name: impl Fn(&T) -> &String,
) -> Result<Vec<T>, ConfigError> {
    let values: Vec<T> = values.into_iter().map(Into::into).collect();
    if values.is_empty() || values.iter().any(|value| name(value).is_empty()) {
        let problem = "the list is empty or has an empty name; list at least one name";
        return Err(ConfigError::new(field, problem));
    }
    Ok(values)
}
