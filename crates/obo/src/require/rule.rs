use std::time::Duration;

use crate::{ActorId, Clock, ConfigError, Issuer, PrincipalKind, Rejection, Scope, Validated};

/// How far a user's `auth_time` may lie ahead of this service's clock.
const LEEWAY: Duration = Duration::from_secs(60);

/// What a caller must be or have; a caller without a valid token satisfies no rule.
///
/// ```
/// use obo::Rule;
///
/// // A user's token with this scope, brought by one of these services.
/// let rule = Rule::scopes(["stock:read"])?.and(Rule::actors(["service-a", "service-d"])?);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Rule {
    requirements: Vec<Requirement>,
    clock: Clock,
}

#[derive(Clone, Debug)]
enum Requirement {
    Scopes(Scope),
    AnyActor,
    Actors(Vec<Party>),
    NoActor,
    Kind(PrincipalKind),
    Subjects(Vec<Party>),
    Roles(Vec<String>),
    Acr(Vec<String>),
    MaxAge(Duration),
    AnyOf(Vec<Rule>),
}

/// A party on a list, actor or subject: by its name within the token's own issuer, or by its full identity (RFC 8693 section
/// 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    issuer: Option<String>,
    subject: String,
}

impl From<&str> for Party {
    fn from(subject: &str) -> Self {
        Self {
            issuer: None,
            subject: subject.to_owned(),
        }
    }
}

impl From<String> for Party {
    fn from(subject: String) -> Self {
        Self {
            issuer: None,
            subject,
        }
    }
}

impl From<ActorId> for Party {
    fn from(id: ActorId) -> Self {
        Self {
            issuer: Some(id.issuer().to_owned()),
            subject: id.subject().to_owned(),
        }
    }
}

impl Party {
    fn is(&self, issuer: &str, subject: &str, own_issuer: &Issuer) -> bool {
        let named = self.issuer.as_deref().unwrap_or(own_issuer.as_str());
        issuer == named && subject == self.subject
    }

    /// Parties of which there is at least one, each with a name.
    fn list<P: Into<Self>>(
        field: &'static str,
        parties: impl IntoIterator<Item = P>,
    ) -> Result<Vec<Self>, ConfigError> {
        let parties: Vec<Self> = parties.into_iter().map(Into::into).collect();
        if parties.is_empty() || parties.iter().any(|party| party.subject.is_empty()) {
            let problem = "the list or a name in it is empty; name those who may";
            return Err(ConfigError::new(field, problem));
        }
        Ok(parties)
    }
}

impl Rule {
    fn of(requirement: Requirement) -> Self {
        Self {
            requirements: vec![requirement],
            clock: Clock::system(),
        }
    }

    /// The token has all of these scope values (RFC 6750 section 3.1).
    ///
    /// # Errors
    ///
    /// When there are none, or one is no scope value.
    pub fn scopes<V: AsRef<str>>(values: impl IntoIterator<Item = V>) -> Result<Self, ConfigError> {
        let scope = Scope::new(values)?;
        if scope.is_empty() {
            return Err(ConfigError::new(
                "scope",
                "is empty, so that every token would do; name at least one value",
            ));
        }
        Ok(Self::of(Requirement::Scopes(scope)))
    }

    /// A service acts for the subject, whichever it is: no direct call by the user's own client.
    pub fn any_actor() -> Self {
        Self::of(Requirement::AnyActor)
    }

    /// One of these services acts for the subject now; who acted before does not matter (RFC 8693 section 4.1).
    ///
    /// # Errors
    ///
    /// When the list is empty, or a name is.
    pub fn actors<A: Into<Party>>(
        actors: impl IntoIterator<Item = A>,
    ) -> Result<Self, ConfigError> {
        Party::list("actors", actors).map(|actors| Self::of(Requirement::Actors(actors)))
    }

    /// The subject is one of these, user or service.
    ///
    /// # Errors
    ///
    /// When the list is empty, or a name is.
    pub fn subjects<P: Into<Party>>(
        subjects: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        Party::list("subjects", subjects).map(|subjects| Self::of(Requirement::Subjects(subjects)))
    }

    /// No service acts for the subject.
    pub fn no_actor() -> Self {
        Self::of(Requirement::NoActor)
    }

    /// The subject is a user.
    pub fn user() -> Self {
        Self::of(Requirement::Kind(PrincipalKind::User))
    }

    /// The subject is a service that calls for itself.
    pub fn service() -> Self {
        Self::of(Requirement::Kind(PrincipalKind::Service))
    }

    /// The subject has all of these roles ([`Validated::roles`]), compared exactly.
    ///
    /// A token without them is refused with 403 `insufficient_scope` that names no scope: a role is not asked for, it is
    /// given by whoever administers the issuer.
    ///
    /// # Errors
    ///
    /// When there are none, or a name is empty.
    pub fn roles<V: Into<String>>(
        values: impl IntoIterator<Item = V>,
    ) -> Result<Self, ConfigError> {
        let roles: Vec<String> = values.into_iter().map(Into::into).collect();
        if roles.is_empty() || roles.iter().any(String::is_empty) {
            return Err(ConfigError::new(
                "roles",
                "the list or a name in it is empty; name the roles that are needed",
            ));
        }
        Ok(Self::of(Requirement::Roles(roles)))
    }

