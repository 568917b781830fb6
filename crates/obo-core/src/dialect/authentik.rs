//! authentik.
//!
//! Shapes from the vendor's [documentation of the OAuth2 provider][docs] and from the open source that writes the tokens
//! (`providers/oauth2/id_token.py`); outbound from its page on [token exchange][exchange]. Nothing here was run against the
//! server.
//!
//! Inbound ([`profile`]):
//!
//! - An access token is an ID token with `azp` and `uid` put in, and may have `nonce` and `at_hash`; the two added claims
//!   tell it. A property mapping that puts both of them into ID tokens would undo that.
//! - `aud` is the client that the token was issued to, so a service shares its provider's client identifier, or is named
//!   by the token exchange.
//! - The user of a client for itself is made by the server, and named after the provider. A service account that signs in
//!   with a password of its own looks like a person, and [`kind`](crate::Caller::kind) is then `User`. Where people may
//!   choose their names, one who ends it in `-client_credentials` looks like a client: do not go by the kind there.
//!
//! Outbound ([`exchange`]), from 2026.x on:
//!
//! - `audience` is one client or application; `resource` is refused. An application's name is not what tokens have in
//!   `aud`: give that by [`Target::or_named`](crate::Target::or_named).
//! - An actor token, for delegation, is understood from 2026.8 on.
//! - `invalid_grant` is told for a bad token and for a policy's refusal alike. The former is assumed.
//!
//! [exchange]: https://docs.goauthentik.io/add-secure-apps/providers/oauth2/token_exchange/
//! [docs]: https://docs.goauthentik.io/add-secure-apps/providers/oauth2/

use super::{Rfc8693, TargetBy};
use crate::error::ConfigError;
use crate::token::issuer::Issuer;
use crate::token::token_type::TokenType;
use crate::validate::jwt::TokenTyp;
use crate::validate::profile::{ClaimMatcher, Profile};

/// Access tokens of an OAuth2 provider.
pub fn profile() -> Profile {
    Profile::LENIENT
        .types([TokenTyp::AccessToken, TokenTyp::Jwt])
        .require_claim("iat")
        .require_claim("uid")
        .require_client()
        .danger_id_token_claims()
        .client_from(["azp"])
        .service_matchers([
            ClaimMatcher::ends_with("preferred_username", "-client_credentials"),
            ClaimMatcher::SUBJECT_IS_CLIENT,
        ])
}

/// The issuer of an application, `{server}/application/o/{slug}/`; `server` has no slash at its end.
///
/// # Errors
///
/// As [`Issuer::new`], or when `slug` is empty or has a slash.
pub fn issuer(server: &str, slug: &str) -> Result<Issuer, ConfigError> {
    Issuer::of_segment("slug", &format!("{server}/application/o/"), slug, "/")
}

/// The token exchange of an OAuth2 provider.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("authentik")
        .target_by(TargetBy::OneAudience)
        .client_target_by(TargetBy::Scope)
        .requested_type(TokenType::ACCESS_TOKEN)
        .offered_types([TokenType::ACCESS_TOKEN])
}
