use std::time::Duration;

use obo_core::{Algorithm, Audience, ConfigError, Policy, PolicyBuilder, Profile};
use serde::de::DeserializeOwned;

use crate::idp::jwks::KeyRefresh;
use crate::idp::server::AuthorizationServer;
use crate::inbound::introspection::Introspection;

/// An issuer whose tokens a [`ResourceServer`](crate::ResourceServer) accepts, and the policy for
/// them.
///
/// By default it accepts RFC 9068 access tokens for the resource server's audience, and validates
/// them by the issuer's keys, which are fetched when they are needed first. The first mistake is
/// kept, and returned by
/// [`ResourceServerBuilder::build`](crate::resource_server::ResourceServerBuilder::build).
///
/// ```
/// use std::time::Duration;
/// use obo::{Profile, ResourceServer, Trust};
///
/// let corp = Trust::new("https://idp.example.com/realms/corp")
///     .profile(Profile::LENIENT)
///     .leeway(Duration::from_secs(30));
/// let server = ResourceServer::builder("service-a")
///     .trust(corp)
///     .trust("https://login.partner.example")
///     .build()?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Trust(Result<Parts, ConfigError>);

/// The settings of a [`Trust`] without a mistake.
#[derive(Clone, Debug)]
pub(crate) struct Parts {
    policy: PolicyBuilder,
    pub(crate) server: AuthorizationServer,
    pub(crate) key_refresh: KeyRefresh,
    pub(crate) introspection: Option<Introspection>,
    pub(crate) is_eager: bool,
    pub(crate) requires_bound: bool,
}

impl Trust {
    /// Trusts this authorization server: the literal of an issuer, an [`Issuer`](crate::Issuer), or
    /// an [`AuthorizationServer`].
    pub fn new<S>(server: S) -> Self
    where
        S: TryInto<AuthorizationServer, Error: Into<ConfigError>>,
    {
        let server = server.try_into().map_err(Into::into);
        Self(server.map(|server| Parts {
            policy: Policy::builder(server.issuer().clone()),
            server,
            key_refresh: KeyRefresh::new(),
            introspection: None,
            is_eager: false,
            requires_bound: false,
        }))
    }

    /// Accepts tokens with this audience, a literal or an [`Audience`], instead of the resource
    /// server's audiences.
    ///
    /// Each call adds an alternative. Audiences are compared exactly.
    pub fn audience<A>(self, audience: A) -> Self
    where
        A: TryInto<Audience, Error: Into<ConfigError>>,
    {
        self.with_builder(|policy| policy.audience(audience))
    }

    /// Expects another profile than RFC 9068: where the claims of this issuer are, and which are
    /// required.
    pub fn profile(self, profile: Profile) -> Self {
        self.with_builder(|policy| policy.profile(profile))
    }

