use std::any::Any;
use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::binding::{Binding, UNBOUND};
use crate::time::UnixTime;
use crate::token::bearer::SubjectToken;
use crate::token::issuer::Issuer;
use crate::token::scope::Scope;
use crate::validate::actor::{CurrentActor, PriorActors};
use crate::validate::pseudonym::AuditSubjects;
use crate::validate::values::Values;
use crate::wire::json::OneOrMany;

/// Whether a subject is a person or a client that acts for itself (RFC 9068 sections 2.2 and 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKind {
    /// A user. A client acts for the user.
    User,
    /// A client that acts for itself: `sub` equals `client_id`, unless the issuer's profile has
    /// another rule.
    Service,
}

pub(crate) type Typed = Arc<dyn Any + Send + Sync>;

pub(crate) struct Facts {
    pub(crate) issuer: Issuer,
    pub(crate) texts: Texts,
    pub(crate) kind: PrincipalKind,
    pub(crate) audience: Option<OneOrMany>,
    pub(crate) scope: Scope,
    pub(crate) roles: Values,
    pub(crate) groups: Values,
    pub(crate) entitlements: Values,
    pub(crate) current_actor: Option<CurrentActor>,
    pub(crate) prior_actors: PriorActors,
    pub(crate) expires_at: UnixTime,
    pub(crate) ends_at: UnixTime,
    pub(crate) issued_at: Option<UnixTime>,
    pub(crate) auth_time: Option<UnixTime>,
    pub(crate) confirmed_at: Option<UnixTime>,
    pub(crate) typed: Option<Typed>,
    pub(crate) token: SubjectToken,
    pub(crate) audit_subjects: AuditSubjects,
    pub(crate) binding: Option<Box<Binding>>,
}

/// The subject, the client, `jti`, `acr` and `sid` in one allocation.
pub(crate) struct Texts {
    text: Box<str>,
    /// Where each of them ends, if present.
    ends: [Option<u32>; 5],
}

impl Texts {
    pub(crate) fn of(names: [Option<&str>; 5]) -> Self {
        let mut text = String::with_capacity(names.iter().flatten().map(|name| name.len()).sum());
        let ends = names.map(|name| {
            text.push_str(name?);
            u32::try_from(text.len()).ok()
        });
        Self {
            text: text.into(),
            ends,
        }
    }

    pub(crate) fn subject(&self) -> &str {
        self.get(0).unwrap_or_default()
    }

    pub(crate) fn client_id(&self) -> Option<&str> {
        self.get(1)
    }

    fn get(&self, position: usize) -> Option<&str> {
        let (before, rest) = self.ends.split_at_checked(position)?;
        let start = before.iter().rev().flatten().next().copied();
        let end = rest.first().copied().flatten()?;
        self.text
            .get(start.unwrap_or_default() as usize..end as usize)
    }
}

/// The proof that a token was validated: the caller, its rights, and when they end.
///
/// Only a [`Policy`](crate::Policy) makes one, from a JWT or from an introspection response. It is
/// an `Arc` inside, so a clone is cheap. `C` is the type of the claims beyond the registered ones.
/// The layer stores a `Caller<()>`, and [`with_claims`](Caller::with_claims) returns the typed
/// view.
///
/// It does not prove that the caller may do what it asks for: rules check scopes and actors.
///
/// ```
/// use obo_core::{Caller, PrincipalKind};
///
/// fn describe(caller: &Caller) -> String {
///     let kind = match caller.kind() {
///         PrincipalKind::User => "user",
///         PrincipalKind::Service => "service",
///     };
///     // A subject is unique within its issuer only.
///     let who = format!("{kind} {} of {}", caller.subject(), caller.issuer());
///     match caller.current_actor() {
///         Some(service) => format!("{who}, through {}", service.subject()),
///         None => who,
///     }
/// }
/// ```
pub struct Caller<C = ()> {
    facts: Arc<Facts>,
    claims: Arc<C>,
}

impl<C> Clone for Caller<C> {
    fn clone(&self) -> Self {
        Self {
            facts: Arc::clone(&self.facts),
            claims: Arc::clone(&self.claims),
        }
    }
}

static NO_CLAIMS: LazyLock<Arc<()>> = LazyLock::new(|| Arc::new(()));

impl Caller {
    pub(crate) fn new(facts: Facts) -> Self {
        Self {
            facts: Arc::new(facts),
            claims: Arc::clone(&NO_CLAIMS),
        }
    }

    /// The same caller with the claims type that the policy reads, or with `()`; `None` for any
    /// other type.
    pub fn with_claims<C: Send + Sync + 'static>(&self) -> Option<Caller<C>> {
        let none: Typed = Arc::clone(&NO_CLAIMS) as Typed;
        let claims = self.facts.typed.clone().filter(|typed| typed.is::<C>());
        Some(Caller {
            facts: Arc::clone(&self.facts),
            claims: claims.unwrap_or(none).downcast().ok()?,
        })
    }
}

