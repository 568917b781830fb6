#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not admit a request"
)]

mod acceptance;
mod judge;

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;

pub(crate) use judge::{Verdict, Wait, Waited};

use crate::clock::Clock;
use crate::idp::jwks::Jwks;
use crate::idp::jwks::KeyStatus;
use crate::idp::server::AuthorizationServer;
use crate::inbound::introspection::Introspection;
use crate::inbound::introspection::{Forgotten, Introspector, Jwts, Kept};
use crate::inbound::verified_tokens::VerifiedTokens;
use crate::refusal::rejection::Rejection;
use obo_core::{Audience, BearerCredentials, Caller, ConfigError, Issuer, Policy};

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
    forgotten: Arc<Forgotten>,
}

#[derive(Clone)]
struct Trusted {
    policy: Policy,
    jwks: Jwks,
    is_eager: bool,
    introspector: Option<Introspector>,
}

impl Trusted {
    fn new(policy: Policy, server: AuthorizationServer) -> Self {
        Self {
            policy,
            is_eager: server.is_eager(),
            jwks: Jwks::new(server),
            introspector: None,
        }
    }

    fn introspected(policy: Policy, server: AuthorizationServer, asked: Introspection) -> Self {
        let trusted = Self::new(policy, server.clone());
        let (policy, jwks) = (trusted.policy.clone(), trusted.jwks.clone());
        Self {
            introspector: Some(Introspector::new(asked, policy, server, jwks)),
            ..trusted
        }
    }

    fn asks_about(&self, jwts: Jwts) -> Option<&Introspector> {
        let introspector = self.introspector.as_ref()?;
        (introspector.settings().jwts == jwts).then_some(introspector)
    }

    fn needs_keys(&self) -> bool {
        let introspector = self.introspector.as_ref();
        introspector.is_none_or(|introspector| introspector.settings().needs_keys())
    }
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
            forgotten: Forgotten::new(),
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

    /// Accepts tokens of one authorization server by asking it about them, as [`introspect`](Self::introspect).
    ///
    /// # Errors
    ///
    /// When the policy is for another issuer.
    pub fn introspecting(
        policy: Policy,
        server: impl Into<AuthorizationServer>,
        asked: Introspection,
    ) -> Result<Self, ConfigError> {
        Self::of(Vec::new()).introspect(policy, server, asked)
    }

    /// Accepts tokens of a further authorization server, under its own policy.
    ///
    /// # Errors
    ///
    /// When the policy is for another issuer, or the issuer is trusted already.
    pub fn trust(
        self,
        policy: Policy,
        server: impl Into<AuthorizationServer>,
    ) -> Result<Self, ConfigError> {
        let server = server.into();
        self.check_issuer(&policy, &server)?;
        Ok(self.with(Trusted::new(policy, server)))
    }

    /// Accepts tokens of a further authorization server by asking it about them (RFC 7662), under its own policy: what it
    /// says is judged as the claims of a JWT are, by the same profile, and gives the same [`Caller`].
    ///
    /// An opaque token has no issuer to route by. So one issuer of a server at most is asked about them, and it is asked
    /// about every token that no other issuer's name is in; a JWT that names an issuer goes to that one alone, and where it
    /// is not configured, nowhere. Which tokens are asked about is said by [`Introspection`].
    ///
    /// ```
    /// use obo::{Audience, Client, ClientSecretBasic, Introspection, Issuer, Policy, ResourceServer, Secret};
    ///
    /// # fn of(secret: Secret) -> Result<ResourceServer, obo::ConfigError> {
    /// let idp = Issuer::new("https://idp.example.com/realms/corp")?;
    /// let policy = Policy::new(idp.clone(), Audience::new("service-a")?);
    /// let client = Client::new("service-a", ClientSecretBasic::new(secret));
    /// let server = ResourceServer::introspecting(policy, idp, Introspection::new(client))?;
    /// # Ok(server)
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the policy is for another issuer, the issuer is trusted already, or another one is asked about opaque tokens.
    pub fn introspect(
        self,
        policy: Policy,
        server: impl Into<AuthorizationServer>,
        asked: Introspection,
    ) -> Result<Self, ConfigError> {
        let server = server.into();
        self.check_issuer(&policy, &server)?;
        asked.check_client()?;
        if let Some(other) = self.opaque().filter(|_| asked.takes_opaque_tokens()) {
            return Err(ConfigError::new(
                "introspection",
                format!(
                    "{} is asked about opaque tokens already, which name no issuer to choose by; only one can be",
                    other.policy.issuer()
                ),
            ));
        }
        Ok(self.with(Trusted::introspected(policy, server, asked)))
    }

    fn with(mut self, trusted: Trusted) -> Self {
        Arc::make_mut(&mut self.trusted).push(trusted);
        self.forgetting()
    }

    fn check_issuer(
        &self,
        policy: &Policy,
        server: &AuthorizationServer,
    ) -> Result<(), ConfigError> {
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
        Ok(())
    }

