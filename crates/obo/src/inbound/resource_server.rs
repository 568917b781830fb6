mod acceptance;
mod builder;
mod checks;
mod event_tokens;
mod verdict;

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;

pub use builder::ResourceServerBuilder;
pub(crate) use event_tokens::Unverified;
pub(crate) use verdict::{Verdict, Wait, Waited};

use crate::clock::Clock;
use crate::idp::jwks::Jwks;
use crate::idp::jwks::KeyStatus;
use crate::inbound::bound_tokens::BoundCheck;
use crate::inbound::introspection::{Introspection, Introspector, Jwts, Shared};
use crate::inbound::trust::Parts;
use crate::refusal::rejection::Rejection;
use obo_core::binding::BindingChecks;
use obo_core::{BearerCredentials, Caller, ConfigError, Issuer, Policy};

/// Validates access tokens: it has the audience of this service, and a policy and keys for each
/// trusted issuer.
///
/// It is immutable, and clones share keys and caches. Keys are fetched when they are needed first,
/// and are never shared between issuers. A token of an issuer that is not trusted causes no I/O
/// (RFC 8725 section 3.8).
///
/// ```
/// use obo::ResourceServer;
///
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com/realms/corp")
///     .build()?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ResourceServer(Arc<Inner>);

struct Inner {
    trusted: Vec<Trusted>,
    shared: Shared,
    /// For tokens that are bound to a key or certificate, if they are accepted.
    bound: Option<BoundCheck>,
    /// Whether an issuer's tokens must be bound.
    demands_bound: bool,
}

struct Trusted {
    /// The index of this issuer.
    place: u32,
    policy: Policy,
    jwks: Jwks,
    is_eager: bool,
    requires_bound: bool,
    introspector: Option<Introspector>,
}

impl Trusted {
    fn introspector_for(&self, jwts: Jwts) -> Option<&Introspector> {
        let introspector = self.introspector.as_ref()?;
        (introspector.settings().jwts == jwts).then_some(introspector)
    }

    fn needs_keys(&self) -> bool {
        let introspector = self.introspector.as_ref();
        introspector.is_none_or(|introspector| introspector.settings().needs_keys())
    }
}

impl Inner {
    /// Adds a trusted issuer.
    fn add(&mut self, policy: Policy, parts: Parts) -> Result<(), ConfigError> {
        let issuer = policy.issuer();
        if self.find(issuer.as_str()).is_some() {
            let problem = format!("{issuer} is trusted twice; remove one");
            return Err(ConfigError::new("issuer", problem));
        }
        let takes_opaque = |it: &Introspection| it.takes_opaque_tokens();
        if parts.introspection.as_ref().is_some_and(takes_opaque)
            && let Some((other, _)) = self.opaque()
        {
            let problem = format!(
                "opaque tokens are already introspected at {}, and they name no issuer to choose by; introspect them at \
                 one issuer only",
                other.issuer()
            );
            return Err(ConfigError::new("introspection", problem));
        }
        let (server, clock) = (parts.server, self.shared.clock.clone());
        let jwks = Jwks::new(server.clone(), parts.key_refresh, clock);
        let place = in_u32(self.trusted.len());
        let introspector = parts.introspection.map(|settings| {
            let (policy, jwks) = (policy.clone(), jwks.clone());
            Introspector::new(settings, policy, server, jwks, self.shared.clone(), place)
        });
        self.demands_bound |= parts.requires_bound;
        self.trusted.push(Trusted {
            place,
            policy,
            jwks,
            is_eager: parts.is_eager,
            requires_bound: parts.requires_bound,
            introspector,
        });
        Ok(())
    }

    /// Whether the tokens of the caller's issuer must be bound.
    fn requires_bound(&self, caller: &Caller) -> bool {
        let trusted = self.find(caller.issuer().as_str());
        trusted.is_some_and(|trusted| trusted.requires_bound)
    }

    fn find(&self, issuer: &str) -> Option<&Trusted> {
        let mut trusted = self.trusted.iter();
        trusted.find(|trusted| trusted.policy.issuer().as_str() == issuer)
    }

    /// The issuer that introspects tokens without an issuer.
    fn opaque(&self) -> Option<(&Policy, &Introspector)> {
        self.trusted.iter().find_map(|trusted| {
            let introspector = trusted.introspector.as_ref();
            let introspector = introspector.filter(|it| it.settings().takes_opaque_tokens())?;
            Some((&trusted.policy, introspector))
        })
    }
}

