use std::sync::Arc;

use obo_core::{Audience, ConfigError};

use super::{Inner, ResourceServer};
use crate::clock::Clock;
use crate::inbound::introspection::{Forgotten, Shared};
use crate::inbound::trust::Trust;
use crate::inbound::verified_tokens::VerifiedTokens;

/// Makes a [`ResourceServer`]; keeps the first mistake, which [`build`](Self::build) returns.
#[derive(Clone, Debug)]
#[must_use]
pub struct ResourceServerBuilder {
    audiences: Result<Vec<Audience>, ConfigError>,
    trust: Vec<Trust>,
    clock: Clock,
    token_cache_bytes: u64,
}

impl ResourceServer {
    /// Starts a resource server that tokens are addressed to as `audience`, a literal or an [`Audience`].
    ///
    /// It requires at least one issuer to [`trust`](ResourceServerBuilder::trust).
    pub fn builder<A>(audience: A) -> ResourceServerBuilder
    where
        A: TryInto<Audience, Error: Into<ConfigError>>,
    {
        let builder = ResourceServerBuilder {
            audiences: Ok(Vec::new()),
            trust: Vec::new(),
            clock: Clock::system(),
            token_cache_bytes: 64 * 1024 * 1024,
        };
        builder.audience(audience)
    }
}

impl ResourceServerBuilder {
    /// Accepts tokens addressed to `audience` too, as an alternative to the others.
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

    /// Accepts tokens of this issuer: the literal of an issuer, an [`Issuer`](crate::Issuer), an
    /// [`AuthorizationServer`](crate::AuthorizationServer), or a [`Trust`] with settings. May be called for several.
    pub fn trust(mut self, trust: impl Into<Trust>) -> Self {
        self.trust.push(trust.into());
        self
    }

    /// Reads the time from another clock than the system's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// The memory for verified tokens, in bytes: 64 MiB by default; with zero, every token is verified each time.
    ///
    /// A token that was verified is cached until it expires, its issuer publishes other keys, or the introspection
    /// response about it is too old. An entry counts as 768 bytes, the token and the JSON that its claims were read from;
    /// what claims of a type of the service's own take beyond that JSON comes on top.
    pub fn token_cache_bytes(mut self, bytes: u64) -> Self {
        self.token_cache_bytes = bytes;
        self
    }

    /// The resource server. Nothing is fetched yet: [`ResourceServer::start`] fetches the keys of eager issuers.
    ///
    /// # Errors
    ///
    /// The first mistake: of an audience (`audience`), or of an issuer by its place, such as `trust[1].leeway`. Also if no
    /// issuer is trusted, one is trusted twice, or two are asked about opaque tokens.
    pub fn build(self) -> Result<ResourceServer, ConfigError> {
        let audiences = self.audiences?;
        let verified = match self.token_cache_bytes {
            0 => None,
            bytes => Some(Arc::new(VerifiedTokens::new(bytes))),
        };
        let shared = Shared {
            clock: self.clock,
            verified,
            forgotten: Forgotten::new(),
        };
        let mut inner = Inner {
            trusted: Vec::new(),
            shared,
        };
        for (i, trust) in self.trust.into_iter().enumerate() {
            let trusted = trust.checked(&audiences);
            trusted
                .and_then(|(policy, parts)| inner.add(policy, parts))
                .map_err(|error| error.within(&format!("trust[{i}]")))?;
        }
        if inner.trusted.is_empty() {
            let problem = "there is none, so that no token could pass; name at least one issuer";
            return Err(ConfigError::new("trust", problem));
        }
        Ok(ResourceServer(Arc::new(inner)))
    }
}
