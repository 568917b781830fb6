use std::time::Duration;

use obo_core::{ActorId, Caller, ConfigError, Issuer, PrincipalKind, Scope};

use super::requirement::{IssuerIsNamed, Requirement};
use crate::clock::Clock;
use crate::refusal::rejection::Rejection;

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

/// A party on a list, actor or subject: by its name within the token's own issuer, or by its full identity (RFC 8693 section
/// 4.1).
///
/// An actor of another issuer than the token's counts only in a rule that names the token's issuer: see
/// [`Rule::issuers`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    issuer: Option<String>,
    subject: String,
}

impl From<&str> for Principal {
    fn from(subject: &str) -> Self {
        Self {
            issuer: None,
            subject: subject.to_owned(),
        }
    }
}

impl From<String> for Principal {
    fn from(subject: String) -> Self {
        Self {
            issuer: None,
            subject,
        }
    }
}

impl From<ActorId> for Principal {
    fn from(id: ActorId) -> Self {
        Self {
            issuer: Some(id.issuer().to_owned()),
            subject: id.subject().to_owned(),
        }
    }
}

impl Principal {
    pub(super) fn is(&self, issuer: &str, subject: &str, own_issuer: &Issuer) -> bool {
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

    /// The token is of one of these issuers.
    ///
    /// An issuer vouches for its own subjects and actors. A rule that names it, by this requirement itself or in a rule
    /// [around it](Self::any_of), lets it vouch for actors of other issuers too (`act.iss`, RFC 8693 section 4.1):
    ///
    /// ```
    /// use obo::{Issuer, Rule};
    /// use obo::caller::ActorId;
    ///
    /// // The partner's service, where our own issuer says that it acts.
    /// let ours = Issuer::new("https://idp.example.com/realms/corp")?;
    /// let partner = ActorId::new("https://idp.partner.example", "service-p");
    /// let rule = Rule::issuers([ours])?.and(Rule::actors([partner])?);
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If there are none.
    pub fn issuers(issuers: impl IntoIterator<Item = Issuer>) -> Result<Self, ConfigError> {
        let issuers: Vec<Issuer> = issuers.into_iter().collect();
        if issuers.is_empty() {
            let problem = "is empty, so that no token could pass; name at least one issuer";
            return Err(ConfigError::new("issuers", problem));
        }
        Ok(Self::of(Requirement::Issuers(issuers)))
    }

    /// A service acts for the subject, whichever it is: no direct call by the user's own client. It must be a service of the
    /// token's own issuer, unless the rule [names that issuer](Self::issuers).
    pub fn any_actor() -> Self {
        Self::of(Requirement::AnyActor)
    }

    /// One of these services acts for the subject now; who acted before does not matter (RFC 8693 section 4.1).
    ///
    /// A name is one within the token's own issuer. An [`ActorId`] of another issuer counts only in a rule that
    /// [names the token's issuer](Self::issuers): otherwise each trusted issuer could speak for the services of all others.
    ///
    /// # Errors
    ///
    /// When the list is empty, or a name is.
    pub fn actors<A: Into<Principal>>(
        actors: impl IntoIterator<Item = A>,
    ) -> Result<Self, ConfigError> {
        Principal::list("actors", actors).map(|actors| Self::of(Requirement::Actors(actors)))
    }

    /// The subject is one of these, user or service.
    ///
    /// # Errors
    ///
    /// When the list is empty, or a name is.
    pub fn subjects<P: Into<Principal>>(
        subjects: impl IntoIterator<Item = P>,
    ) -> Result<Self, ConfigError> {
        Principal::list("subjects", subjects)
            .map(|subjects| Self::of(Requirement::Subjects(subjects)))
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

    /// The subject has all of these roles ([`Caller::roles`]), compared exactly.
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
        caller: impl Into<Option<&'c Caller<C>>>,
    ) -> Result<(), Rejection> {
        let caller = caller.into().ok_or(Rejection::MissingCredentials)?;
        self.check_caller(caller, IssuerIsNamed(false))
    }

    pub(super) fn check_caller<C>(
        &self,
        caller: &Caller<C>,
        around: IssuerIsNamed,
    ) -> Result<(), Rejection> {
        let mut needs = self.requirements.iter();
        let names_it = |need: &Requirement| need.names_issuer(caller.issuer());
        let named = IssuerIsNamed(around.0 || needs.any(names_it));
        self.requirements
            .iter()
            .try_for_each(|need| need.check(caller, named, &self.clock, || self.step_up()))
    }

    /// All that this rule asks of the user's authentication, so that one new token satisfies it.
    fn step_up(&self) -> Rejection {
        let mut acr_values = Vec::new();
        let mut max_age: Option<u64> = None;
        for need in &self.requirements {
            if let Requirement::Acr(values) = need {
                acr_values.clone_from(values);
            }
            if let Requirement::MaxAge(age) = need {
                max_age = Some(max_age.map_or(age.as_secs(), |least| least.min(age.as_secs())));
            }
        }
        Rejection::StepUp {
            acr_values,
            max_age,
        }
    }
}
