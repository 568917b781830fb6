use obo::authorization_server::KeyRefresh;
use obo::policy::Algorithm;
use obo::resource_server::ResourceServerBuilder;
use obo::{Audience, ConfigError, Issuer, ResourceServer, Trust};
use serde::Deserialize;

use crate::form::{Form, Span, apply, set};
use crate::introspection::IntrospectionConfig;
use crate::profile::ProfileConfig;
use crate::setup::Setup;

/// A [`ResourceServer`] as a file writes it.
///
/// | key | meaning |
/// | --- | --- |
/// | `audiences` | the identifiers of this service, one of which a token must carry in `aud` |
/// | `token_cache_bytes` | the room for validated tokens, as [`ResourceServerBuilder::token_cache_bytes`] |
/// | `issuers` | whom it trusts: a list of the following |
/// | `issuers.issuer` | the issuer identifier, exactly as tokens carry it in `iss`; plain `http` beyond loopback is written `{ danger_http = "http://…" }`, as [`Issuer::danger_http`] |
/// | `issuers.profile` | the kind of tokens it sends: a name, one of [`Profile::names`](obo::Profile::names) or of [`Setup::profile`]; or a table over one, as below; RFC 9068 unless set |
/// | `issuers.allow_client_as_actor`, `allow_scope_text_or_array`, `allow_actor_without_subject` | `true`: as in the table, on top of `profile` |
/// | `issuers.audiences` | instead of the service's `audiences`, for this issuer alone |
/// | `issuers.algorithms` | the accepted signature algorithms; without it all that this crate knows |
/// | `issuers.leeway` | how far clocks may differ, such as `"60s"` |
/// | `issuers.max_token_age` | how long after its `iat` a token is accepted at most, whatever its `exp` |
/// | `issuers.jwks_uri` | where the keys are, for an issuer without a discovery document |
/// | `issuers.lazy` | `false`: [`ResourceServer::start`] fetches its keys, and fails without; else at first need |
/// | `issuers.cooldown`, `max_age`, `stale_if_error` | when keys are fetched, as [`KeyRefresh`] |
/// | `issuers.introspection` | the issuer is asked about its tokens: |
/// | `… .client` | who this service is to the issuer, a [`ClientConfig`](crate::ClientConfig); without it the client of the [`Setup`] there |
/// | `… .for` | `"all_tokens"`, or as [`Introspection`](obo::Introspection) describes `"opaque_tokens"` and `"revocation"` |
/// | `… .endpoint`, `max_age`, `concurrency`, `require_signed`, `allow_missing_audience`, `allow_missing_expiry`, `allow_missing_subject` | its methods of these names |
///
/// Other keys are rejected. A value that is wrong by itself is an error of the file's reader, which knows the place; one
/// that does not go with another is a [`ConfigError`] that names the field by its path.
///
/// A profile over a named one is `profile = { base = "lenient", client_from = ["azp"] }`. Each key but `base` is the method
/// of [`Profile`](obo::Profile) of its name:
///
/// | key | form |
/// | --- | --- |
/// | `types` | a list of `"at+jwt"`, `"JWT"`, `"none"` |
/// | `require_claims`, `client_from` | a list of claims |
/// | `require_matches`, `reject_matches`, `service_matchers` | a list of marks: `{ is = ["claim", "value"] }`, likewise `starts_with` and `ends_with`; `{ present = "claim" }`, likewise `absent` and `in_issuer`; `"subject_is_client"` |
/// | `scope_from` | a list of `{ text = "claim" }` and `{ array = "claim" }` |
/// | `roles_from`, `groups_from` | a path of member names, such as `["realm_access", "roles"]` |
/// | `roles_from_keys_of` | a claim |
/// | `require_client`, `allow_client_as_audience`, `allow_client_as_actor`, `allow_actor_without_subject`, `allow_scope_text_or_array`, `danger_id_token_claims` | `true` |
///
/// ```
/// use obo_config::{ResourceServerConfig, Setup};
///
/// let config: ResourceServerConfig = toml::from_str(r#"
///     audiences = ["https://api.example.com/orders"]
///     issuers = [
///         { issuer = "https://idp.example.com/realms/corp", lazy = false },
///         { issuer = "https://login.example.org", profile = { base = "lenient", client_from = ["azp"] }, leeway = "30s" },
///         { issuer = "https://opaque.example.net", introspection = { max_age = "30s", client.id = "orders", client.tls_client_auth = true } },
///     ]
/// "#)?;
/// let server = config.build(&mut Setup::new())?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResourceServerConfig {
    audiences: Vec<Audience>,
    issuers: Vec<IssuerConfig>,
    token_cache_bytes: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct IssuerConfig {
    issuer: Issuer,
    profile: Option<Form<ProfileConfig>>,
    #[serde(alias = "client_is_actor")]
    allow_client_as_actor: Option<bool>,
    #[serde(alias = "scope_text_or_array")]
    allow_scope_text_or_array: Option<bool>,
    allow_actor_without_subject: Option<bool>,
    audiences: Option<Vec<Audience>>,
    algorithms: Option<Vec<Algorithm>>,
    leeway: Option<Span>,
    max_token_age: Option<Span>,
    jwks_uri: Option<String>,
    lazy: Option<bool>,
    cooldown: Option<Span>,
    max_age: Option<Span>,
    stale_if_error: Option<Span>,
    introspection: Option<IntrospectionConfig>,
}

