use obo::policy::{ClaimMatcher, ScopeClaim, TokenTyp};
use obo::{ConfigError, Profile};
use serde::Deserialize;

use crate::form::{Name, table_over};
use crate::interned::interned_path;
use crate::setup::Setup;

table_over!(Profile, ProfileConfig {
    require_client
    allow_client_as_audience
    allow_client_as_actor
    allow_actor_without_subject
    allow_scope_text_or_array
    danger_id_token_claims
} {
    types: Vec<TokenTyp> => Profile::types,
    require_claims: Vec<Name> => |profile, names| names.into_iter().fold(profile, |profile, Name(name)| profile.require_claim(name)),
    require_matches: Vec<Matcher> => |profile, marks| marks.into_iter().fold(profile, |profile, mark| profile.require_match(mark.into())),
    reject_matches: Vec<Matcher> => |profile, marks| marks.into_iter().fold(profile, |profile, mark| profile.reject_match(mark.into())),
    service_matchers: Vec<Matcher> => |profile, marks| profile.service_matchers(marks.into_iter().map(ClaimMatcher::from)),
    scope_from: Vec<ScopeFrom> => |profile, from| profile.scope_from(from.into_iter().map(ScopeClaim::from)),
    client_from: Vec<Name> => |profile, names| profile.client_from(names.into_iter().map(|Name(name)| name)),
    roles_from: Vec<String> => |profile, path| profile.roles_from(interned_path(path)),
    roles_from_keys_of: Name => |profile, Name(claim)| profile.roles_from_keys_of(claim),
    groups_from: Vec<String> => |profile, path| profile.groups_from(interned_path(path)),
});

impl ProfileConfig {
    pub(crate) fn build(self, setup: &Setup) -> Result<Profile, ConfigError> {
        let base = self.base.as_deref().unwrap_or("rfc9068");
        let profile = setup.profiles.get("profile", base)?.clone();
        Ok(self.over(profile))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ScopeFrom {
    Text(Name),
    Array(Name),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Matcher {
    Is(Name, Name),
    StartsWith(Name, Name),
    EndsWith(Name, Name),
    Present(Name),
    Absent(Name),
    InIssuer(Name),
    SubjectIsClient,
}

impl From<ScopeFrom> for ScopeClaim {
    fn from(from: ScopeFrom) -> Self {
        match from {
            ScopeFrom::Text(claim) => Self::text(claim.0),
            ScopeFrom::Array(claim) => Self::array(claim.0),
        }
    }
}

impl From<Matcher> for ClaimMatcher {
    fn from(matcher: Matcher) -> Self {
        match matcher {
            Matcher::Is(claim, value) => Self::is(claim.0, value.0),
            Matcher::StartsWith(claim, start) => Self::starts_with(claim.0, start.0),
            Matcher::EndsWith(claim, end) => Self::ends_with(claim.0, end.0),
            Matcher::Present(claim) => Self::present(claim.0),
            Matcher::Absent(claim) => Self::absent(claim.0),
            Matcher::InIssuer(claim) => Self::in_issuer(claim.0),
            Matcher::SubjectIsClient => Self::SUBJECT_IS_CLIENT,
        }
    }
}