/// A length or an index, which is always in range.
fn in_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl ResourceServer {
    /// Evicts the cached tokens of a user, for example at logout: their next request introspects
    /// the token again.
    ///
    /// After this returns, no request is admitted by an older introspection response, even if a
    /// request for the same token was already running. Requests that wait for such a response are
    /// introspected again, at most twice. If the user is forgotten each time, the request is
    /// refused with [`Rejection::IntrospectionUnavailable`].
    pub fn forget(&self, issuer: &Issuer, subject: &str) {
        let shared = &self.0.shared;
        shared.forgotten.forget(issuer, subject, || {
            if let Some(verified) = &shared.verified {
                verified.forget(issuer, subject);
            }
        });
    }

    /// Validates a token that was not in a header, for example the first message of a WebSocket or
    /// an item of a queue.
    ///
    /// ```
    /// # async fn read(server: obo::ResourceServer, token: &str) -> Result<(), obo::Rejection> {
    /// let caller = server.validate(token).await?;
    /// println!("a message of {}", caller.subject());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The same [`Rejection`] as that of the layer. A token that is bound to a key or certificate
    /// is refused, because nothing proves the binding here.
    pub async fn validate(&self, token: &str) -> Result<Caller, Rejection> {
        let found = BearerCredentials::of_token(token);
        let mut verdict = self.verdict(found, None, None);
        loop {
            verdict = match verdict {
                Verdict::Admitted(caller) => return Ok(caller),
                Verdict::Refused(rejection) => return Err(rejection),
                Verdict::Wait(wait) => self.verdict(found, None, Some(wait.await)),
            }
        }
    }

    /// Fetches the keys of all eager issuers ([`Trust::eager`](crate::Trust::eager), or `lazy =
    /// false` in a file). Call it once before serving. The keys of other issuers are fetched when
    /// they are needed first.
    ///
    /// ```no_run
    /// # async fn start(server: obo::ResourceServer) -> Result<(), obo::Rejection> {
    /// let server = server.start().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Completes within 5 s.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] with the issuer's name if the keys of an eager issuer cannot be
    /// fetched.
    pub async fn start(self) -> Result<Self, Rejection> {
        self.fetch(true).await?;
        Ok(self)
    }

    /// Fetches the keys of every issuer, eager or lazy, unless they are cached: so that the first
    /// request does not wait, or for a probe. Otherwise they are fetched when they are needed
    /// first.
    ///
    /// Completes within 5 s. It respects the pause after a failure, so it may be called often.
    ///
    /// # Errors
    ///
    /// [`Rejection::Unavailable`] with the issuer's name if the keys of an issuer cannot be
    /// fetched.
    pub async fn ready(&self) -> Result<(), Rejection> {
        self.fetch(false).await
    }

    async fn fetch(&self, only_eager: bool) -> Result<(), Rejection> {
        let chosen = (self.keyed()).filter(|trusted| trusted.is_eager || !only_eager);
        let fetched = chosen.map(|trusted| async {
            trusted.jwks.ready().await.map_err(|mut error| {
                error.problem = format!("{}: {}", trusted.policy.issuer(), error.problem);
                Rejection::from(error)
            })
        });
        join_all(fetched).await.into_iter().collect()
    }

    /// Whether this service is ready for requests, for a readiness probe.
    ///
    /// It is ready once it has fetched the keys of each [eager](crate::Trust::eager) issuer. Lazy
    /// issuers do not matter, since their first token fetches their keys. Once ready it stays
    /// ready: if an issuer fails later, only requests with its tokens fail.
    ///
    /// It does not wait. If keys of an eager issuer are missing, it fetches them in the background,
    /// with a pause after a failure. So it needs a tokio runtime, and becomes `true` without
    /// [`start`](Self::start) too.
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
        // No short circuit: every missing fetch starts.
        let missing = eager.filter(|trusted| !trusted.jwks.has_started());
        missing.count() == 0
    }

    /// Returns the state of each issuer's keys, for metrics and alerts. Neither waits nor causes
    /// I/O.
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

    /// The issuers whose keys are used.
    fn keyed(&self) -> impl Iterator<Item = &Trusted> {
        self.0.trusted.iter().filter(|trusted| trusted.needs_keys())
    }

    /// For bound tokens, if they are accepted.
    pub(crate) fn bound(&self) -> Option<&BoundCheck> {
        self.0.bound.as_ref()
    }

    /// Which bindings of tokens are accepted.
    pub(crate) fn binding_checks(&self) -> BindingChecks {
        self.bound().map(BoundCheck::checks).unwrap_or_default()
    }

    /// Whether each token must be bound to a key.
    pub(crate) fn requires_dpop(&self) -> bool {
        let checks = self.binding_checks();
        let has_no_other = checks.dpop && !checks.certificate;
        let all_bound = || self.0.trusted.iter().all(|trusted| trusted.requires_bound);
        let is_required = self.bound().is_some_and(BoundCheck::requires_key);
        is_required || (has_no_other && all_bound())
    }

    pub(crate) fn wall_clock(&self) -> &Clock {
        &self.0.shared.clock
    }

    /// The policy of each issuer whose tokens this service accepts.
    pub fn policies(&self) -> impl Iterator<Item = &Policy> {
        self.0.trusted.iter().map(|trusted| &trusted.policy)
    }

    /// The issuers whose tokens this service accepts.
    pub fn issuers(&self) -> impl Iterator<Item = &Issuer> {
        self.0.trusted.iter().map(|trusted| trusted.policy.issuer())
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policies = self.0.trusted.iter().map(|trusted| &trusted.policy);
        f.write_str("ResourceServer")?;
        f.debug_list().entries(policies).finish()
    }
}
