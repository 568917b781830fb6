use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use obo_core::{Caller, ConfigError, Issuer, PrincipalKind, Scope};

use super::Principal;
use super::requirement::{IssuerIsNamed, OwnCheck, Requirement, names};
use crate::clock::Clock;
use crate::refusal::rejection::Rejection;

/// What a request's caller must be or have. Without a valid token no rule is satisfied.
///
/// ```
/// use obo::Rule;
///
/// // The token has this scope, and one of these services acts for the subject.
/// let rule = Rule::scopes(["stock:read"]).and(Rule::actors(["service-a", "service-d"]));
/// assert!(rule.mistake().is_none());
/// ```
///
/// Constructors do not fail. A rule keeps its first [`mistake`](Self::mistake), and
/// [`RequireLayer::new`](crate::RequireLayer::new) and the builder of a
/// [`RuleTable`](crate::RuleTable) return it. A rule with a mistake refuses every request with 500.
#[derive(Clone, Debug)]
pub struct Rule {
    requirements: Vec<Requirement>,
    clock: Clock,
    mistake: Option<ConfigError>,
}

impl Rule {
    fn of(requirement: Requirement) -> Self {
        Self::parsed(Ok(requirement))
    }

    fn parsed(requirement: Result<Requirement, ConfigError>) -> Self {
        let (requirements, mistake) = match requirement {
            Ok(requirement) => (vec![requirement], None),
            Err(mistake) => (Vec::new(), Some(mistake)),
        };
        Self {
            requirements,
            clock: Clock::system(),
            mistake,
        }
    }

    fn principals<P: Into<Principal>>(
        field: &'static str,
        listed: impl IntoIterator<Item = P>,
        requirement: fn(Vec<Principal>) -> Requirement,
    ) -> Self {
        let listed = names(field, listed, |listed: &Principal| &listed.subject);
        Self::parsed(listed.map(requirement))
    }

    fn strings<V: Into<String>>(
        field: &'static str,
        values: impl IntoIterator<Item = V>,
        requirement: fn(Vec<String>) -> Requirement,
    ) -> Self {
        Self::parsed(names(field, values, |value| value).map(requirement))
    }

