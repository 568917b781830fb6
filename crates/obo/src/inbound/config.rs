//! The inbound side as a configuration file spells it.

use std::borrow::Cow;
use std::time::Duration;

use obo_core::metadata::ServerMetadata;
use obo_core::{Algorithm, Audience, ConfigError, Issuer, Profile};
use serde::{Deserialize, Deserializer};

use crate::idp::client_auth::Client;
use crate::idp::http::HttpService;
use crate::idp::jwks::KeyRefresh;
use crate::idp::server::AuthorizationServer;
use crate::inbound::introspection::IntrospectionConfig;
use crate::inbound::resource_server::{ResourceServer, ResourceServerBuilder};
use crate::inbound::trust::Trust;

/// A [`ResourceServer`] as TOML, YAML or any other format that serde reads.
///
/// | key | meaning |
/// | --- | --- |
/// | `audiences` | the identifiers of this service, one of which a token must carry in `aud` |
/// | `issuers` | whom it trusts: a list of the following |
/// | `issuers.issuer` | the issuer identifier, exactly as tokens carry it in `iss`; plain `http` beyond loopback is written `{ danger_http = "http://…" }`, as [`Issuer::danger_http`] |
/// | `issuers.profile` | the kind of tokens it sends, by [`Profile::named`]; without it RFC 9068 |
/// | `issuers.client_is_actor`, `scope_text_or_array`, `allow_actor_without_subject` | `true`: as the methods of [`Profile`] of these names, on top of `profile` |
/// | `issuers.audiences` | instead of the service's `audiences`, for this issuer alone |
/// | `issuers.algorithms` | the accepted signature algorithms; without it all that this crate knows |
/// | `issuers.leeway` | how far clocks may differ, such as `"60s"` |
/// | `issuers.max_token_age` | how long after its `iat` a token is accepted at most, whatever its `exp` |
/// | `issuers.jwks_uri` | where the keys are, for an issuer without a discovery document |
/// | `issuers.lazy` | `false`: [`ResourceServer::start`] fetches its keys, and fails without; else at first need |
/// | `issuers.cooldown`, `max_age`, `stale_if_error` | when keys are fetched, as [`KeyRefresh`] |
/// | `issuers.introspection` | the issuer is asked about its tokens, as [`Trust::introspect`](crate::Trust::introspect) says: |
/// | `… .client` | who this service is to the issuer, a [`ClientConfig`](crate::client::ClientConfig); without it as [`client`](Self::client) says |
/// | `… .for` | `"all_tokens"`, or as [`Introspection`](crate::Introspection) describes `"opaque_tokens"` and `"revocation"` |
/// | `… .endpoint`, `max_age`, `concurrency`, `signed`, `accepts_missing_audience`, `accepts_missing_expiry`, `accepts_missing_subject` | its methods `endpoint`, `max_age`, `concurrency`, `require_signed`, `allow_missing_audience` and so on |
///
/// Other keys are refused. A value that is wrong by itself is an error of the file's reader, which knows the place; one
/// that does not go with another is a [`ConfigError`] that names the field by its path.
///
/// ```
/// # use obo::config::ResourceServerConfig;
/// let config: ResourceServerConfig = toml::from_str(r#"
///     audiences = ["https://api.example.com/orders"]
///     issuers = [
///         { issuer = "https://idp.example.com/realms/corp", lazy = false },
///         { issuer = "https://login.example.org", profile = "lenient", leeway = "30s" },
///         { issuer = "https://opaque.example.net", introspection = { max_age = "30s", client.id = "orders", client.tls_client_auth = true } },
///     ]
/// "#)?;
/// let server = config.build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceServerConfig {
    audiences: Vec<Audience>,
    issuers: Vec<IssuerConfig>,
    #[serde(skip)]
    client: Option<Client>,
    #[serde(skip)]
    clients: Vec<(Issuer, Client)>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerConfig {
    issuer: Issuer,
    profile: Option<Profile>,
    #[serde(default)]
    client_is_actor: bool,
    #[serde(default)]
    scope_text_or_array: bool,
    #[serde(default)]
    allow_actor_without_subject: bool,
    audiences: Option<Vec<Audience>>,
    algorithms: Option<Vec<Algorithm>>,
    leeway: Option<Span>,
    max_token_age: Option<Span>,
    jwks_uri: Option<String>,
    #[serde(default = "lazy")]
    lazy: bool,
    cooldown: Option<Span>,
    max_age: Option<Span>,
    stale_if_error: Option<Span>,
    introspection: Option<IntrospectionConfig>,
}

fn lazy() -> bool {
    true
}

impl ResourceServerConfig {
    /// Asks as this client where an issuer's `introspection` names none: such as the one that exchanges there too. That is
    /// one issuer at most, since a client is known to one, and its secret is nothing for any other.
    #[must_use]
    pub fn client(mut self, client: Client) -> Self {
        self.client = Some(client);
        self
    }

