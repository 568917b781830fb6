use std::sync::Arc;
use std::time::Duration;

use obo_core::dialect::{Dialect, Rfc8693};
use obo_core::{AuditSubjects, Caller, ConfigError, Grant, Issuer};

use super::TokenExchange;
use super::actor::ActorSource;
use super::bounds::CacheBounds;
use super::engine::Engine;
use super::wanted::Wanted;
use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::idp::client_auth::{Client, Closure, DpopKey};
use crate::idp::server::AuthorizationServer;
use crate::observe;

const SHORTEST_DEADLINE: Duration = Duration::from_secs(1);
const LONGEST_DEADLINE: Duration = Duration::from_secs(60);

/// Configures a [`TokenExchange`]. It keeps the first mistake, which [`build`](Self::build)
/// returns.
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenExchangeBuilder {
    server: Result<AuthorizationServer, ConfigError>,
    settings: Settings,
    /// The first mistake, apart from that of the server.
    mistake: Option<ConfigError>,
}

/// The settings that do not depend on the server.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) client: Client,
    pub(super) dialect: Arc<dyn Dialect>,
    pub(super) clock: Clock,
    /// From discovery to the response, all attempts together.
    pub(super) deadline: Duration,
    /// Other issuers whose tokens may be sent to the server.
    pub(super) subject_issuers: Vec<Issuer>,
    pub(super) actor: Option<ActorSource>,
    /// Returns the thumbprint of the client's current certificate, if tokens are bound to it.
    pub(super) certificate: Option<Closure<dyn Fn() -> [u8; 32] + Send + Sync>>,
    /// The key that tokens of bound destinations are bound to.
    pub(super) dpop: Option<DpopKey>,
    /// Whether an issued opaque token is introspected before it is used.
    pub(super) introspects_issued: bool,
    /// Whether an opaque token is believed to be bound to the certificate.
    pub(super) trusts_binding: bool,
    pub(super) cache: CacheBounds,
    /// The most exchanges under way at the same time.
    pub(super) concurrency: usize,
    /// `None` names users as the resource server of their token does.
    pub(super) audit_subjects: Option<AuditSubjects>,
    pub(super) fleet: Option<Fleet>,
}

impl Settings {
    /// What is recorded of a call for `caller`.
    pub(super) fn call_of<'c>(&'c self, caller: Option<&'c Caller>) -> observe::Call<'c> {
        observe::Call {
            subjects: self.audit_subjects.as_ref(),
            caller,
            client_id: self.client.id(),
            key: None,
            has_certificate: self.certificate.is_some(),
        }
    }

    /// What is recorded of a call with a token for `grant`.
    pub(super) fn call_with<'c>(&'c self, grant: &'c Grant) -> observe::Call<'c> {
        observe::Call {
            key: grant.proof_key().map(|key| key.thumbprint()),
            ..self.call_of(grant.subject())
        }
    }

    /// The thumbprint of the certificate that tokens must be bound to now.
    pub(super) fn certificate(&self) -> Option<[u8; 32]> {
        self.certificate.as_ref().map(|now| now.0())
    }

    pub(super) fn dialect_of<'a>(&'a self, wanted: &'a Wanted) -> &'a dyn Dialect {
        wanted.dialect.as_deref().unwrap_or(&*self.dialect)
    }
}

impl TokenExchange {
    /// Starts an exchange at `server` as `client`, by RFC 8693 unless another
    /// [dialect](TokenExchangeBuilder::dialect) is set.
    ///
    /// The server is an [`AuthorizationServer`], an [`Issuer`] or the literal of one.
    pub fn builder<S>(server: S, client: Client) -> TokenExchangeBuilder
    where
        S: TryInto<AuthorizationServer, Error: Into<ConfigError>>,
    {
        TokenExchangeBuilder {
            server: server.try_into().map_err(Into::into),
            settings: Settings {
                client,
                dialect: Arc::new(Rfc8693::new()),
                clock: Clock::system(),
                deadline: Duration::from_secs(10),
                subject_issuers: Vec::new(),
                actor: None,
                certificate: None,
                dpop: None,
                introspects_issued: false,
                trusts_binding: false,
                cache: CacheBounds::new(),
                concurrency: 1024,
                audit_subjects: None,
                fleet: None,
            },
            mistake: None,
        }
    }
}