    /// Requires that the token has all of these scope values (RFC 6750 section 3.1).
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::scopes(["orders:read"]);
    /// # assert!(rule.mistake().is_none());
    /// assert!(Rule::scopes(["orders read"]).mistake().is_some());
    /// ```
    pub fn scopes<V: AsRef<str>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::parsed(Scope::new(values).and_then(|scope| match scope.is_empty() {
            false => Ok(Requirement::Scopes(scope)),
            true => Err(ConfigError::new(
                "scope",
                "is empty, so every token would pass; list at least one scope",
            )),
        }))
    }

    /// Requires a token of one of these issuers.
    ///
    /// An issuer vouches for its own subjects and actors. If the rule names the issuer, here or in
    /// a rule [around it](Self::any_of), it may also vouch for actors of other issuers (`act.iss`,
    /// RFC 8693 section 4.1):
    ///
    /// ```
    /// use obo::Rule;
    /// use obo::caller::ActorId;
    ///
    /// // Our own issuer's tokens in which the partner's service acts.
    /// let ours = "https://idp.example.com/realms/corp";
    /// let partner = ActorId::new("https://idp.partner.example", "service-p");
    /// let rule = Rule::issuers([ours]).and(Rule::actors([partner]));
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn issuers<I>(issuers: impl IntoIterator<Item = I>) -> Self
    where
        I: TryInto<Issuer>,
        I::Error: Into<ConfigError>,
    {
        let issuers = issuers.into_iter().map(TryInto::try_into);
        let issuers: Result<Vec<_>, _> = issuers.collect();
        Self::parsed(match issuers {
            Ok(issuers) if issuers.is_empty() => Err(ConfigError::new(
                "issuers",
                "is empty, so no token could pass; list at least one issuer",
            )),
            Ok(issuers) => Ok(Requirement::Issuers(issuers)),
            Err(error) => Err(error.into().at("issuers")),
        })
    }

    /// Requires a token that is bound to a key or a certificate (RFC 9700 section 2.2.1), whose
    /// binding the [resource server](crate::binding::BoundTokens) has checked. A plain bearer token
    /// is refused with 401.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::scopes(["payments:write"]).and(Rule::bound());
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn bound() -> Self {
        Self::of(Requirement::Bound)
    }

    /// Whether no plain bearer token satisfies it, for tools.
    pub fn requires_bound(&self) -> bool {
        let is_each = |rules: &[Self]| rules.iter().all(Self::requires_bound);
        self.requirements.iter().any(|need| {
            matches!(need, Requirement::Bound)
                || matches!(need, Requirement::AnyOf(rules) if is_each(rules))
        })
    }

    /// Requires that a service acts for the subject, so that the user's own client cannot call
    /// directly. The service must have the token's own issuer, unless the rule [names that
    /// issuer](Self::issuers).
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::user().and(Rule::any_actor());
    /// ```
    pub fn any_actor() -> Self {
        Self::of(Requirement::AnyActor)
    }

    /// Requires that one of these services is the current actor. Prior actors are ignored (RFC 8693
    /// section 4.1).
    ///
    /// A string names a service within the token's own issuer. An
    /// [`ActorId`](crate::caller::ActorId) of another issuer is accepted only by a rule that [names
    /// the token's issuer](Self::issuers): otherwise each trusted issuer could vouch for the
    /// services of all others.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::actors(["service-a", "service-d"]);
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn actors<A: Into<Principal>>(actors: impl IntoIterator<Item = A>) -> Self {
        Self::principals("actors", actors, Requirement::Actors)
    }

    /// Requires that the subject, a user or a service, is one of these.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::subjects(["batch@corp.example"]);
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn subjects<P: Into<Principal>>(subjects: impl IntoIterator<Item = P>) -> Self {
        Self::principals("subjects", subjects, Requirement::Subjects)
    }

    /// Requires that the token was issued to one of these clients ([`Caller::client_id`]).
    ///
    /// A string names a client within the token's own issuer; an
    /// [`ActorId`](crate::caller::ActorId) has the issuer too. The client requested the token, and
    /// another service may have sent it. For services that call on behalf of a user use
    /// [`actors`](Self::actors).
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::clients(["web-shop", "mobile-shop"]).and(Rule::user());
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn clients<P: Into<Principal>>(clients: impl IntoIterator<Item = P>) -> Self {
        Self::principals("clients", clients, Requirement::Clients)
    }

    /// Requires that no service acts for the subject.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::any_of([Rule::no_actor(), Rule::actors(["service-a"])]);
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn no_actor() -> Self {
        Self::of(Requirement::NoActor)
    }

    /// Requires that the subject is a user.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::user();
    /// ```
    pub fn user() -> Self {
        Self::of(Requirement::Kind(PrincipalKind::User))
    }

    /// Requires that the subject is a service that calls for itself.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::service().and(Rule::subjects(["nightly-export"]));
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn service() -> Self {
        Self::of(Requirement::Kind(PrincipalKind::Service))
    }

    /// Requires that the subject has all of these roles ([`Caller::roles`]), compared exactly.
    ///
    /// A token without them is refused with 403 `insufficient_scope`. The challenge has no scope,
    /// because a client cannot request a role: an administrator of the issuer grants it.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::roles(["buyer", "auditor"]);
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn roles<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::strings("roles", values, Requirement::Roles)
    }

    /// Requires that the subject is in all of these groups ([`Caller::groups`], RFC 9068 section
    /// 2.2.3.1), compared exactly and refused as [`roles`](Self::roles).
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::any_of([Rule::groups(["/staff/sales"]), Rule::groups(["/staff/support"])]);
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn groups<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::strings("groups", values, Requirement::Groups)
    }

    /// Requires that the subject has all of these entitlements ([`Caller::entitlements`], RFC 9068
    /// section 2.2.3.1), compared exactly and refused as [`roles`](Self::roles).
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::entitlements(["report-export"]);
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn entitlements<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        Self::strings("entitlements", values, Requirement::Entitlements)
    }

    /// Requires that `check` returns `true` for the caller. Otherwise the log has `reason`.
    ///
    /// The response is 403 `insufficient_scope` without the reason. If the check panics, the
    /// response is 500. The check runs on each request and must not block. Check rights that need a
    /// lookup in the handler.
    ///
    /// ```
    /// use obo::Rule;
    ///
    /// let rule = Rule::by("it is not in our tenant", |caller| {
    ///     caller.subject().ends_with("@corp.example")
    /// });
    ///
    /// // By typed claims (`Trust::claims`).
    /// struct Tenant(String);
    /// let rule = rule.and(Rule::by("it is in another tenant", |caller| {
    ///     let caller = caller.with_claims::<Tenant>();
    ///     caller.is_some_and(|caller| caller.claims().0 == "corp")
    /// }));
    /// ```
    pub fn by(
        reason: &'static str,
        check: impl Fn(&Caller) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::of(Requirement::Own(OwnCheck {
            reason,
            check: Arc::new(check),
        }))
    }

    /// Requires that the user has authenticated by one of these context classes, in order of
    /// preference (RFC 9470 section 3).
    ///
    /// A token without `acr` does not satisfy the rule. The challenge names the classes, so that
    /// the client can request them.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::acr(["phishing-resistant", "mfa"]);
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn acr<V: Into<String>>(values: impl IntoIterator<Item = V>) -> Self {
        let values: Vec<String> = values.into_iter().map(Into::into).collect();
        Self::parsed(match values.is_empty() || Scope::new(&values).is_err() {
            false => Ok(Requirement::Acr(values)),
            true => Err(ConfigError::new(
                "acr_values",
                "the list is empty, or a value is empty or has a blank, a quote or a backslash",
            )),
        })
    }

    /// Requires that the user has authenticated at most this long ago, to the second (RFC 9470
    /// section 3).
    ///
    /// A token without `auth_time` does not satisfy the rule.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use obo::Rule;
    /// let rule = Rule::max_age(Duration::from_secs(300));
    /// ```
    pub fn max_age(age: Duration) -> Self {
        Self::of(Requirement::MaxAge(age))
    }

    /// Requires at least one of these rules. If no rule is satisfied, the first rule's rejection is
    /// returned.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::any_of([Rule::roles(["admin"]), Rule::scopes(["orders:write"])]);
    /// # assert!(rule.mistake().is_none());
    /// ```
    pub fn any_of(rules: impl IntoIterator<Item = Self>) -> Self {
        let rules: Vec<Self> = rules.into_iter().collect();
        if rules.is_empty() {
            return Self::parsed(Err(ConfigError::new(
                "any_of",
                "is empty, so no caller could pass; list at least one rule",
            )));
        }
        let mistake = rules.iter().find_map(Self::mistake).cloned();
        Self {
            mistake,
            ..Self::of(Requirement::AnyOf(rules))
        }
    }

    /// The first mistake in this rule and the rules that it contains: an empty list or name, an
    /// invalid scope value or issuer.
    pub fn mistake(&self) -> Option<&ConfigError> {
        self.mistake.as_ref()
    }

    /// Returns the rule if it has no [mistake](Self::mistake), for a rule that a handler checks.
    ///
    /// # Errors
    ///
    /// The first mistake.
    pub fn checked(self) -> Result<Self, ConfigError> {
        match self.mistake {
            Some(mistake) => Err(mistake),
            None => Ok(self),
        }
    }

    /// Requires both this rule and `other`.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.requirements.extend(other.requirements);
        self.mistake = self.mistake.or(other.mistake);
        self
    }

    /// Uses another clock than the system's for [`max_age`](Self::max_age).
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

    /// Checks a caller. Pass `None` if there is no caller.
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
        if self.mistake.is_some() {
            return Err(Rejection::Misconfigured(
                "a rule has a mistake, see `Rule::mistake`",
            ));
        }
        let named = self.named(caller, around);
        self.requirements
            .iter()
            .try_for_each(|need| need.check(caller, named, &self.clock, || self.step_up()))
    }

    /// Checks a caller by each requirement and does not stop at the first that is not met: for
    /// tools that explain a refusal. The text of each requirement is that of `Display`.
    ///
    /// ```
    /// # use obo::Rule;
    /// let rule = Rule::scopes(["orders:read"]).and(Rule::actors(["service-a"]));
    /// assert_eq!(rule.to_string(), "scope orders:read; actor service-a");
    /// ```
    pub fn checks<C>(&self, caller: &Caller<C>) -> Vec<(String, Result<(), Rejection>)> {
        let named = self.named(caller, IssuerIsNamed(false));
        let needs = self.requirements.iter();
        let checks = needs.map(|need| {
            let outcome = need.check(caller, named, &self.clock, || self.step_up());
            (need.to_string(), outcome)
        });
        checks.collect()
    }

    fn named<C>(&self, caller: &Caller<C>, around: IssuerIsNamed) -> IssuerIsNamed {
        let mut needs = self.requirements.iter();
        IssuerIsNamed(around.0 || needs.any(|need| need.names_issuer(caller.issuer())))
    }

    /// Everything that this rule requires of the user's authentication, so that one new token
    /// satisfies it.
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

impl fmt::Display for Rule {
    /// Writes the requirements, for tools.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, need) in self.requirements.iter().enumerate() {
            let before = if i > 0 { "; " } else { "" };
            write!(f, "{before}{need}")?;
        }
        Ok(())
    }
}
