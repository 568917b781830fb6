use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use crate::jwks::{Jwks, Lookup, Refresh, RefreshError};
use crate::verified_tokens::{Verified, VerifiedTokens};
use crate::{
    Audience, AuthorizationServer, BearerCredentials, Clock, ConfigError, Issuer, KeyStatus,
    Policy, Rejection, TokenError, UnverifiedJwt, Validated, observe,
};

/// Who this service is and whom it trusts: its audience, and for each issuer a policy and keys.
///
/// Clones share keys. Keys are fetched at first need and never shared between issuers; a token of an issuer that is not
/// configured causes no I/O (RFC 8725 section 3.8).
///
/// ```
/// use obo::{Audience, Issuer, ResourceServer};
///
/// let idp = Issuer::new("https://idp.example.com/realms/corp")?;
/// let server = ResourceServer::new(Audience::new("service-a")?, idp);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ResourceServer {
    trusted: Arc<Vec<Trusted>>,
    clock: Clock,
    verified: Option<Arc<VerifiedTokens>>,
}

#[derive(Clone)]
struct Trusted {
    policy: Policy,
    jwks: Jwks,
    is_eager: bool,
}

impl Trusted {
    fn new(policy: Policy, server: AuthorizationServer) -> Self {
        Self {
            policy,
            is_eager: server.is_eager(),
            jwks: Jwks::new(server),
        }
    }
}

/// What is known of a token now.
pub(crate) enum Verdict {
    Admitted(Validated),
    Refused(Rejection),
    /// Judge again when this is over.
    Wait(Refresh),
}

impl ResourceServer {
    /// Accepts RFC 9068 access tokens of one authorization server that are addressed to `audience`.
    pub fn new(audience: Audience, server: impl Into<AuthorizationServer>) -> Self {
        let server = server.into();
        let policy = Policy::new(server.issuer().clone(), audience);
        Self::of(vec![Trusted::new(policy, server)])
    }

    fn of(trusted: Vec<Trusted>) -> Self {
        Self {
            trusted: Arc::new(trusted),
            clock: Clock::system(),
            verified: Some(Arc::new(VerifiedTokens::new())),
        }
    }

    /// Accepts tokens of one authorization server under `policy`.
    ///
    /// # Errors
    ///
    /// When the policy is for another issuer.
    pub fn with_policy(
        policy: Policy,
        server: impl Into<AuthorizationServer>,
    ) -> Result<Self, ConfigError> {
        Self::of(Vec::new()).trust(policy, server)
    }

    /// Accepts tokens of a further authorization server, under its own policy.
    ///
    /// # Errors
    ///
    /// When the policy is for another issuer, or the issuer is trusted already.
    pub fn trust(
        mut self,
        policy: Policy,
        server: impl Into<AuthorizationServer>,
    ) -> Result<Self, ConfigError> {
        let server = server.into();
        if policy.issuer() != server.issuer() {
            return Err(ConfigError::new(
                "issuer",
                format!(
                    "the policy is for {}, the authorization server is {}",
                    policy.issuer(),
                    server.issuer()
                ),
            ));
        }
        if self.find(server.issuer().as_str()).is_some() {
            return Err(ConfigError::new(
                "issuer",
                format!("{} is configured twice", server.issuer()),
            ));
        }
        Arc::make_mut(&mut self.trusted).push(Trusted::new(policy, server));
        Ok(self.forgetting())
    }