    /// Judges expiry by another clock than the system's.
    #[must_use]
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self.forgetting()
    }

    /// Verifies every token anew, also one whose very bytes were verified before.
    ///
    /// By default such a token is remembered until it expires, its issuer publishes other keys, or what its issuer said of
    /// it is too old, in at most 64 MiB; what claims of a type of the service's own take beyond their JSON comes on top.
    #[must_use]
    pub fn without_token_cache(mut self) -> Self {
        self.verified = None;
        self.forgetting()
    }

    /// Forgets what was found about the tokens of a user, such as when they log out: an issuer that is asked about tokens
    /// is asked again.
    ///
    /// Whoever comes after it returned is not let in by an answer from before, also where the issuer is being asked about
    /// the same token already. Whoever waits for such an answer has it asked for anew, twice at most: a user who is
    /// forgotten each time is refused with [`Rejection::IntrospectionUnavailable`].
    pub fn forget(&self, issuer: &Issuer, subject: &str) {
        self.forgotten.forget(issuer, subject, || {
            if let Some(verified) = &self.verified {
                verified.forget(issuer, subject);
            }
        });
    }

    /// What one configuration has accepted, another one judges anew.
    fn forgetting(mut self) -> Self {
        self.verified = self.verified.map(|_| Arc::new(VerifiedTokens::new()));
        self.forgotten = Forgotten::new();
        let trusted = Arc::make_mut(&mut self.trusted).iter_mut().enumerate();
        for (issuer, trusted) in trusted {
            trusted.jwks = trusted.jwks.by_clock(&self.clock);
            if let Some(introspector) = &mut trusted.introspector {
                let kept = Kept {
                    verified: self.verified.clone(),
                    forgotten: Arc::clone(&self.forgotten),
                    issuer: u32::try_from(issuer).unwrap_or(u32::MAX),
                };
                *introspector = introspector.within(self.clock.clone(), kept);
            }
        }
        self
    }

    /// Validates a token that did not come in a header: the first message of a socket, a queue's item.
    ///
    /// # Errors
    ///
    /// The same [`Rejection`] that the layer would answer with.
    pub async fn validate(&self, token: &str) -> Result<Caller, Rejection> {
        let found = BearerCredentials::of_token(token);
        let mut verdict = self.judge(found);
        loop {
            verdict = match verdict {
                Verdict::Admitted(caller) => return Ok(caller),
                Verdict::Refused(rejection) => return Err(rejection),
                Verdict::Wait(wait) => self.judge_again(found, wait.await),
            }
        }
    }

    /// Fetches the keys of the issuers that this service does not do without ([`AuthorizationServer::eager`], or
    /// `lazy = false` in a file): call it once before serving. Those of all others are left for first need.
    ///
    /// ```no_run
    /// # async fn start(config: obo::config::ResourceServerConfig) -> Result<(), Box<dyn std::error::Error>> {
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
        let mut chosen: Vec<_> = self.keyed().collect();
        chosen.retain(|trusted| which(trusted));
        let chosen = chosen.into_iter();
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

    /// Whether this service can take requests: for a readiness probe.
    ///
    /// It can as soon as it has had the keys of each [eager](AuthorizationServer::eager) issuer once. A lazy issuer never
    /// holds readiness, since its first token fetches its keys. Once ready, it stays ready: an issuer that fails later
    /// fails the requests with its tokens and no others.
    ///
    /// It does not wait. Where an eager issuer's keys are missing, they are fetched in the background, with a pause after
    /// a failure; so it needs a tokio runtime to run in, and becomes true without [`start`](Self::start) too.
    ///
    /// ```
    /// # async fn of(server: obo::ResourceServer) -> http::StatusCode {
    /// match server.is_ready() {
    ///     true => http::StatusCode::OK,
    ///     false => http::StatusCode::SERVICE_UNAVAILABLE,
    /// }
    /// # }
    /// ```
    pub fn is_ready(&self) -> bool {
        let eager = self.keyed().filter(|trusted| trusted.is_eager);
        // Each of them is asked, so that all fetches start.
        let missing = eager.filter(|trusted| !trusted.jwks.has_started());
        missing.count() == 0
    }

    /// The state of each issuer's keys, for metrics and alerts; it neither waits nor causes I/O.
    ///
    /// ```
    /// # fn of(server: &obo::ResourceServer) {
    /// for status in server.key_status().filter(|status| !status.is_usable()) {
    ///     println!("no usable keys of {}: {:?}", status.issuer(), status.last_error());
    /// }
    /// # }
    /// ```
    pub fn key_status(&self) -> impl Iterator<Item = KeyStatus> {
        self.keyed().map(|trusted| match trusted.is_eager {
            true => trusted.jwks.status(),
            false => trusted.jwks.status().of_lazy(),
        })
    }

    /// Those whose keys are used.
    fn keyed(&self) -> impl Iterator<Item = &Trusted> {
        self.trusted.iter().filter(|trusted| trusted.needs_keys())
    }

    fn find(&self, issuer: &str) -> Option<(usize, &Trusted)> {
        let mut trusted = self.trusted.iter().enumerate();
        trusted.find(|(_, trusted)| trusted.policy.issuer().as_str() == issuer)
    }

    pub(crate) fn wall_clock(&self) -> &Clock {
        &self.clock
    }

    /// The issuers whose tokens this service accepts.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
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