    /// The user has authenticated by one of these context classes, given in order of preference (RFC 9470 section 3).
    ///
    /// A token without `acr` does not satisfy it.
    ///
    /// # Errors
    ///
    /// When there are none, or one cannot stand in a challenge: it is empty or has a blank, a quote or a backslash.
    pub fn acr<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Result<Self, ConfigError> {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        if values.is_empty() || Scope::new(&values).is_err() {
            return Err(ConfigError::new(
                "acr_values",
                "there are none, or one is empty or has a blank, a quote or a backslash",
            ));
        }
        Ok(Self::of(Requirement::Acr(values)))
    }

    /// The user has authenticated at most this long ago, to the second (RFC 9470 section 3).
    ///
    /// A token without `auth_time` does not satisfy it.
    pub fn max_age(age: Duration) -> Self {
        Self::of(Requirement::MaxAge(age))
    }

    /// One of these rules; where none is satisfied, the refusal is the first one's.
    ///
    /// # Errors
    ///
    /// When there are none.
    pub fn any_of(rules: impl IntoIterator<Item = Self>) -> Result<Self, ConfigError> {
        let rules: Vec<Self> = rules.into_iter().collect();
        if rules.is_empty() {
            return Err(ConfigError::new(
                "any_of",
                "there is no alternative, so that nobody could pass",
            ));
        }
        Ok(Self::of(Requirement::AnyOf(rules)))
    }

    /// Both this rule and `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.requirements.extend(other.requirements);
        self
    }

    /// Judges [`max_age`](Self::max_age) by another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        for requirement in &mut self.requirements {
            if let Requirement::AnyOf(rules) = requirement {
                for rule in rules {
                    *rule = rule.clone().clock(self.clock.clone());
                }
            }
        }
        self
    }

    /// Checks a caller; a handler that has none passes `None`.
    ///
    /// # Errors
    ///
    /// The first requirement that is not met.
    pub fn check<'c, C: 'c>(
        &self,
        caller: impl Into<Option<&'c Validated<C>>>,
    ) -> Result<(), Rejection> {
        let caller = caller.into().ok_or(Rejection::MissingCredentials)?;
        self.check_caller(caller)
    }

    fn check_caller<C>(&self, caller: &Validated<C>) -> Result<(), Rejection> {
        self.requirements.iter().try_for_each(|need| match need {
            Requirement::Acr(_) | Requirement::MaxAge(_) if !self.is_met(need, caller) => {
                Err(self.step_up())
            }
            _ => need.check(caller),
        })
    }

    /// Whether the user has authenticated as this asks for.
    fn is_met<C>(&self, need: &Requirement, caller: &Validated<C>) -> bool {
        match (need, caller.acr(), caller.auth_time()) {
            (Requirement::Acr(values), Some(acr), _) => values.iter().any(|value| value == acr),
            (Requirement::MaxAge(age), _, Some(at)) => {
                let now = self.clock.now();
                at <= now.saturating_add(LEEWAY) && now.saturating_since(at) <= *age
            }
            _ => false,
        }
    }

    /// All that this rule asks of the user's authentication, so that one new token satisfies it.
    fn step_up(&self) -> Rejection {
        let mut acr_values = Vec::new();
        let mut max_age: Option<u64> = None;
        for need in &self.requirements {
            match need {
                Requirement::Acr(values) => acr_values.clone_from(values),
                Requirement::MaxAge(age) => {
                    max_age = Some(max_age.map_or(age.as_secs(), |least| least.min(age.as_secs())));
                }
                _ => {}
            }
        }
        Rejection::StepUp {
            acr_values,
            max_age,
        }
    }
}

impl Requirement {
    fn check<C>(&self, caller: &Validated<C>) -> Result<(), Rejection> {
        let actor = caller.current_actor();
        match self {
            Self::Scopes(needed) if !caller.scope().contains_all(needed) => {
                Err(Rejection::InsufficientScope {
                    needed: needed.clone(),
                })
            }
            Self::AnyActor | Self::Actors(_) if actor.is_none() => Err(Rejection::Actor(
                "nobody acts for the subject, and this needs a service that does",
            )),
            Self::Actors(allowed)
                if !actor.is_some_and(|actor| {
                    let (issuer, subject) = (actor.id().issuer(), actor.subject());
                    allowed
                        .iter()
                        .any(|party| party.is(issuer, subject, caller.issuer()))
                }) =>
            {
                Err(Rejection::Actor("it is not on the list of this route"))
            }
            Self::Subjects(allowed)
                if !allowed.iter().any(|party| {
                    let own = caller.issuer();
                    party.is(own.as_str(), caller.subject(), own)
                }) =>
            {
                Err(Rejection::Subject("it is not on the list of this route"))
            }
            Self::AnyOf(rules) => {
                let mut refusals = rules.iter().map(|rule| rule.check_caller(caller));
                let first = refusals.next().unwrap_or(Ok(()));
                if first.is_ok() || refusals.any(|refusal| refusal.is_ok()) {
                    return Ok(());
                }
                first
            }
            Self::Roles(needed)
                if !needed
                    .iter()
                    .all(|role| caller.roles().any(|own| own == role)) =>
            {
                Err(Rejection::Subject("it lacks a role that this needs"))
            }
            Self::NoActor if actor.is_some() => {
                Err(Rejection::Actor("this may not be called by a service"))
            }
            Self::Kind(PrincipalKind::User) if caller.kind() != PrincipalKind::User => {
                Err(Rejection::Subject("it is a service, and this needs a user"))
            }
            Self::Kind(PrincipalKind::Service) if caller.kind() != PrincipalKind::Service => {
                Err(Rejection::Subject("it is a user, and this is for services"))
            }
            _ => Ok(()),
        }
    }
}
