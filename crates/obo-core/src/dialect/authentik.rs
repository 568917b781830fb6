//! authentik.
//!
//! Shapes from the vendor's [documentation of the OAuth2 provider][docs] and from the open source that writes the tokens
//! (`providers/oauth2/id_token.py`); nothing here was run against the server.
//!
//! - An access token is an ID token with `azp` and `uid` put in, and may have `nonce` and `at_hash`; the two added claims
//!   tell it. A property mapping that puts both of them into ID tokens would undo that.
//! - `aud` is the client that the token was issued to, so a service shares its provider's client identifier, or is named
//!   by the token exchange.
//! - The user of a client for itself is made by the server, and named after the provider. A service account that signs in
//!   with a password of its own looks like a person, and [`kind`](crate::Validated::kind) is then `User`. Where people may
//!   choose their names, one who ends it in `-client_credentials` looks like a client: do not go by the kind there.
//!
//! [docs]: https://docs.goauthentik.io/add-secure-apps/providers/oauth2/

use crate::{ConfigError, Issuer, Mark, Profile, Typ};

/// Access tokens of an OAuth2 provider.
pub fn profile() -> Profile {
    Profile::LENIENT
        .types([Typ::AccessToken, Typ::Jwt])
        .requires("iat")
        .requires("uid")
        .requires_client()
        .danger_id_token_claims()
        .client_from(["azp"])
        .service_if([
            Mark::ends_with("preferred_username", "-client_credentials"),
            Mark::SUBJECT_IS_CLIENT,
        ])
}

/// The issuer of an application, `{server}/application/o/{slug}/`; `server` has no slash at its end.
///
/// # Errors
///
/// As [`Issuer::new`], or when `slug` is empty or has a slash.
pub fn issuer(server: &str, slug: &str) -> Result<Issuer, ConfigError> {
    if slug.is_empty() || slug.contains('/') {
        return Err(ConfigError::new(
            "slug",
            format!("{slug:?} must be one segment of a path"),
        ));
    }
    Issuer::new(format!("{server}/application/o/{slug}/"))
}
