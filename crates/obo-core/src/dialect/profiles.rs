//! The names by which configuration calls profiles: one line each.

use super::{auth0, authentik, cognito, entra, google, keycloak, okta, zitadel};
use crate::Profile;

type Named = (&'static str, fn() -> Profile);

const PROFILES: &[Named] = &[
    ("rfc9068", || Profile::RFC9068),
    ("lenient", || Profile::LENIENT),
    ("auth0", auth0::profile),
    ("authentik", authentik::profile),
    ("cognito", cognito::profile),
    ("entra", entra::profile),
    ("entra-v1", entra::profile_v1),
    ("google", google::profile),
    ("keycloak", keycloak::profile),
    ("okta", okta::profile),
    ("zitadel", zitadel::profile),
];

pub(crate) fn profile(name: &str) -> Option<Profile> {
    let mut profiles = PROFILES.iter();
    profiles
        .find(|(own, _)| *own == name)
        .map(|(_, profile)| profile())
}

pub(crate) fn profile_names() -> impl Iterator<Item = &'static str> {
    PROFILES.iter().map(|(name, _)| *name)
}
