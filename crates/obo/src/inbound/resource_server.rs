mod acceptance;
mod builder;
mod judge;

use std::fmt;
use std::sync::Arc;

use futures_util::future::join_all;

pub use builder::ResourceServerBuilder;
pub(crate) use judge::{Verdict, Wait, Waited};

use crate::clock::Clock;
use crate::idp::jwks::Jwks;
use crate::idp::jwks::KeyStatus;
use crate::inbound::introspection::{Introspection, Introspector, Jwts, Shared};
use crate::inbound::trust::Parts;
use crate::refusal::rejection::Rejection;
use obo_core::{BearerCredentials, Caller, ConfigError, Issuer, Policy};

/// Who this service is and whom it trusts: its audience, and for each issuer a policy and keys.
///
/// It is immutable; clones share keys and caches. Keys are fetched at first need and never shared between issuers; a
/// token of an issuer that is not trusted causes no I/O (RFC 8725 section 3.8).
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
}

struct Trusted {
    /// Its index among those trusted.
    place: u32,
    policy: Policy,
    jwks: Jwks,
    is_eager: bool,
    introspector: Option<Introspector>,
}

impl Trusted {
    fn asks_about(&self, jwts: Jwts) -> Option<&Introspector> {
        let introspector = self.introspector.as_ref()?;
        (introspector.settings().jwts == jwts).then_some(introspector)
    }

    fn needs_keys(&self) -> bool {
        let introspector = self.introspector.as_ref();
        introspector.is_none_or(|introspector| introspector.settings().needs_keys())
    }
}

impl Inner {
    /// Trusts one more issuer.
    fn add(&mut self, policy: Policy, parts: Parts) -> Result<(), ConfigError> {
        let issuer = policy.issuer();
        if self.find(issuer.as_str()).is_some() {
            let problem = format!("{issuer} is configured twice");
            return Err(ConfigError::new("issuer", problem));
        }
        let takes_opaque = |it: &Introspection| it.takes_opaque_tokens();
        if parts.introspection.as_ref().is_some_and(takes_opaque)
            && let Some((other, _)) = self.opaque()
        {
            let problem = format!(
                "{} is asked about opaque tokens already, which name no issuer to choose by; only one can be",
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
        self.trusted.push(Trusted {
            place,
            policy,
            jwks,
            is_eager: parts.is_eager,
            introspector,
        });
        Ok(())
    }

    fn find(&self, issuer: &str) -> Option<&Trusted> {
        let mut trusted = self.trusted.iter();
        trusted.find(|trusted| trusted.policy.issuer().as_str() == issuer)
    }

    /// The issuer that is asked about tokens that name none.
    fn opaque(&self) -> Option<(&Policy, &Introspector)> {
        self.trusted.iter().find_map(|trusted| {
            let introspector = trusted.introspector.as_ref();
            let introspector = introspector.filter(|it| it.settings().takes_opaque_tokens())?;
            Some((&trusted.policy, introspector))
        })
    }
}

/// A length or an index, of which there are no more.
fn in_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl ResourceServer {
    /// Forgets what was found about the tokens of a user, such as when they log out: an issuer that is asked about tokens
    /// is asked again.
    ///
    /// Whoever comes after it returned is not let in by an answer from before, also where the issuer is being asked about
    /// the same token already. Whoever waits for such an answer has it asked for anew, twice at most: a user who is
    /// forgotten each time is refused with [`Rejection::IntrospectionUnavailable`].
    pub fn forget(&self, issuer: &Issuer, subject: &str) {
        let shared = &self.0.shared;
        shared.forgotten.forget(issuer, subject, || {
            if let Some(verified) = &shared.verified {
                verified.forget(issuer, subject);
            }
        });
    }

    /// Validates a token that did not come in a header: the first message of a socket, a queue's item.
    ///
    /// # Errors
    ///
    /// The same [`Rejection`] that the layer would answer with.
    pub async fn validate(&self, token: &str) -> Result<Caller, Rejection> {
        let found = BearerCredentials::of_token(token);
        let mut verdict = self.judge(found, None);
        loop {
            verdict = match verdict {
                Verdict::Admitted(caller) => return Ok(caller),
                Verdict::Refused(rejection) => return Err(rejection),
                Verdict::Wait(wait) => self.judge(found, Some(wait.await)),
            }
        }
    }

    /// Fetches the keys of all eager issuers ([`Trust::eager`](crate::Trust::eager), or `lazy = false` in a file): call it
    /// once before serving. The keys of all others are fetched at first need.
    ///
    /// ```no_run
    /// # async fn start(server: obo::ResourceServer) -> Result<(), obo::Rejection> {
    /// let server = server.start().await?;
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
        self.fetch(true).await?;
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

    /// Whether this service can take requests: for a readiness probe.
    ///
    /// It can as soon as it has had the keys of each [eager](crate::Trust::eager) issuer once. A lazy issuer never
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
        self.0.trusted.iter().filter(|trusted| trusted.needs_keys())
    }

    pub(crate) fn wall_clock(&self) -> &Clock {
        &self.0.shared.clock
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