    /// Asks this issuer, and no other, as this client where its `introspection` names none. A client is registered at one
    /// authorization server, and its secret is never sent to another.
    #[must_use]
    pub fn client_at(mut self, issuer: Issuer, client: Client) -> Self {
        self.clients.push((issuer, client));
        self
    }

    /// The resource server, with the default client. Nothing is fetched yet, also of issuers that are not lazy:
    /// [`ResourceServer::start`] does it.
    ///
    /// # Errors
    ///
    /// What does not go together, such as two entries of one issuer; the field is a path like `issuers[1].leeway`.
    #[cfg(feature = "default-client")]
    pub fn build(self) -> Result<ResourceServer, ConfigError> {
        self.build_with(&HttpService::default_client())
    }

    /// The resource server, with keys fetched through `http`.
    ///
    /// # Errors
    ///
    /// As those of the build with the default client.
    pub fn build_with(self, http: &HttpService) -> Result<ResourceServer, ConfigError> {
        let mut server: Option<ResourceServerBuilder> = None;
        let mut client = self.client.as_ref();
        for (i, mut issuer) in self.issuers.into_iter().enumerate() {
            let place = format!("issuers[{i}]");
            let asked = issuer.introspection.take();
            let asked = asked.map(|asked| {
                let mut known = self.clients.iter();
                let known = known.find(|(at, _)| *at == issuer.issuer);
                let known = match (asked.names_client(), known) {
                    (true, _) => None,
                    (false, Some((_, client))) => Some(client),
                    (false, None) => client.take(),
                };
                asked.build(&issuer.issuer, known)
            });
            let asked = asked
                .transpose()
                .map_err(|error| error.within("introspection").within(&place))?;
            let (audience, mut trust) = issuer
                .trust(&self.audiences, http)
                .map_err(|error| error.within(&place))?;
            if let Some(asked) = asked {
                trust = trust.introspect(asked);
            }
            let first = || ResourceServer::builder(audience);
            server = Some(server.unwrap_or_else(first).trust(trust));
        }
        let server = server.ok_or_else(|| {
            let problem = "there are none, so that no token could pass; name at least one";
            ConfigError::new("issuers", problem)
        })?;
        server.build().map_err(|error| {
            let field = error.field().replacen("trust", "issuers", 1);
            let field = field.replace("allow_missing", "accepts_missing");
            error.at(field)
        })
    }
}

impl IssuerConfig {
    /// The first of its audiences, and all else.
    fn trust(
        self,
        audiences: &[Audience],
        http: &HttpService,
    ) -> Result<(Audience, Trust), ConfigError> {
        let own = self.audiences.as_deref().unwrap_or(audiences);
        let first = own.first().ok_or_else(|| {
            let problem = "there are none; name what tokens for this service carry in `aud`";
            ConfigError::new("audiences", problem)
        })?;
        let is_plain_http = self.issuer.is_plain_http();
        let mut server = AuthorizationServer::builder(self.issuer).with_http(http.clone());
        if let Some(uri) = &self.jwks_uri {
            server = server.with_metadata(match is_plain_http {
                true => ServerMetadata::danger_http(Some(uri), None)?,
                false => ServerMetadata::new(Some(uri), None)?,
            });
        }
        let trust = Trust::new(server.build()?);
        let mut trust = own.iter().cloned().fold(trust, Trust::audience);
        let mut profile = self.profile.unwrap_or(Profile::RFC9068);
        if self.client_is_actor {
            profile = profile.client_is_actor();
        }
        if self.scope_text_or_array {
            profile = profile.scope_text_or_array();
        }
        if self.allow_actor_without_subject {
            profile = profile.allow_actor_without_subject();
        }
        trust = trust.profile(profile);
        if let Some(algorithms) = self.algorithms {
            trust = trust.algorithms(algorithms);
        }
        if let Some(Span(leeway)) = self.leeway {
            trust = trust.leeway(leeway);
        }
        if let Some(Span(age)) = self.max_token_age {
            trust = trust.max_token_age(age);
        }
        let mut refresh = KeyRefresh::new();
        if let Some(Span(cooldown)) = self.cooldown {
            refresh = refresh.cooldown(cooldown);
        }
        if let Some(Span(max_age)) = self.max_age {
            refresh = refresh.max_age(max_age);
        }
        if let Some(Span(stale_if_error)) = self.stale_if_error {
            refresh = refresh.stale_if_error(stale_if_error);
        }
        trust = trust.key_refresh(refresh);
        if !self.lazy {
            trust = trust.eager();
        }
        Ok((first.clone(), trust))
    }
}

/// A duration as people write it: `"90s"`, `"5m"`, `"24h"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span(pub(crate) Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        humantime::parse_duration(&text).map(Self).map_err(|_| {
            let problem = format!("{text:?} is no duration; write one like \"90s\" or \"5m\"");
            serde::de::Error::custom(problem)
        })
    }
}