impl TokenExchangeBuilder {
    /// Sends requests in another dialect than RFC 8693, except for destinations with a
    /// [dialect](crate::Destination::dialect) of their own.
    pub fn dialect(mut self, dialect: impl Dialect) -> Self {
        self.settings.dialect = Arc::new(dialect);
        self
    }

    /// Exchanges the tokens of another issuer too, which the server must trust.
    ///
    /// By default a caller's token is sent only to its own issuer's server, since another server
    /// would see a token that was not issued for it. Some servers also spell the issuer of older
    /// tokens differently from their metadata.
    pub fn allow_subjects_of<I>(mut self, issuer: I) -> Self
    where
        I: TryInto<Issuer, Error: Into<ConfigError>>,
    {
        match issuer.try_into() {
            Ok(issuer) => self.settings.subject_issuers.push(issuer),
            Err(error) => {
                let error: ConfigError = error.into();
                self.mistake.get_or_insert(error.at("allow_subjects_of"));
            }
        }
        self
    }

    /// Sends an `actor_token` of this source with each exchange, for servers that do not infer the
    /// actor.
    pub fn actor(mut self, actor: ActorSource) -> Self {
        self.settings.actor = Some(actor);
        self
    }

    /// Binds tokens to the certificate of this service (RFC 8705 section 3), so that a stolen token
    /// is of no use without its key.
    ///
    /// `thumbprint` returns the SHA-256 of the current certificate's DER. It is called for each
    /// request, so it should read a value in memory. The connections to the server and to the
    /// called services must use that certificate. Requests go to the server's endpoints for mutual
    /// TLS, if its metadata lists them (`mtls_endpoint_aliases`).
    ///
    /// A token that is not bound to the certificate is refused: there is no fallback to a plain
    /// token. An opaque token does not show its binding, so it is refused too, unless
    /// [`introspect_issued`](Self::introspect_issued) checks it. Tokens are cached per certificate,
    /// so a renewed one gets new tokens.
    ///
    /// ```
    /// use std::sync::{Arc, RwLock};
    ///
    /// # use obo::exchange::TokenExchangeBuilder;
    /// # fn example(exchange: TokenExchangeBuilder, first: [u8; 32]) -> TokenExchangeBuilder {
    /// // The code that renews the certificate writes its thumbprint here.
    /// let present = Arc::new(RwLock::new(first));
    /// exchange.bound_to_certificate(move || match present.read() {
    ///     Ok(thumbprint) => *thumbprint,
    ///     Err(poisoned) => *poisoned.into_inner(),
    /// })
    /// # }
    /// ```
    pub fn bound_to_certificate(
        mut self,
        thumbprint: impl Fn() -> [u8; 32] + Send + Sync + 'static,
    ) -> Self {
        self.settings.certificate = Some(Closure(Arc::new(thumbprint)));
        self
    }

    /// Binds the tokens of destinations with [`bind_dpop`](crate::Destination::bind_dpop) to this
    /// key (DPoP, RFC 9449), so that a stolen token is of no use without it.
    ///
    /// The key is a [`DpopKey`], or a `ProofKey` of `obo-core`. Each request for such a token has a
    /// proof of the key. A token that is not bound to it is refused: there is no fallback to a
    /// bearer token. Each call with the token has a proof of its own. Nonces that servers demand
    /// are kept per origin; a request is sent once more with a new nonce.
    ///
    /// ```
    /// use obo::client::DpopKey;
    /// use obo::policy::Algorithm;
    /// use obo::{Client, ConfigError, Destination, PrivateKeyJwt, TokenExchange};
    /// use obo::on_behalf_of::OnBehalfOfLayer;
    ///
    /// fn stock() -> Result<OnBehalfOfLayer, ConfigError> {
    ///     let key = PrivateKeyJwt::from_file(Algorithm::Es256, "service-a.pem", Some("key-1"));
    ///     let client = Client::new("service-a", key);
    ///     let exchange = TokenExchange::builder("https://idp.example.com/realms/corp", client)
    ///         .dpop(DpopKey::from_file(Algorithm::Es256, "dpop.pem"))
    ///         .build()?;
    ///
    ///     let stock = Destination::new("https://stock.corp.example", "service-b")?;
    ///     exchange.to_destination(stock.bind_dpop())
    /// }
    /// ```
    pub fn dpop(mut self, key: impl Into<DpopKey>) -> Self {
        self.settings.dpop = Some(key.into());
        self
    }