    /// Judges expiry by another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self.forgetting()
    }

    /// Verifies every token anew, also one whose very bytes were verified before.
    ///
    /// By default such a token is remembered until it expires or its issuer publishes other keys, in at most 64 MiB.
    #[must_use]
    pub fn without_token_cache(mut self) -> Self {
        self.verified = None;
        self
    }

    /// What one configuration has accepted, another one judges anew.
    fn forgetting(mut self) -> Self {
        self.verified = self.verified.map(|_| Arc::new(VerifiedTokens::new()));
        self
    }

    /// Validates a token that did not come in a header: the first message of a socket, a queue's item.
    ///
    /// # Errors
    ///
    /// The same [`Rejection`] that the layer would answer with.
    pub async fn validate(&self, token: &str) -> Result<Validated, Rejection> {
        let found = BearerCredentials::of_token(token);
        match self.judge(found) {
            Verdict::Admitted(caller) => Ok(caller),
            Verdict::Refused(rejection) => Err(rejection),
            Verdict::Wait(refresh) => {
                let refreshed = refresh.await;
                self.judge_again(found, refreshed)
            }
        }
    }

    /// Fetches the keys of the issuers that this service does not do without ([`AuthorizationServer::eager`], or
    /// `lazy = false` in a file): call it once before serving. Those of all others are left for first need.
    ///
    /// ```no_run
    /// # async fn start(config: obo::ResourceServerConfig) -> Result<(), Box<dyn std::error::Error>> {
    /// let server = config.build()?.start().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It ends within 5 s.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the keys of such an issuer cannot be had, with the issuer's name.
    pub async fn start(self) -> Result<Self, Rejection> {
        self.fetch(|trusted| trusted.is_eager).await?;
        Ok(self)
    }

    /// Fetches the keys of every issuer unless they are at hand, whether or not this service does without them: so that
    /// the first request need not wait, or for a probe. Without it they are fetched at first need.
    ///
    /// It ends within 5 s, and respects the pause after a failure, so it may be called again and again.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] when the keys of an issuer cannot be had, with the issuer's name.
    pub async fn ready(&self) -> Result<(), Rejection> {
        self.fetch(|_| true).await
    }

    async fn fetch(&self, which: impl Fn(&Trusted) -> bool) -> Result<(), Rejection> {
        let chosen = self.trusted.iter().filter(|trusted| which(trusted));
        let fetched = chosen.map(|trusted| async {
            trusted.jwks.ready().await.map_err(|error| {
                let problem = format!("{}: {}", trusted.policy.issuer(), error.problem);
                Rejection::Unavailable {
                    problem,
                    retry_after: error.retry_after,
                }
            })
        });
        join_all(fetched).await.into_iter().collect()
    }

    /// How it stands with the keys of each issuer, for a readiness probe or a metric; it neither waits nor causes I/O.
    ///
    /// ```
    /// # fn of(server: &obo::ResourceServer) -> bool {
    /// server.key_status().all(|status| status.is_usable())
    /// # }
    /// ```
    pub fn key_status(&self) -> impl Iterator<Item = KeyStatus> {
        self.trusted.iter().map(|trusted| trusted.jwks.status())
    }

    /// Judges a token with the keys at hand, without waiting.
    pub(crate) fn judge(&self, found: BearerCredentials<'_>) -> Verdict {
        if self.verified.is_some() {
            let known = self.recall(found);
            observe::recalled(known.is_some());
            if let Some(caller) = known {
                return Verdict::Admitted(caller);
            }
        }
        self.decide(found, |trusted, jwt| {
            trusted.jwks.lookup(jwt.kid(), jwt.algorithm())
        })
    }

    /// Judges a token after the wait that the first judgement asked for.
    pub(crate) fn judge_again(
        &self,
        found: BearerCredentials<'_>,
        refreshed: Result<(), RefreshError>,
    ) -> Result<Validated, Rejection> {
        let verdict = self.decide(found, |trusted, jwt| {
            trusted
                .jwks
                .lookup_again(jwt.kid(), jwt.algorithm(), refreshed)
        });
        match verdict {
            Verdict::Admitted(caller) => Ok(caller),
            Verdict::Refused(rejection) => Err(rejection),
            // `lookup_again` never asks to wait.
            Verdict::Wait(_) => Err(TokenError::UnknownKey.into()),
        }
    }

    /// The caller of a token whose very bytes were verified before, while its keys are published and it has not expired.
    fn recall(&self, found: BearerCredentials<'_>) -> Option<Validated> {
        let tokens = self.verified.as_ref()?;
        let known = tokens.get(found.as_bytes())?;
        let trusted = self.trusted.get(known.issuer)?;
        let holds = trusted.jwks.vouches(known.generation)
            && trusted
                .policy
                .check_expiry(&known.caller, self.clock.now())
                .is_ok();
        if !holds {
            tokens.remove(found.as_bytes());
            return None;
        }
        Some(known.caller)
    }

    fn decide(
        &self,
        found: BearerCredentials<'_>,
        lookup: impl FnOnce(&Trusted, &UnverifiedJwt<'_>) -> Lookup,
    ) -> Verdict {
        let (jwt, issuer, trusted) = match self.route(found) {
            Ok(routed) => routed,
            Err(error) => return Verdict::Refused(error.into()),
        };
        match lookup(trusted, &jwt) {
            Lookup::Key(key, generation) => {
                match trusted.policy.verify(jwt, &key, self.clock.now()) {
                    Ok(caller) => {
                        if let Some(verified) = &self.verified {
                            verified.insert(Verified {
                                caller: caller.clone(),
                                issuer,
                                generation,
                            });
                        }
                        Verdict::Admitted(caller)
                    }
                    Err(error) => Verdict::Refused(error.into()),
                }
            }
            Lookup::Refused(error) => Verdict::Refused(error.into()),
            Lookup::Wait(refresh) => Verdict::Wait(refresh),
            Lookup::Unavailable(error) => Verdict::Refused(Rejection::Unavailable {
                problem: error.problem,
                retry_after: error.retry_after,
            }),
        }
    }

    /// The token's parts and the issuer it is judged by; neither an unknown issuer nor an algorithm that is not allowed
    /// gets as far as the keys (JW-01, JW-18).
    fn route<'t>(
        &self,
        found: BearerCredentials<'t>,
    ) -> Result<(UnverifiedJwt<'t>, usize, &Trusted), TokenError> {
        let jwt = UnverifiedJwt::parse(found.token()?)?;
        let issuer = jwt.issuer().ok_or(TokenError::MissingClaim("iss"))?;
        let (position, trusted) = self.find(issuer).ok_or_else(|| {
            let trusted = Vec::from_iter(self.issuers().map(Issuer::as_str)).join(", ");
            TokenError::UnknownIssuer { trusted }
        })?;
        if !trusted.policy.allows(jwt.algorithm()) {
            return Err(TokenError::Algorithm);
        }
        Ok((jwt, position, trusted))
    }

    fn find(&self, issuer: &str) -> Option<(usize, &Trusted)> {
        let mut trusted = self.trusted.iter().enumerate();
        trusted.find(|(_, trusted)| trusted.policy.issuer().as_str() == issuer)
    }

    /// How long this server goes on accepting the caller's token; one of an issuer that it does not know has no leeway.
    pub(crate) fn time_left(&self, caller: &Validated) -> Duration {
        let until = match self.find(caller.issuer().as_str()) {
            Some((_, trusted)) => trusted.policy.accepts_until(caller),
            None => caller.expires_at(),
        };
        until.saturating_since(self.clock.now())
    }

    /// Whom this service trusts.
    pub(crate) fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.trusted.iter().map(|trusted| trusted.policy.issuer())
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policies = self.trusted.iter().map(|trusted| &trusted.policy);
        f.write_str("ResourceServer")?;
        f.debug_list().entries(policies).finish()
    }
}
