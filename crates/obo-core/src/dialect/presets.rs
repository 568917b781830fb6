//! The names by which configuration calls the dialects of products: one line each.

use super::{
    Rfc8693, auth0, authentik, entra, google, keycloak, okta, ping_federate, tokendings, wso2,
    zitadel,
};
use crate::error::ConfigError;

type Named = (&'static str, fn() -> Rfc8693);

const DIALECTS: &[Named] = &[
    ("rfc8693", Rfc8693::new),
    ("auth0", auth0::on_behalf_of),
    ("authentik", authentik::exchange),
    ("entra", entra::on_behalf_of),
    ("google", google::exchange),
    ("keycloak", keycloak::exchange),
    ("keycloak-delegation", keycloak::delegation),
    ("okta", okta::exchange),
    ("ping-federate", ping_federate::exchange),
    ("tokendings", tokendings::exchange),
    ("wso2", wso2::exchange),
    ("zitadel", zitadel::exchange),
];

/// The dialect that configuration calls by this name: `rfc8693`, or a product's.
///
/// # Errors
///
/// When there is none of the name; the error lists those there are.
pub fn named(name: &str) -> Result<Rfc8693, ConfigError> {
    let mut dialects = DIALECTS.iter();
    let found = dialects.find(|(own, _)| *own == name);
    found.map(|(_, dialect)| dialect()).ok_or_else(|| {
        let known = names().collect::<Vec<_>>().join(", ");
        ConfigError::new("dialect", format!("{name:?} is none of {known}"))
    })
}

/// The names that [`named`] knows.
pub fn names() -> impl Iterator<Item = &'static str> {
    DIALECTS.iter().map(|(name, _)| *name)
}
