//! The names of dialects and profiles in configuration files.

use super::{
    Rfc8693, auth0, authentik, cognito, entra, google, keycloak, okta, ping_federate, tokendings,
    wso2, zitadel,
};
use crate::error::ConfigError;
use crate::validate::profile::Profile;

type MakeDialect = fn() -> Rfc8693;
type MakeProfile = fn() -> Profile;

/// Standards, products and their variants: name, dialect, profile.
const NAMES: &[(&str, Option<MakeDialect>, Option<MakeProfile>)] = &[
    ("rfc8693", Some(Rfc8693::new), None),
    ("rfc9068", None, Some(|| Profile::RFC9068)),
    ("lenient", None, Some(|| Profile::LENIENT)),
    ("auth0", Some(auth0::on_behalf_of), Some(auth0::profile)),
    (
        "authentik",
        Some(authentik::exchange),
        Some(authentik::profile),
    ),
    ("cognito", None, Some(cognito::profile)),
    ("entra", Some(entra::on_behalf_of), Some(entra::profile)),
    ("entra-v1", None, Some(entra::profile_v1)),
    ("google", Some(google::exchange), Some(google::profile)),
    (
        "keycloak",
        Some(keycloak::exchange),
        Some(keycloak::profile),
    ),
    ("keycloak-delegation", Some(keycloak::delegation), None),
    ("okta", Some(okta::exchange), Some(okta::profile)),
    ("ping-federate", Some(ping_federate::exchange), None),
    ("tokendings", Some(tokendings::exchange), None),
    ("wso2", Some(wso2::exchange), None),
    ("zitadel", Some(zitadel::exchange), Some(zitadel::profile)),
];

fn dialects() -> impl Iterator<Item = (&'static str, MakeDialect)> + Clone {
    NAMES
        .iter()
        .filter_map(|(name, dialect, _)| Some((*name, (*dialect)?)))
}

fn profiles() -> impl Iterator<Item = (&'static str, MakeProfile)> + Clone {
    NAMES
        .iter()
        .filter_map(|(name, _, profile)| Some((*name, (*profile)?)))
}

/// Makes the value with this name. The error lists the known names.
fn find<T>(
    field: &'static str,
    name: &str,
    known: impl Iterator<Item = (&'static str, fn() -> T)> + Clone,
) -> Result<T, ConfigError> {
    let found = known.clone().find(|(own, _)| *own == name);
    found.map(|(_, make)| make()).ok_or_else(|| {
        let known: Vec<_> = known.map(|(name, _)| name).collect();
        ConfigError::new(
            field,
            format!("{name:?} is unknown; known: {}", known.join(", ")),
        )
    })
}

/// The dialect with this name in configuration files: `rfc8693` or a product.
///
/// # Errors
///
/// Fails if the name is unknown; the error lists the known names.
pub fn named(name: &str) -> Result<Rfc8693, ConfigError> {
    find("dialect", name, dialects())
}

/// The names for [`named`].
pub fn names() -> impl Iterator<Item = &'static str> {
    dialects().map(|(name, _)| name)
}

impl Profile {
    /// The profile with this name in configuration files: `rfc9068`, `lenient` or a product.
    ///
    /// # Errors
    ///
    /// Fails if the name is unknown; the error lists the known names.
    pub fn named(name: &str) -> Result<Self, ConfigError> {
        find("profile", name, profiles())
    }

    /// The names for [`named`](Self::named).
    pub fn names() -> impl Iterator<Item = &'static str> {
        profiles().map(|(name, _)| name)
    }
}