    /// Allows only these signature algorithms, as [`PolicyBuilder::algorithms`].
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.with_builder(|policy| policy.algorithms(algorithms))
    }

    /// Allows clocks to differ by `leeway`: 60 s by default, at most 5 min.
    pub fn leeway(self, leeway: Duration) -> Self {
        self.with_builder(|policy| policy.leeway(leeway))
    }

    /// Rejects tokens that were issued longer ago than `age`, whatever their `exp`, as
    /// [`PolicyBuilder::max_token_age`].
    pub fn max_token_age(self, age: Duration) -> Self {
        self.with_builder(|policy| policy.max_token_age(age))
    }

    /// Deserializes the payload into `C` too. A token whose claims do not fit is rejected.
    pub fn claims<C: DeserializeOwned + Send + Sync + 'static>(self) -> Self {
        self.with_builder(PolicyBuilder::claims::<C>)
    }

    /// Replaces the settings so far by this policy, audiences included.
    pub fn policy(self, policy: Policy) -> Self {
        self.with_builder(|_| policy.into())
    }

    /// Sets how often the issuer's keys are fetched, instead of [`KeyRefresh::new`].
    ///
    /// ```
    /// use std::time::Duration;
    /// use obo::authorization_server::KeyRefresh;
    /// use obo::{ResourceServer, Trust};
    ///
    /// let refresh = KeyRefresh::new().max_age(Duration::from_secs(600));
    /// let idp = Trust::new("https://idp.example.com").key_refresh(refresh);
    /// let server = ResourceServer::builder("service-a").trust(idp).build()?;
    /// # Ok::<(), obo::ConfigError>(())
    /// ```
    pub fn key_refresh(self, key_refresh: KeyRefresh) -> Self {
        self.and_then(|parts| {
            parts.key_refresh = key_refresh.checked()?;
            Ok(())
        })
    }

    /// Requires this issuer's keys at startup:
    /// [`ResourceServer::start`](crate::ResourceServer::start) fetches them, and fails if it
    /// cannot. By default they are fetched when they are needed first.
    pub fn eager(self) -> Self {
        self.and_then(|parts| {
            parts.is_eager = true;
            Ok(())
        })
    }

    /// Refuses tokens of this issuer that are not bound to a key or certificate.
    ///
    /// The resource server must [accept bound
    /// tokens](crate::resource_server::ResourceServerBuilder::bound_tokens), or all tokens of the
    /// issuer are refused.
    pub fn require_bound(self) -> Self {
        self.and_then(|parts| {
            parts.requires_bound = true;
            Ok(())
        })
    }

    /// Introspects the issuer's tokens (RFC 7662). The claims of the response are validated like
    /// those of a JWT, by the same profile, and become the same [`Caller`](crate::Caller).
    ///
    /// An opaque token names no issuer. So at most one issuer of a resource server introspects
    /// opaque tokens, and it gets every token that names no issuer. A JWT is introspected only at
    /// the issuer that it names, and not at all if that one is not trusted. [`Introspection`]
    /// selects which tokens are introspected.
    ///
    /// ```
    /// use obo::{Client, ClientSecretBasic, Introspection, ResourceServer, Secret, Trust};
    ///
    /// # fn of(secret: Secret) -> Result<ResourceServer, obo::ConfigError> {
    /// let client = Client::new("service-a", ClientSecretBasic::new(secret));
    /// let idp = Trust::new("https://idp.example.com").introspect(Introspection::new(client));
    /// let server = ResourceServer::builder("service-a").trust(idp).build()?;
    /// # Ok(server)
    /// # }
    /// ```
    pub fn introspect(self, introspection: Introspection) -> Self {
        self.and_then(|parts| {
            let checked = introspection.checked();
            parts.introspection = Some(checked.map_err(|error| error.within("introspection"))?);
            Ok(())
        })
    }

    /// Returns the policy and the parts for a resource server with these audiences, or the first
    /// mistake.
    pub(crate) fn checked(self, audiences: &[Audience]) -> Result<(Policy, Parts), ConfigError> {
        let parts = self.0?;
        let mut policy = parts.policy.clone();
        if !policy.has_audience() {
            policy = audiences
                .iter()
                .cloned()
                .fold(policy, PolicyBuilder::audience);
        }
        let (policy, issuer) = (policy.build()?, parts.server.issuer());
        if policy.issuer() != issuer {
            let problem = format!(
                "the policy is for {}, the authorization server is {issuer}",
                policy.issuer(),
            );
            return Err(ConfigError::new("issuer", problem));
        }
        Ok((policy, parts))
    }

    fn with_builder(self, set: impl FnOnce(PolicyBuilder) -> PolicyBuilder) -> Self {
        self.and_then(|parts| {
            parts.policy = set(parts.policy.clone());
            parts.policy.mistake().map_or(Ok(()), Err)
        })
    }

    fn and_then(self, set: impl FnOnce(&mut Parts) -> Result<(), ConfigError>) -> Self {
        Self(self.0.and_then(|mut parts| {
            set(&mut parts)?;
            Ok(parts)
        }))
    }
}

impl From<AuthorizationServer> for Trust {
    fn from(server: AuthorizationServer) -> Self {
        Self::new(server)
    }
}

#[cfg(feature = "default-client")]
impl From<obo_core::Issuer> for Trust {
    fn from(issuer: obo_core::Issuer) -> Self {
        Self::new(issuer)
    }
}

#[cfg(feature = "default-client")]
impl From<&str> for Trust {
    /// As [`new`](Self::new). If the text is not an issuer, the resource server's builder returns
    /// the mistake.
    fn from(issuer: &str) -> Self {
        Self::new(issuer)
    }
}
