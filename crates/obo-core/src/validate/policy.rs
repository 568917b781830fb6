#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not pass for a good token"
)]

mod builder;
mod checks;

use std::fmt;
use std::time::Duration;

pub use builder::PolicyBuilder;
pub use checks::TokenCheck;

use crate::binding::BindingChecks;
use crate::error::TokenError;
use crate::jose::crypto::Algorithm;
use crate::jose::jwk::VerificationKey;
use crate::time::UnixTime;
use crate::token::audience::Audience;
use crate::token::bearer::SubjectToken;
use crate::token::issuer::Issuer;
use crate::token::scope::Scope;
use crate::validate::actor;
use crate::validate::caller::{Caller, Facts, PrincipalKind, Texts, Typed};
use crate::validate::claims::Claims;
use crate::validate::jwt::UnverifiedJwt;
use crate::validate::payload::Payload;
use crate::validate::profile::Profile;
use crate::validate::pseudonym::AuditSubjects;
use crate::wire::json::OneOrMany;
use crate::wire::seen::all_seen;

/// The longest leeway that a policy may have.
pub const MAX_LEEWAY: Duration = Duration::from_secs(300);

type ReadClaims = fn(&Payload) -> Result<Typed, String>;

/// The rules by which this service accepts the tokens of one issuer.
///
/// A policy binds an issuer to its audiences, profile, algorithms and leeway. Issuers share none of
/// them (RFC 8725 section 3.8).
#[derive(Clone)]
pub struct Policy {
    issuer: Issuer,
    audiences: Vec<Audience>,
    pub(crate) profile: Profile,
    algorithms: Vec<Algorithm>,
    leeway: Duration,
    max_token_age: Option<Duration>,
    read_claims: Option<ReadClaims>,
    audit_subjects: AuditSubjects,
    pub(crate) binding_checks: BindingChecks,
}

impl Policy {
    /// Accepts RFC 9068 tokens of `issuer` for `audience`, with 60 s of leeway.
    ///
    /// Use [`builder`](Self::builder) for other settings.
    pub fn new(audience: Audience, issuer: Issuer) -> Self {
        Self {
            audiences: vec![audience],
            ..Self::without_audience(issuer)
        }
    }

    /// The default policy of an issuer, without an audience yet.
    fn without_audience(issuer: Issuer) -> Self {
        Self {
            issuer,
            audiences: Vec::new(),
            profile: Profile::RFC9068,
            algorithms: Algorithm::ALL.to_vec(),
            leeway: Duration::from_secs(60),
            max_token_age: None,
            read_claims: None,
            audit_subjects: AuditSubjects::default(),
            binding_checks: BindingChecks::default(),
        }
    }

    /// This policy, whose callers are named like this in audit records.
    #[must_use]
    pub fn with_audit_subjects(mut self, subjects: AuditSubjects) -> Self {
        self.audit_subjects = subjects;
        self
    }

    /// This policy, for a service that checks these bindings. By default, a bound token is
    /// rejected.
    ///
    /// A caller of [`verify`](Self::verify) or [`validate`](Self::validate) must then pass what the
    /// sender has proven to [`Binding::check`](crate::binding::Binding::check) of
    /// [`Caller::binding`], for each request. A token with a binding that is not checked, or that
    /// is unknown, is still rejected.
    #[must_use]
    pub fn with_binding_checks(mut self, checks: BindingChecks) -> Self {
        self.binding_checks = checks;
        self
    }

    /// The bindings that the service checks.
    pub fn binding_checks(&self) -> BindingChecks {
        self.binding_checks
    }

    /// The issuer of this policy.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The accepted audiences.
    pub fn audiences(&self) -> &[Audience] {
        &self.audiences
    }

    /// The accepted signature algorithms.
    pub fn algorithms(&self) -> &[Algorithm] {
        &self.algorithms
    }

