use obo::policy::{ClaimMatcher, ScopeClaim, TokenTyp};
use obo::{ConfigError, Profile};
use serde::Deserialize;

use crate::form::{Flag, True, set, set_flags};
use crate::interned::{interned, interned_path};
use crate::setup::Setup;

/// A [`Profile`] over a named one. Each key is the method of its name.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ProfileConfig {
    base: Option<String>,
    types: Option<Vec<Typ>>,
    requires: Vec<String>,
    expects: Vec<Matcher>,
    refuses: Vec<Matcher>,
    service_if: Option<Vec<Matcher>>,
    scope_from: Option<Vec<ScopeFrom>>,
    client_from: Option<Vec<String>>,
    roles_from: Option<Vec<String>>,
    roles_from_keys_of: Option<String>,
    groups_from: Option<Vec<String>>,
    requires_client: Option<True>,
    client_is_audience: Option<True>,
    client_is_actor: Option<True>,
    allow_actor_without_subject: Option<True>,
    scope_text_or_array: Option<True>,
    danger_id_token_claims: Option<True>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
enum Typ {
    #[serde(rename = "at+jwt")]
    AccessToken,
    #[serde(rename = "JWT")]
    Jwt,
    #[serde(rename = "none")]
    Absent,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScopeFrom {
    Text(String),
    Array(String),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Matcher {
    Is(String, String),
    StartsWith(String, String),
    EndsWith(String, String),
    Present(String),
    Absent(String),
    InIssuer(String),
    SubjectIsClient,
}

impl ProfileConfig {
    pub(crate) fn named(base: String) -> Self {
        Self {
            base: Some(base),
            ..Self::default()
        }
    }

    pub(crate) fn build(self, setup: &Setup) -> Result<Profile, ConfigError> {
        let base = self.base.as_deref();
        let profile = setup.find_profile(base.unwrap_or("rfc9068"))?;
        let flags: [Flag<Profile>; 6] = [
            (self.requires_client, Profile::requires_client),
            (self.client_is_audience, Profile::client_is_audience),
            (self.client_is_actor, Profile::client_is_actor),
            (
                self.allow_actor_without_subject,
                Profile::allow_actor_without_subject,
            ),
            (self.scope_text_or_array, Profile::scope_text_or_array),
            (self.danger_id_token_claims, Profile::danger_id_token_claims),
        ];
        let profile = set_flags(profile, flags);
        let names = |names: Vec<String>| names.into_iter().map(interned);
        let marks = |marks: Vec<Matcher>| marks.into_iter().map(ClaimMatcher::from);
        let types = self
            .types
            .map(|types| types.into_iter().map(TokenTyp::from));
        let profile = set(profile, types, Profile::types);
        let profile = names(self.requires).fold(profile, Profile::requires);
        let profile = marks(self.expects).fold(profile, Profile::expects);
        let profile = marks(self.refuses).fold(profile, Profile::refuses);
        let profile = set(profile, self.service_if.map(marks), Profile::service_if);
        let scope = self
            .scope_from
            .map(|from| from.into_iter().map(ScopeClaim::from));
        let profile = set(profile, scope, Profile::scope_from);
        let profile = set(profile, self.client_from.map(names), Profile::client_from);
        let roles = self.roles_from.map(interned_path);
        let profile = set(profile, roles, Profile::roles_from);
        let keys = self.roles_from_keys_of.map(interned);
        let profile = set(profile, keys, Profile::roles_from_keys_of);
        let groups = self.groups_from.map(interned_path);
        Ok(set(profile, groups, Profile::groups_from))
    }
}

impl From<Typ> for TokenTyp {
    fn from(typ: Typ) -> Self {
        match typ {
            Typ::AccessToken => Self::AccessToken,
            Typ::Jwt => Self::Jwt,
            Typ::Absent => Self::Absent,
        }
    }
}

impl From<ScopeFrom> for ScopeClaim {
    fn from(from: ScopeFrom) -> Self {
        match from {
            ScopeFrom::Text(claim) => Self::text(interned(claim)),
            ScopeFrom::Array(claim) => Self::array(interned(claim)),
        }
    }
}

impl From<Matcher> for ClaimMatcher {
    fn from(matcher: Matcher) -> Self {
        match matcher {
            Matcher::Is(claim, value) => Self::is(interned(claim), value),
            Matcher::StartsWith(claim, start) => {
                Self::starts_with(interned(claim), interned(start))
            }
            Matcher::EndsWith(claim, end) => Self::ends_with(interned(claim), interned(end)),
            Matcher::Present(claim) => Self::present(interned(claim)),
            Matcher::Absent(claim) => Self::absent(interned(claim)),
            Matcher::InIssuer(claim) => Self::in_issuer(interned(claim)),
            Matcher::SubjectIsClient => Self::SUBJECT_IS_CLIENT,
        }
    }
}
