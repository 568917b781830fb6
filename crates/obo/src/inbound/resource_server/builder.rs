use std::sync::Arc;

use obo_core::{Audience, AuditSubjects, ConfigError};

use super::{Inner, ResourceServer};
use crate::clock::Clock;
use crate::fleet::Fleet;
use crate::inbound::bound_tokens::{BoundCheck, BoundTokens};
use crate::inbound::introspection::{Forgotten, Shared};
use crate::inbound::trust::Trust;
use crate::inbound::verified_tokens::VerifiedTokens;

/// Builds a [`ResourceServer`]. Keeps the first mistake, which [`build`](Self::build) returns.
#[derive(Clone, Debug)]
#[must_use]
pub struct ResourceServerBuilder {
    audiences: Result<Vec<Audience>, ConfigError>,
    trust: Vec<Trust>,
    clock: Clock,
    token_cache_bytes: u64,
    audit_subjects: AuditSubjects,
    fleet: Option<Fleet>,
    bound: Option<BoundTokens>,
}

impl ResourceServer {
    /// Starts a resource server whose tokens have `audience` in their `aud`: a literal or an
    /// [`Audience`].
    ///
    /// It requires at least one [trusted issuer](ResourceServerBuilder::trust).
    pub fn builder<A>(audience: A) -> ResourceServerBuilder
    where
        A: TryInto<Audience, Error: Into<ConfigError>>,
    {
        let builder = ResourceServerBuilder {
            audiences: Ok(Vec::new()),
            trust: Vec::new(),
            clock: Clock::system(),
            token_cache_bytes: 64 * 1024 * 1024,
            audit_subjects: AuditSubjects::default(),
            fleet: None,
            bound: None,
        };
        builder.audience(audience)
    }
}

impl ResourceServerBuilder {
    /// Accepts `audience` as an alternative to the other audiences.
    pub fn audience<A>(mut self, audience: A) -> Self
    where
        A: TryInto<Audience, Error: Into<ConfigError>>,
    {
        self.audiences = self.audiences.and_then(|mut audiences| {
            audiences.push(audience.try_into().map_err(Into::into)?);
            Ok(audiences)
        });
        self
    }

    /// Accepts tokens of this issuer: a literal, an [`Issuer`](crate::Issuer), an
    /// [`AuthorizationServer`](crate::AuthorizationServer), or a [`Trust`] with settings. Call it
    /// once for each issuer.
    pub fn trust(mut self, trust: impl Into<Trust>) -> Self {
        self.trust.push(trust.into());
        self
    }

    /// Uses another wall clock than the system's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Sets how audit records name users and tokens. By default the pseudonyms are of a key that is
    /// random for each process.
    ///
    /// Records of several replicas or services can be joined by subject only if they share one key.
    /// Give the [exchange](crate::exchange::TokenExchangeBuilder::audit_subjects) the same value.
    ///
    /// ```
    /// use obo::ResourceServer;
    /// use obo::audit::{AuditSubjects, PseudonymKey};
    ///
    /// # fn of(key: &str) -> Result<ResourceServer, obo::ConfigError> {
    /// // `key` was read from a file, once.
    /// let server = ResourceServer::builder("service-a")
    ///     .trust("https://idp.example.com/realms/corp")
    ///     .audit_subjects(AuditSubjects::keyed(PseudonymKey::parse(key)?))
    ///     .build()?;
    /// # Ok(server)
    /// # }
    /// ```
    pub fn audit_subjects(mut self, subjects: AuditSubjects) -> Self {
        self.audit_subjects = subjects;
        self
    }

    /// Refuses tokens that a logout at any replica has revoked, and shares introspection responses
    /// with the other replicas.
    ///
    /// Give the [exchange](crate::exchange::TokenExchangeBuilder::fleet) the same fleet.
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.fleet = Some(fleet);
        self
    }

    /// Accepts tokens that are bound to a key or certificate, and checks the binding. By default
    /// they are refused.
    ///
    /// Used proofs are recorded by the [fleet](Self::fleet), or else by this process alone.
    pub fn bound_tokens(mut self, tokens: BoundTokens) -> Self {
        self.bound = Some(tokens);
        self
    }

    /// Sets the size of the cache of verified tokens, in bytes: 64 MiB by default. With zero, every
    /// token is verified each time.
    ///
    /// A verified token is cached until it expires, its issuer publishes other keys, or its
    /// introspection response is too old. An entry counts as 768 bytes plus the token and the JSON
    /// that its claims were read from. The memory of typed claims beyond that JSON is not counted.
    pub fn token_cache_bytes(mut self, bytes: u64) -> Self {
        self.token_cache_bytes = bytes;
        self
    }

    /// Builds the resource server, without I/O: [`ResourceServer::start`] fetches the keys of eager
    /// issuers.
    ///
    /// # Errors
    ///
    /// Returns the first mistake: of an audience (`audience`), or of an issuer with its index, such
    /// as `trust[1].leeway`. Also fails if no issuer is trusted, one is trusted twice, or two
    /// introspect opaque tokens.
    pub fn build(self) -> Result<ResourceServer, ConfigError> {
        let (audiences, subjects) = (self.audiences?, self.audit_subjects);
        let verified = match self.token_cache_bytes {
            0 => None,
            bytes => Some(Arc::new(VerifiedTokens::new(bytes))),
        };
        let fleet = self.fleet.clone();
        let bound = self.bound.map(|tokens| BoundCheck::new(tokens, fleet));
        let bound = bound.transpose();
        let bound = bound.map_err(|error| error.within("bound_tokens"))?;
        let checks = bound.as_ref().map(BoundCheck::checks).unwrap_or_default();
        let shared = Shared {
            clock: self.clock,
            verified,
            forgotten: Forgotten::new(),
            fleet: self.fleet,
        };
        let mut inner = Inner {
            trusted: Vec::new(),
            shared,
            bound,
            demands_bound: false,
        };
        for (i, trust) in self.trust.into_iter().enumerate() {
            let trusted = trust.checked(&audiences);
            trusted
                .and_then(|(policy, parts)| {
                    let policy = policy.with_audit_subjects(subjects.clone());
                    inner.add(policy.with_binding_checks(checks), parts)
                })
                .map_err(|error| error.within(&format!("trust[{i}]")))?;
        }
        if inner.trusted.is_empty() {
            let problem = "is empty, so no token could pass; trust at least one issuer";
            return Err(ConfigError::new("trust", problem));
        }
        Ok(ResourceServer(Arc::new(inner)))
    }
}
