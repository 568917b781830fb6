use obo::authorization_server::KeyRefresh;
use obo::policy::Algorithm;
use obo::resource_server::ResourceServerBuilder;
use obo::{Audience, ConfigError, Issuer, ResourceServer, Trust};
use serde::Deserialize;

use crate::form::{Form, Span, apply, set};
use crate::introspection::IntrospectionConfig;
use crate::profile::ProfileConfig;
use crate::setup::Setup;

/// A [`ResourceServer`] in a file.
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `audiences` | required | the identifiers of this service; `aud` must have one of them |
/// | `issuers` | required | the trusted issuers, a list of tables, see below |
/// | `token_cache_bytes` | 67108864 | the memory for validated tokens, in bytes |
///
/// Each of the `issuers`:
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `issuer` | required | the issuer, exactly as in `iss`; or `{ danger_http = "http://…" }` |
/// | `profile` | `"rfc9068"` | a [name](obo::Profile::names), also of the [`Setup`], or a table |
/// | `allow_client_as_actor` | `false` | `true` adds the flag to `profile` |
/// | `allow_scope_text_or_array` | `false` | likewise |
/// | `allow_actor_without_subject` | `false` | likewise |
/// | `audiences` | those above | the audiences for this issuer |
/// | `algorithms` | all that are known | the accepted signature algorithms |
/// | `leeway` | `"60s"` | the tolerated clock difference |
/// | `max_token_age` | none | the maximum age of a token, counted from `iat` |
/// | `jwks_uri` | from the metadata | the URL of the key set, if there is no discovery document |
/// | `lazy` | `true` | `false`: [`ResourceServer::start`] fetches the keys and fails without them |
/// | `cooldown` | `"30s"` | the time between two fetches of unknown keys: [`KeyRefresh`] |
/// | `max_age` | `"5m"` | the age at which keys are fetched again |
/// | `stale_if_error` | `"24h"` | how long keys stay in use while fetches fail |
/// | `introspection` | none | introspects tokens (RFC 7662): a table, see below |
/// | `require_bound` | `false` | `true` refuses tokens that are not [bound](crate::BindingConfig) |
///
/// The table `introspection`:
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `client` | that of the [`Setup`] | a [`ClientConfig`](crate::ClientConfig) |
/// | `for` | `"all_tokens"` | or `"opaque_tokens"` or `"revocation"` |
/// | `endpoint` | from the metadata | the URL of the introspection endpoint |
/// | `max_age` | `"60s"` | how long a response is cached |
/// | `concurrency` | 64 | the number of concurrent requests |
/// | `require_signed` | `false` | `true` accepts signed responses only (RFC 9701) |
/// | `allow_missing_audience` | `false` | `true` accepts a response without `aud` |
/// | `allow_missing_expiry` | none | the lifetime of a token without `exp` |
/// | `allow_missing_subject` | `false` | `true` accepts a response without `sub` |
///
/// The methods of [`Introspection`](obo::Introspection) explain when these settings are safe.
///
/// Unknown keys are rejected. The file's reader reports a wrong value with its line;
/// [`build`](Self::build) reports values that conflict.
///
/// A profile that differs from a named one is a table, such as
/// `{ base = "lenient", client_from = ["azp"] }`. Each key is the method of
/// [`Profile`](obo::Profile) of the same name:
///
/// | key | value |
/// | --- | --- |
/// | `types` | a list of `"at+jwt"`, `"JWT"`, `"none"` |
/// | `require_claims`, `client_from` | a list of claims |
/// | `require_matches`, `reject_matches`, `service_matchers` | a list of matchers |
/// | `scope_from` | a list of `{ text = "claim" }` and `{ array = "claim" }` |
/// | `roles_from`, `groups_from` | a path of member names, such as `["realm_access", "roles"]` |
/// | `roles_from_keys_of` | a claim |
/// | the other methods without an argument | `true` |
///
/// A matcher is one of `{ is = ["claim", "value"] }`, `{ starts_with = ["claim", "start"] }`,
/// `{ ends_with = ["claim", "end"] }`, `{ present = "claim" }`, `{ absent = "claim" }`,
/// `{ in_issuer = "claim" }` and `"subject_is_client"`.
///
/// ```
/// use obo_config::{ResourceServerConfig, Setup};
///
/// let config: ResourceServerConfig = toml::from_str(r#"
///     audiences = ["https://api.example.com/orders"]
///
///     [[issuers]]
///     issuer = "https://idp.example.com/realms/corp"
///     lazy = false
///
///     [[issuers]]
///     issuer = "https://login.example.org"
///     profile = { base = "lenient", client_from = ["azp"] }
///     leeway = "30s"
///
///     [[issuers]]
///     issuer = "https://opaque.example.net"
///     introspection.max_age = "30s"
///     introspection.client = { id = "orders", tls_client_auth = true }
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
    require_bound: Option<bool>,
}

impl ResourceServerConfig {
    /// Builds the resource server. Nothing is fetched yet: [`ResourceServer::start`] fetches keys.
    ///
    /// # Errors
    ///
    /// Fails if values conflict, for example two entries of one issuer. The field is a path such as
    /// `issuers[1].leeway`.
    pub fn build(self, setup: &mut Setup) -> Result<ResourceServer, ConfigError> {
        setup.check()?;
        let has_own = |issuer: &IssuerConfig| issuer.audiences.is_some();
        if self.audiences.is_empty() && !self.issuers.iter().all(has_own) {
            return Err(no_audience());
        }
        let mut server: Option<ResourceServerBuilder> = None;
        for (i, issuer) in self.issuers.into_iter().enumerate() {
            let trusted = issuer.trusted(server, &self.audiences, setup);
            server = Some(trusted.map_err(|error| error.within(&format!("issuers[{i}]")))?);
        }
        let server = server.ok_or_else(|| {
            let problem = "is empty, so no token could pass; write at least one issuer";
            ConfigError::new("issuers", problem)
        })?;
        let server = apply!(self to server; token_cache_bytes;);
        let subjects = setup.audit_subjects.clone();
        let server = set(server, subjects, ResourceServerBuilder::audit_subjects);
        let server = set(server, setup.fleet.clone(), ResourceServerBuilder::fleet);
        let bound = setup.bound_tokens.clone();
        let server = set(server, bound, ResourceServerBuilder::bound_tokens);
        server.build().map_err(|error| {
            let field = error.field().replacen("trust", "issuers", 1);
            error.at(field)
        })
    }
}

fn no_audience() -> ConfigError {
    let problem =
        "is empty; write what tokens for this service have in `aud`, such as [\"service-a\"]";
    ConfigError::new("audiences", problem)
}

impl IssuerConfig {
    /// Adds this issuer to `server`.
    fn trusted(
        self,
        server: Option<ResourceServerBuilder>,
        audiences: &[Audience],
        setup: &mut Setup,
    ) -> Result<ResourceServerBuilder, ConfigError> {
        let audiences = self.audiences.as_deref().unwrap_or(audiences);
        let first = audiences.first().cloned().ok_or_else(no_audience)?;
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
        let trust = apply!(self to trust; leeway max_token_age; require_bound);
        let trust = match self.lazy {
            Some(false) => trust.eager(),
            _ => trust,
        };
        let server = server.unwrap_or_else(|| ResourceServer::builder(first));
        Ok(server.trust(setup.change_trust(&self.issuer, trust)))
    }
}
