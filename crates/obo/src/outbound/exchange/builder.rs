use std::sync::Arc;
use std::time::Duration;

use obo_core::dialect::{Dialect, Rfc8693};
use obo_core::{ConfigError, Issuer};

use super::TokenExchange;
use super::actor::ActorSource;
use super::bounds::CacheBounds;
use super::engine::Engine;
use super::wanted::Wanted;
use crate::clock::Clock;
use crate::idp::client_auth::{Client, Closure};
use crate::idp::server::AuthorizationServer;

const SHORTEST_DEADLINE: Duration = Duration::from_secs(1);
const LONGEST_DEADLINE: Duration = Duration::from_secs(60);

/// Configures a [`TokenExchange`]; [`build`](Self::build) says what is wrong.
#[derive(Clone, Debug)]
#[must_use]
pub struct TokenExchangeBuilder {
    server: Result<AuthorizationServer, ConfigError>,
    settings: Settings,
    /// The first mistake besides the server's.
    mistake: Option<ConfigError>,
}

/// How tokens are exchanged, whatever the server is.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) client: Client,
    pub(super) dialect: Arc<dyn Dialect>,
    pub(super) clock: Clock,
    /// From the look for the endpoint to the read response, all attempts together.
    pub(super) deadline: Duration,
    /// The issuers besides the server's own whose tokens may be sent to it.
    pub(super) subject_issuers: Vec<Issuer>,
    pub(super) actor: Option<ActorSource>,
    /// Gives the thumbprint of the client's certificate at present, where tokens are bound to it.
    pub(super) certificate: Option<Closure<dyn Fn() -> [u8; 32] + Send + Sync>>,
    /// Whether an opaque token is introspected before it is used.
    pub(super) introspects_issued: bool,
    pub(super) cache: CacheBounds,
    /// The most exchanges under way at the same time.
    pub(super) concurrency: usize,
}

impl Settings {
    pub(super) fn dialect_of<'a>(&'a self, wanted: &'a Wanted) -> &'a dyn Dialect {
        wanted.dialect.as_deref().unwrap_or(&*self.dialect)
    }
}

impl TokenExchange {
    /// Exchanges at `server` as `client`, by RFC 8693 unless another [dialect](TokenExchangeBuilder::dialect) is set.
    ///
    /// The server is an [`AuthorizationServer`], or its issuer as an [`Issuer`] or a literal.
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
                introspects_issued: false,
                cache: CacheBounds::new(),
                concurrency: 1024,
            },
            mistake: None,
        }
    }
}

impl TokenExchangeBuilder {
    /// Asks in another dialect than RFC 8693's, except for destinations with a
    /// [dialect](crate::Destination::dialect) of their own.
    pub fn dialect(mut self, dialect: impl Dialect) -> Self {
        self.settings.dialect = Arc::new(dialect);
        self
    }

    /// Also exchanges the tokens of another issuer at this server, which has to trust it.
    ///
    /// By default a caller's token goes to the server of its own issuer only: any other server would see a token that was
    /// not issued for it. Some servers spell the issuer of their older tokens in another way than their metadata.
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

    /// Names the acting service by this token in each exchange, where the server does not infer it.
    pub fn actor(mut self, actor: ActorSource) -> Self {
        self.settings.actor = Some(actor);
        self
    }

    /// Keeps tokens apart by the certificate that this client has when they are asked for, where the server binds them to
    /// it (RFC 8705 section 3): one that was bound to another certificate is not used, and a new one is fetched.
    ///
    /// `thumbprint` gives the SHA-256 of the present certificate's DER. Each call asks for it, so let it read a value in
    /// memory. The connections, to the server and to the called services, have to be made with that certificate: it cannot
    /// be seen from here. Nor is it checked that the server bound the token.
    ///
    /// ```
    /// use std::sync::{Arc, RwLock};
    ///
    /// # fn example(exchange: obo::exchange::TokenExchangeBuilder, first: [u8; 32]) -> obo::exchange::TokenExchangeBuilder {
    /// // What renews the certificate of the connections writes its thumbprint here.
    /// let present = Arc::new(RwLock::new(first));
    /// exchange.bound_to_certificate(move || *present.read().unwrap_or_else(|poisoned| poisoned.into_inner()))
    /// # }
    /// ```
    pub fn bound_to_certificate(
        mut self,
        thumbprint: impl Fn() -> [u8; 32] + Send + Sync + 'static,
    ) -> Self {
        self.settings.certificate = Some(Closure(Arc::new(thumbprint)));
        self
    }

    /// Introspects each issued token that is not a JWT (RFC 7662), as this client, before it is used: it must be active and
    /// name the target in `aud`. If the response has `sub`, it must be the caller's, unless the dialect's subjects are
    /// pairwise.
    ///
    /// Nothing else checks for whom an opaque token is: a server that ignores the parameter by which it was asked issues a
    /// token for another service, which would be sent to this one. It costs one more request for each exchange, none for a
    /// cached token. The server has to let this client introspect tokens of others, and tell it `aud`.
    pub fn introspect_issued(mut self) -> Self {
        self.settings.introspects_issued = true;
        self
    }

    /// Takes the time from another clock than the system's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.settings.clock = clock.into();
        self
    }

    /// Caches more or less, or for longer or shorter.
    pub fn cache(mut self, bounds: CacheBounds) -> Self {
        self.settings.cache = bounds;
        self
    }

    /// Gives an exchange up after this long, all its attempts together; 10 s by default, from 1 s to 60 s.
    ///
    /// Callers who wait for less, or who go away, change nothing for the others.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How many exchanges may be under way at the same time, 1,024 by default; the next one fails as `Overloaded`.
    pub fn concurrency(mut self, most: usize) -> Self {
        self.settings.concurrency = most;
        self
    }

    /// The exchange, with a cache of its own.
    ///
    /// # Errors
    ///
    /// Fails if a setting is wrong, and names it. The server's issuer and the client's credentials are checked too: a
    /// file of them has to be usable now.
    pub fn build(self) -> Result<TokenExchange, ConfigError> {
        let (server, settings) = (self.server?, self.settings);
        if let Some(mistake) = self.mistake {
            return Err(mistake);
        }
        settings.client.check()?;
        let cache = settings.cache.check();
        cache.map_err(|error| error.within("cache"))?;
        let deadline = settings.deadline;
        if !(SHORTEST_DEADLINE..=LONGEST_DEADLINE).contains(&deadline) {
            let problem = format!("{deadline:?} is not between 1 s and 60 s");
            return Err(ConfigError::new("deadline", problem));
        }
        if settings.concurrency == 0 {
            let problem = "is 0: nothing would be exchanged";
            return Err(ConfigError::new("concurrency", problem));
        }
        Ok(TokenExchange(Engine::new(server, settings)))
    }
}
