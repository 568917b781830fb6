use std::path::PathBuf;

use obo::destination::Target;
use obo::exchange::{ActorSource, CacheBounds, TokenExchangeBuilder};
use obo::token::TokenType;
use obo::{Audience, ConfigError, Issuer, TokenExchange};
use serde::Deserialize;

use crate::client::ClientConfig;
use crate::dialect::DialectConfig;
use crate::form::{Form, Scopes, Span, apply, set};
use crate::secret::read_file;
use crate::settings::named;
use crate::setup::Setup;

/// A [`TokenExchange`] in a file.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `issuer` | required | the authorization server |
/// | `token_endpoint` | from the metadata | the URL of its token endpoint |
/// | `client` | that of the [`Setup`] | how this service authenticates: a [`ClientConfig`] |
/// | `dialect` | `"rfc8693"` | a [name](obo::dialect::names), also of the [`Setup`], or a table |
/// | `subject_issuers` | none | [other issuers][subjects] whose tokens this server accepts |
/// | `actor` | none | the token that names this service as the actor, see below |
/// | `deadline` | `"10s"` | the time for one exchange with its retries, 1 s to 60 s |
/// | `concurrency` | 1024 | the number of concurrent exchanges |
/// | `introspect_issued` | `false` | `true` introspects each issued token |
/// | `danger_unchecked_binding` | `false` | `true`: opaque tokens are [believed][unchecked] |
/// | `cache` | see [`CacheBounds`] | a table of the methods of [`CacheBounds`] |
///
/// [subjects]: obo::exchange::TokenExchangeBuilder::allow_subjects_of
/// [unchecked]: obo::exchange::TokenExchangeBuilder::danger_unchecked_binding
///
/// Unknown keys are rejected.
///
/// An `actor` is one of:
///
/// - `"client_credentials"`: the service's own access token
/// - `{ audience = "…", scopes = ["…"] }`: the same for this target
/// - `{ file = "…", type = "jwt" }`: a token in a file, read at each exchange
///
/// A dialect that differs from a named one is a table, such as
/// `{ base = "rfc8693", allow_missing_issued_type = true }`. Each key is the method of
/// [`Rfc8693`](obo::dialect::Rfc8693) of the same name. Three keys differ: `name` is `with_name`,
/// `allow_issued_types` is a list for `allow_issued_type`, and `extra_parameters` is a table with
/// [secrets](crate::SecretConfig) as values. A token type is a name of RFC 8693 section 3, such as
/// `"access_token"`, or a URI.
///
/// ```
/// use obo_config::{ExchangeConfig, Setup};
///
/// let config: ExchangeConfig = toml::from_str(r#"
///     issuer = "https://idp.example.com/realms/corp"
///     client = { id = "service-a", tls_client_auth = true }
///     dialect = { base = "rfc8693", allow_missing_issued_type = true }
///     deadline = "5s"
///     cache = { bytes = 16777216, lifetime = "10m" }
/// "#)?;
/// let exchange = config.build(&mut Setup::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExchangeConfig {
    issuer: Issuer,
    token_endpoint: Option<String>,
    client: Option<ClientConfig>,
    dialect: Option<Form<DialectConfig>>,
    #[serde(default)]
    subject_issuers: Vec<Issuer>,
    actor: Option<Form<ActorConfig>>,
    deadline: Option<Span>,
    concurrency: Option<usize>,
    introspect_issued: Option<bool>,
    danger_unchecked_binding: Option<bool>,
    #[serde(default)]
    cache: CacheConfig,
    #[serde(skip)]
    binds_certificate: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ActorConfig {
    audience: Option<Audience>,
    scopes: Option<Scopes>,
    file: Option<PathBuf>,
    #[serde(rename = "type")]
    token_type: Option<TokenType>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct CacheConfig {
    bytes: Option<u64>,
    bytes_per_subject: Option<u64>,
    entries_per_subject: Option<usize>,
    lifetime: Option<Span>,
}

impl ExchangeConfig {
    /// Returns the issuer of the authorization server.
    pub fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// Whether its client has a key to which tokens are bound. Call it after
    /// [`build`](Self::build), which finds the client.
    pub(crate) fn has_dpop_key(&self, setup: &Setup) -> bool {
        match &self.client {
            Some(client) => client.dpop_key.is_some(),
            None => setup.dpop_key_at(&self.issuer).is_some(),
        }
    }

    /// Binds its tokens to the [certificate](Setup::identity_at) of the client, if there is one.
    /// [`Config::build`](crate::Config::build) does it for destinations with
    /// `bind = "certificate"`.
    #[must_use]
    pub fn bind_certificate(mut self) -> Self {
        self.binds_certificate = true;
        self
    }

    /// Builds the exchange. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// Fails if a value is wrong or there is no client. The field is a path such as
    /// `cache.lifetime`.
    pub fn build(self, setup: &mut Setup) -> Result<TokenExchange, ConfigError> {
        setup.check()?;
        let (client, key) = match self.client {
            Some(client) if client.certificate.is_some() => {
                let problem = "belongs into [client] or [[clients]], with the `issuer`";
                return Err(ConfigError::new("client.certificate", problem));
            }
            Some(mut client) => {
                let key = client.build_dpop_key(setup);
                let key = key.map_err(|error| error.within("client"))?;
                (client.build_for(&self.issuer, "client", setup)?, key)
            }
            None => {
                let client = setup.client_of(&self.issuer);
                let client = client.map_err(|error| error.at("issuer"))?;
                (client, setup.dpop_key_at(&self.issuer).cloned())
            }
        };
        let token_endpoint = self.token_endpoint.as_deref();
        let server = setup.server(&self.issuer, None, token_endpoint)?;
        let exchange = TokenExchange::builder(server, client);
        let exchange = set(exchange, key, TokenExchangeBuilder::dpop);
        let own = setup.identity_at(&self.issuer);
        let own = own.filter(|_| self.binds_certificate);
        let own = own.map(|own| *own.thumbprint());
        let exchange = set(exchange, own, |exchange, own| {
            exchange.bound_to_certificate(move || own)
        });
        let exchange = (self.subject_issuers.into_iter())
            .fold(exchange, TokenExchangeBuilder::allow_subjects_of);
        let cache = self.cache;
        let bounds = apply!(cache to CacheBounds::new();
            bytes bytes_per_subject entries_per_subject lifetime;);
        let mut exchange = apply!(self to exchange; deadline concurrency; introspect_issued danger_unchecked_binding);
        exchange = exchange.cache(bounds);
        exchange = set(
            exchange,
            setup.audit_subjects.clone(),
            TokenExchangeBuilder::audit_subjects,
        );
        exchange = set(exchange, setup.fleet.clone(), TokenExchangeBuilder::fleet);
        if let Some(dialect) = self.dialect {
            exchange = DialectConfig::of(dialect, setup)?.to_exchange(exchange);
        }
        if let Some(actor) = self.actor.filter(|_| !setup.is_without_secrets) {
            exchange = exchange.actor(source(actor).map_err(|error| error.within("actor"))?);
        }
        exchange.build()
    }
}

fn source(actor: Form<ActorConfig>) -> Result<ActorSource, ConfigError> {
    let wrong = |problem: String| Err(ConfigError::new("", problem));
    let actor = match actor {
        Form::Text(name) if name == "client_credentials" => {
            return Ok(ActorSource::client_credentials());
        }
        Form::Text(name) => {
            let name = named(&name, '"');
            return wrong(format!(
                "unknown source{name}, expected \"client_credentials\" or a table"
            ));
        }
        Form::Table(actor) => actor,
    };
    match (actor.audience, actor.scopes, actor.file, actor.token_type) {
        (Some(audience), scopes, None, None) => {
            let target = set(
                Target::audience(audience),
                scopes,
                |target, Scopes(scope)| target.with_scope(scope),
            );
            Ok(ActorSource::client_credentials_for(target))
        }
        (None, None, Some(path), token_type) => {
            let token_type = token_type.unwrap_or(TokenType::JWT);
            // This error does not quote the path.
            read_file(&path).map_err(|problem| ConfigError::new("file", problem).of_secret())?;
            ActorSource::from_file(token_type, path).map_err(|error| error.at("file").of_secret())
        }
        _ => wrong(
            "must have either `audience` (and perhaps `scopes`) or `file` (and perhaps `type`)"
                .to_owned(),
        ),
    }
}
