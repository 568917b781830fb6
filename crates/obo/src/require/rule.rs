use crate::{
    ActorId, ConfigError, CurrentActor, Issuer, PrincipalKind, Rejection, Scope, Validated,
};

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
pub struct Rule(Vec<Requirement>);

#[derive(Clone, Debug)]
enum Requirement {
    Scopes(Scope),
    AnyActor,
    Actors(Vec<AllowedActor>),
    NoActor,
    Kind(PrincipalKind),
}

/// An actor on a list: by its name within the token's own issuer, or by its full identity (RFC 8693 section 4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedActor {
    issuer: Option<String>,
    subject: String,
}

impl From<&str> for AllowedActor {
    fn from(subject: &str) -> Self {
        Self {
            issuer: None,
            subject: subject.to_owned(),
        }
    }
}

impl From<String> for AllowedActor {
    fn from(subject: String) -> Self {
        Self {
            issuer: None,
            subject,
        }
    }
}

impl From<ActorId> for AllowedActor {
    fn from(id: ActorId) -> Self {
        Self {
            issuer: Some(id.issuer().to_owned()),
            subject: id.subject().to_owned(),
        }
    }
}

impl AllowedActor {
    fn is(&self, actor: &CurrentActor, own_issuer: &Issuer) -> bool {
        let issuer = self.issuer.as_deref().unwrap_or(own_issuer.as_str());
        actor.id().issuer() == issuer && actor.subject() == self.subject
    }
}

impl Rule {
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
        Ok(Self(vec![Requirement::Scopes(scope)]))
    }

    /// A service acts for the subject, whichever it is: no direct call by the user's own client.
    pub fn any_actor() -> Self {
        Self(vec![Requirement::AnyActor])
    }

    /// One of these services acts for the subject now; who acted before does not matter (RFC 8693 section 4.1).
    ///
    /// # Errors
    ///
    /// When the list is empty, or a name is.
    pub fn actors<A: Into<AllowedActor>>(
        actors: impl IntoIterator<Item = A>,
    ) -> Result<Self, ConfigError> {
        let actors: Vec<AllowedActor> = actors.into_iter().map(Into::into).collect();
        if actors.is_empty() || actors.iter().any(|actor| actor.subject.is_empty()) {
            return Err(ConfigError::new(
                "actors",
                "the list or a name in it is empty; name the services that may act",
            ));
        }
        Ok(Self(vec![Requirement::Actors(actors)]))
    }

    /// No service acts for the subject.
    pub fn no_actor() -> Self {
        Self(vec![Requirement::NoActor])
    }

    /// The subject is a user.
    pub fn user() -> Self {
        Self(vec![Requirement::Kind(PrincipalKind::User)])
    }

    /// The subject is a service that calls for itself.
    pub fn service() -> Self {
        Self(vec![Requirement::Kind(PrincipalKind::Service)])
    }

    /// Both this rule and `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
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
        self.0.iter().try_for_each(|need| need.check(caller))
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
                if !actor
                    .is_some_and(|actor| allowed.iter().any(|a| a.is(actor, caller.issuer()))) =>
            {
                Err(Rejection::Actor("it is not on the list of this route"))
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