impl<C> Caller<C> {
    /// The issuer, a configured one.
    pub fn issuer(&self) -> &Issuer {
        &self.facts.issuer
    }

    /// The subject within the issuer. A principal is the pair of both, never the subject alone.
    pub fn subject(&self) -> &str {
        self.facts.texts.subject()
    }

    /// Whether the subject is a user or a service.
    pub fn kind(&self) -> PrincipalKind {
        self.facts.kind
    }

    /// The service that acts for the subject now, if any.
    pub fn current_actor(&self) -> Option<&CurrentActor> {
        self.facts.current_actor.as_ref()
    }

    /// The earlier actors, for audit only.
    pub fn prior_actors(&self) -> &PriorActors {
        &self.facts.prior_actors
    }

    /// The client that requested the token. It is not the actor (RFC 8693 section 4.3).
    pub fn client_id(&self) -> Option<&str> {
        self.facts.texts.client_id()
    }

    /// The granted scope.
    pub fn scope(&self) -> &Scope {
        &self.facts.scope
    }

    /// The subject's roles (`roles`, RFC 9068 section 2.2.3.1), from the claim that the issuer's
    /// profile names.
    ///
    /// Servers write strings, or objects with the name in `value` (RFC 7643 section 4.1.2).
    /// Anything else is left out and does not reject the token. Texts are compared exactly.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.facts.roles.iter()
    }

    /// The subject's groups (`groups`), read like [`roles`](Self::roles). In an object, `value` is
    /// the group's identifier.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.facts.groups.iter()
    }

    /// The subject's entitlements (`entitlements`), read like [`roles`](Self::roles).
    pub fn entitlements(&self) -> impl Iterator<Item = &str> {
        self.facts.entitlements.iter()
    }

    /// All audiences of the token. This service is one of them.
    pub fn audience(&self) -> impl Iterator<Item = &str> {
        self.facts.audience.iter().flat_map(OneOrMany::iter)
    }

    /// When the token expires (`exp`), without leeway. This service may [stop
    /// earlier](Self::ends_at).
    pub fn expires_at(&self) -> UnixTime {
        self.facts.expires_at
    }

    /// When this service stops using the token, without leeway: at `exp` or at the end of the
    /// policy's [maximum age](crate::PolicyBuilder::max_token_age), whichever is earlier.
    pub fn ends_at(&self) -> UnixTime {
        self.facts.ends_at
    }

    /// When the token was issued (`iat`).
    pub fn issued_at(&self) -> Option<UnixTime> {
        self.facts.issued_at
    }

    /// The token's identifier (`jti`).
    pub fn token_id(&self) -> Option<&str> {
        self.facts.texts.get(2)
    }

    /// The authentication context class (`acr`, RFC 9068 section 2.2.1).
    pub fn acr(&self) -> Option<&str> {
        self.facts.texts.get(3)
    }

    /// When the user last authenticated (`auth_time`, RFC 9068 section 2.2.1).
    pub fn auth_time(&self) -> Option<UnixTime> {
        self.facts.auth_time
    }

    /// The user's session at the issuer (`sid`, OpenID Connect Back-Channel Logout 1.0 section
    /// 2.1).
    pub fn session(&self) -> Option<&str> {
        self.facts.texts.get(4)
    }

    /// From when the token is, to compare it with a logout: its `iat`, or else its `auth_time`, or
    /// else the time at which its issuer confirmed that it is active (RFC 7662).
    pub fn dated_at(&self) -> Option<UnixTime> {
        let facts = &self.facts;
        facts.issued_at.or(facts.auth_time).or(facts.confirmed_at)
    }

    /// Whether only an introspection says from when the token is.
    pub fn is_dated_by_introspection(&self) -> bool {
        let facts = &self.facts;
        facts.issued_at.or(facts.auth_time).is_none() && facts.confirmed_at.is_some()
    }

    /// The token itself, for an exchange.
    pub fn subject_token(&self) -> &SubjectToken {
        &self.facts.token
    }

    /// What the token is bound to. It is empty unless the policy accepts bound tokens
    /// ([`Policy::with_binding_checks`](crate::Policy::with_binding_checks)).
    pub fn binding(&self) -> &Binding {
        self.facts.binding.as_deref().unwrap_or(&UNBOUND)
    }

    /// How audit records name the subject, as the policy says.
    pub fn audit_subjects(&self) -> &AuditSubjects {
        &self.facts.audit_subjects
    }

    /// The claims beyond the registered ones.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    /// The same caller without the claims type, for the outbound side.
    pub fn untyped(&self) -> Caller {
        Caller {
            facts: Arc::clone(&self.facts),
            claims: Arc::clone(&NO_CLAIMS),
        }
    }
}

impl<C> fmt::Debug for Caller<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller")
            .field("issuer", &self.facts.issuer)
            .field("kind", &self.facts.kind)
            .field("current_actor", &self.facts.current_actor)
            .field("scope", &self.facts.scope)
            .finish_non_exhaustive()
    }
}