    /// Introspects each issued token that is not a JWT (RFC 7662) as this client before it is used.
    /// The token must be active and name the target in `aud`. If the response has `sub`, it must be
    /// the caller's, unless the dialect's subjects are pairwise.
    ///
    /// Nothing else checks the audience of an opaque token: a server that ignores the requested
    /// audience issues a token for another service, and that token would be sent to the
    /// destination. It costs one more request per exchange, none for a cached token. The server
    /// must let this client introspect such tokens and must return `aud`.
    pub fn introspect_issued(mut self) -> Self {
        self.settings.introspects_issued = true;
        self
    }

    /// Believes without a check that each opaque token is bound to the certificate, for a server
    /// that lets this client introspect none of them. If the server does not bind them, they work
    /// for each thief.
    pub fn danger_unchecked_binding(mut self) -> Self {
        self.settings.trusts_binding = true;
        self
    }

    /// Uses another clock than that of the system.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.settings.clock = clock.into();
        self
    }

    /// Sets the bounds of the cache.
    pub fn cache(mut self, bounds: CacheBounds) -> Self {
        self.settings.cache = bounds;
        self
    }

    /// The longest time for an exchange with all its attempts. By default 10 s; from 1 s to 60 s.
    ///
    /// A caller that waits for less time or is dropped does not affect the others.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// The most exchanges under way at the same time, 1,024 by default; the next one fails as
    /// `Overloaded`.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.settings.concurrency = most;
        self
    }

    /// Shares exchanged tokens with the other replicas of this service, and refuses callers that a
    /// logout at any replica has revoked.
    ///
    /// Tokens of the service itself are not shared. The replicas must have the same settings.
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.settings.fleet = Some(fleet);
        self
    }

    /// Sets how audit records of this exchange name users and tokens.
    ///
    /// By default they name them as the [`ResourceServer`](crate::ResourceServer) of the caller's
    /// token does, and calls without a caller have digests by a key that is random for each
    /// process.
    pub fn audit_subjects(mut self, subjects: AuditSubjects) -> Self {
        self.settings.audit_subjects = Some(subjects);
        self
    }

    /// Builds the exchange, with a cache of its own.
    ///
    /// # Errors
    ///
    /// Fails if a setting is wrong, and names it. The server's issuer and the client's credentials
    /// are checked too: a file of credentials must be usable now.
    pub fn build(self) -> Result<TokenExchange, ConfigError> {
        let (server, settings) = (self.server?, self.settings);
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        settings.client.check()?;
        settings.dpop.as_ref().map_or(Ok(()), DpopKey::check)?;
        let cache = settings.cache.check();
        cache.map_err(|error| error.within("cache"))?;
        let deadline = settings.deadline;
        if !(SHORTEST_DEADLINE..=LONGEST_DEADLINE).contains(&deadline) {
            let problem = format!("{deadline:?} is not between 1 s and 60 s");
            return Err(ConfigError::new("deadline", problem));
        }
        if settings.concurrency == 0 {
            let problem = "is 0, so nothing could be exchanged";
            return Err(ConfigError::new("concurrency", problem));
        }
        Ok(TokenExchange(Engine::new(server, settings)))
    }
}