impl ResourceServerConfig {
    /// Builds the resource server. Nothing is fetched yet, not even for issuers that are not lazy:
    /// [`ResourceServer::start`] does it.
    ///
    /// # Errors
    ///
    /// What does not go together, such as two entries of one issuer; the field is a path like `issuers[1].leeway`.
    pub fn build(self, setup: &mut Setup) -> Result<ResourceServer, ConfigError> {
        setup.check()?;
        let mut server: Option<ResourceServerBuilder> = None;
        for (i, issuer) in self.issuers.into_iter().enumerate() {
            let trusted = issuer.trusted(server, &self.audiences, setup);
            server = Some(trusted.map_err(|error| error.within(&format!("issuers[{i}]")))?);
        }
        let server = server.ok_or_else(|| {
            let problem = "there are none, so that no token could pass; name at least one";
            ConfigError::new("issuers", problem)
        })?;
        let server = apply!(self to server; token_cache_bytes;);
        server.build().map_err(|error| {
            let field = error.field().replacen("trust", "issuers", 1);
            error.at(field)
        })
    }
}

impl IssuerConfig {
    /// The resource server that trusts this issuer, too.
    fn trusted(
        self,
        server: Option<ResourceServerBuilder>,
        audiences: &[Audience],
        setup: &mut Setup,
    ) -> Result<ResourceServerBuilder, ConfigError> {
        let audiences = self.audiences.as_deref().unwrap_or(audiences);
        let first = audiences.first().cloned().ok_or_else(|| {
            let problem = "there are none; name what tokens for this service carry in `aud`";
            ConfigError::new("audiences", problem)
        })?;
        let introspection = self.introspection.map(|introspection| {
            let built = introspection.build(&self.issuer, setup);
            built.map_err(|error| error.within("introspection"))
        });
        let profile = self.profile.map_or_else(ProfileConfig::default, |profile| {
            profile.table(ProfileConfig::named)
        });
        let profile = profile.build(setup).map_err(|error| error.at("profile"))?;
        let profile = apply!(self to profile; ;
            allow_client_as_actor allow_scope_text_or_array allow_actor_without_subject);
        let refresh = apply!(self to KeyRefresh::new(); cooldown max_age stale_if_error;);
        let trust = Trust::new(setup.server(&self.issuer, self.jwks_uri.as_deref(), None)?);
        let trust = audiences.iter().cloned().fold(trust, Trust::audience);
        let trust = trust.profile(profile).key_refresh(refresh);
        let trust = set(trust, self.algorithms, Trust::algorithms);
        let trust = set(trust, introspection.transpose()?, Trust::introspect);
        let trust = apply!(self to trust; leeway max_token_age;);
        let trust = match self.lazy {
            Some(false) => trust.eager(),
            _ => trust,
        };
        let server = server.unwrap_or_else(|| ResourceServer::builder(first));
        Ok(server.trust(setup.changed(&self.issuer, trust)))
    }
}
