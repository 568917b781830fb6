//! The names by which configuration calls profiles: one line each.

use super::{auth0, authentik, cognito, entra, google, keycloak, okta, zitadel};
use crate::validate::profile::Profile;

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

impl Profile {
    /// The profile that configuration calls by this name: `rfc9068`, `lenient`, or a product's.
    pub fn named(name: &str) -> Option<Self> {
        let mut profiles = PROFILES.iter();
        profiles
            .find(|(own, _)| *own == name)
            .map(|(_, profile)| profile())
    }

    /// The names that [`named`](Self::named) knows.
    pub fn names() -> impl Iterator<Item = &'static str> {
        PROFILES.iter().map(|(name, _)| *name)
    }
}