    /// The accepted `typ` of the header, as text.
    pub fn token_types(&self) -> &'static str {
        self.profile.type_names()
    }

    /// The tolerated clock difference.
    pub fn leeway(&self) -> Duration {
        self.leeway
    }

    /// The first audience.
    pub(crate) fn audience(&self) -> Option<&Audience> {
        self.audiences.first()
    }

    /// Whether tokens may be signed with `algorithm`.
    pub fn allows(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// When this policy stops accepting a token that it has accepted: at `exp` or at the end of its
    /// [maximum age](PolicyBuilder::max_token_age), plus leeway.
    pub fn accepts_until(&self, caller: &Caller) -> UnixTime {
        let aged = caller.issued_at().and_then(|iat| self.ages_at(iat));
        let end = caller.ends_at();
        aged.unwrap_or(end).min(end).saturating_add(self.leeway)
    }

    /// Checks that an accepted token has not expired and is not too old, with leeway.
    ///
    /// # Errors
    ///
    /// [`TokenError::Expired`] or [`TokenError::TooOld`].
    pub fn check_expiry(&self, caller: &Caller, now: UnixTime) -> Result<(), TokenError> {
        self.check_end(caller.expires_at(), caller.issued_at(), now)
    }

    fn check_end(
        &self,
        expires_at: UnixTime,
        issued_at: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<(), TokenError> {
        self.check_expires(expires_at, now)?;
        self.check_age(issued_at, now)
    }

    pub(crate) fn check_expires(
        &self,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<(), TokenError> {
        let (ago, leeway) = (now.saturating_since(expires_at), self.leeway);
        match self.is_past(expires_at, now) {
            true => Err(TokenError::Expired { ago, leeway }),
            false => Ok(()),
        }
    }

    fn check_age(&self, issued_at: Option<UnixTime>, now: UnixTime) -> Result<(), TokenError> {
        if let Some(limit) = self.max_token_age {
            let issued_at = issued_at.ok_or(TokenError::MissingClaim("iat"))?;
            if self.is_past(issued_at.saturating_add(limit), now) {
                return Err(TokenError::TooOld {
                    age: now.saturating_since(issued_at),
                    limit,
                    leeway: self.leeway,
                });
            }
        }
        Ok(())
    }

    pub(crate) fn is_past(&self, end: UnixTime, now: UnixTime) -> bool {
        now >= end.saturating_add(self.leeway)
    }

    /// When a token with this `iat` becomes too old, without leeway.
    fn ages_at(&self, issued_at: UnixTime) -> Option<UnixTime> {
        Some(issued_at.saturating_add(self.max_token_age?))
    }

    /// Validates a token with a key of the issuer.
    ///
    /// The signature is verified last, because it costs the most. Nothing of the token is shown
    /// before.
    ///
    /// # Errors
    ///
    /// Returns the first rule that the token breaks.
    pub fn verify(
        &self,
        jwt: UnverifiedJwt<'_>,
        key: &VerificationKey,
        now: UnixTime,
    ) -> Result<Caller, TokenError> {
        let algorithm = jwt.jws.header.alg;
        if !self.allows(algorithm) {
            return Err(TokenError::Algorithm);
        }
        let key = key.for_algorithm(algorithm).ok_or(TokenError::Algorithm)?;
        self.profile.check_type(&jwt.jws.header)?;
        self.check_issuer(&jwt.claims)?;
        let checked = self.check(&jwt.claims, now)?;
        if !jwt.jws.is_signed_by(key) {
            return Err(TokenError::Signature);
        }
        self.read(jwt.token, jwt.claims, checked)
    }

    /// Validates claims that the issuer itself sent.
    pub(crate) fn validate_claims(
        &self,
        token: &str,
        claims: Claims,
        now: UnixTime,
    ) -> Result<Caller, TokenError> {
        let checked = self.check(&claims, now)?;
        self.read(token, claims, checked)
    }

    pub(crate) fn check_issuer(&self, claims: &Claims) -> Result<(), TokenError> {
        if claims.iss() != Some(self.issuer.as_str()) {
            return Err(TokenError::unknown_issuer(claims.iss(), &[&self.issuer]));
        }
        Ok(())
    }

    /// Whether a time is now, with leeway.
    pub(crate) fn is_about_now(&self, time: UnixTime, now: UnixTime) -> bool {
        time <= now.saturating_add(self.leeway) && now <= time.saturating_add(self.leeway)
    }

    fn read(&self, token: &str, claims: Claims, checked: Checked) -> Result<Caller, TokenError> {
        let typed = self.typed(&claims)?;
        Ok(self.admit(token, claims, checked, typed))
    }

    /// The claims as the type of the application.
    fn typed(&self, claims: &Claims) -> Result<Option<Typed>, TokenError> {
        let typed = self.read_claims.map(|read| read(&claims.payload));
        let typed = typed.transpose();
        typed.map_err(|problem| TokenError::CustomClaims { problem })
    }

    fn check(&self, claims: &Claims, now: UnixTime) -> Result<Checked, TokenError> {
        let client = self.profile.client(claims)?;
        let client = client.as_deref();
        self.check_audience(claims.aud.as_ref(), client)?;
        let expires_at = claims.exp.ok_or(TokenError::MissingClaim("exp"))?;
        self.check_times(claims, expires_at, now)?;
        self.profile.check_actors(&claims.actors)?;
        self.profile.check(claims, client, &self.issuer)?;
        let kind = self.profile.kind(claims, client, &self.issuer);
        let scope = self.profile.scope(claims)?;
        claims.confirmation.check(self.binding_checks)?;
        if claims.sub().is_none() {
            return Err(TokenError::MissingClaim("sub"));
        }
        Ok(Checked {
            kind,
            scope,
            expires_at,
        })
    }

    fn check_audience(
        &self,
        aud: Option<&OneOrMany>,
        client: Option<&str>,
    ) -> Result<(), TokenError> {
        let is_own = |name: &str| self.is_audience(name);
        let addressed = match aud {
            Some(aud) => aud.iter().any(is_own),
            None if self.profile.is_addressed_by_client() => client.is_some_and(is_own),
            None => return Err(TokenError::MissingClaim("aud")),
        };
        match addressed {
            true => Ok(()),
            false => Err(self.elsewhere(match aud {
                Some(aud) => all_seen(aud.iter()),
                None => all_seen(client),
            })),
        }
    }

    /// The error for a token with other audiences.
    pub(crate) fn elsewhere(&self, seen: String) -> TokenError {
        let expected: Vec<_> = self.audiences.iter().map(Audience::as_str).collect();
        TokenError::Audience {
            expected: expected.join(" or "),
            seen,
        }
    }

    /// Whether `name` is one of the audiences.
    pub(crate) fn is_audience(&self, name: &str) -> bool {
        self.audiences.iter().any(|own| own.as_str() == name)
    }

    /// A token is valid from `nbf` and `iat` to `exp`, each with leeway (RFC 7519 sections 4.1.4 to
    /// 4.1.6).
    fn check_times(
        &self,
        claims: &Claims,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<(), TokenError> {
        self.check_end(expires_at, claims.iat, now)?;
        self.check_not_before(claims, now)?;
        self.check_issued(claims, now)
    }

    pub(crate) fn check_not_before(
        &self,
        claims: &Claims,
        now: UnixTime,
    ) -> Result<(), TokenError> {
        let leeway = self.leeway;
        let early = self.earliness(claims.nbf, now);
        early.map_or(Ok(()), |early| {
            Err(TokenError::NotYetValid { early, leeway })
        })
    }

    pub(crate) fn check_issued(&self, claims: &Claims, now: UnixTime) -> Result<(), TokenError> {
        let leeway = self.leeway;
        let early = self.earliness(claims.iat, now);
        early.map_or(Ok(()), |early| {
            Err(TokenError::IssuedInFuture { early, leeway })
        })
    }

    /// How far a time lies in the future, if it is beyond leeway.
    fn earliness(&self, start: Option<UnixTime>, now: UnixTime) -> Option<Duration> {
        let start = start.filter(|start| *start > now.saturating_add(self.leeway))?;
        Some(start.saturating_since(now))
    }

    fn admit(&self, token: &str, claims: Claims, checked: Checked, typed: Option<Typed>) -> Caller {
        let profile = &self.profile;
        let [roles, groups, entitlements] = profile.lists(&claims);
        let client = profile.client(&claims).ok().flatten();
        let session = claims.text("sid");
        let texts = Texts::of([
            claims.sub(),
            client.as_deref(),
            claims.jti(),
            claims.acr(),
            session.as_deref(),
        ]);
        let (mut current_actor, prior_actors) = actor::split(claims.actors, &self.issuer);
        if current_actor.is_none() && checked.kind == PrincipalKind::User {
            current_actor = profile.acting_client(texts.client_id(), &self.issuer);
        }
        Caller::new(Facts {
            issuer: self.issuer.clone(),
            kind: checked.kind,
            // Without `aud`, the client is the audience.
            audience: claims.aud.or_else(|| {
                texts
                    .client_id()
                    .map(|client| OneOrMany::One(client.into()))
            }),
            texts,
            scope: checked.scope,
            roles,
            groups,
            entitlements,
            current_actor,
            prior_actors,
            expires_at: checked.expires_at,
            ends_at: claims
                .iat
                .and_then(|iat| self.ages_at(iat))
                .map_or(checked.expires_at, |aged| aged.min(checked.expires_at)),
            issued_at: claims.iat,
            auth_time: claims.auth_time,
            confirmed_at: claims.confirmed_at,
            typed,
            token: SubjectToken::new(token),
            audit_subjects: self.audit_subjects.clone(),
            binding: claims.confirmation.into_binding(),
        })
    }
}

/// What the checks have found.
struct Checked {
    kind: PrincipalKind,
    scope: Scope,
    expires_at: UnixTime,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("issuer", &self.issuer)
            .field("audiences", &self.audiences)
            .field("profile", &self.profile)
            .field("algorithms", &self.algorithms)
            .field("leeway", &self.leeway)
            .field("max_token_age", &self.max_token_age)
            .finish_non_exhaustive()
    }
}
