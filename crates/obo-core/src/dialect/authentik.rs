//! authentik.
//!
//! The shapes come from the vendor's [documentation of the OAuth2 provider][docs], its page on
//! [token exchange][exchange], and the open source that writes the tokens
//! (`providers/oauth2/id_token.py`). Not tested against the server.
//!
//! Inbound ([`profile`]):
//!
//! - An access token is an ID token with the additional claims `azp` and `uid`, and it may have
//!   `nonce` and `at_hash`. The two additional claims identify it. A property mapping that adds
//!   both to ID tokens defeats this.
//! - `aud` is the client that the token was issued to. So a service uses the client identifier of
//!   its provider, or it is the target of the token exchange.
//! - The server creates the user of a client that acts for itself, and names it after the provider.
//!   A service account that signs in with its own password looks like a person: its
//!   [`kind`](crate::Caller::kind) is `User`. If users can choose their names, a user whose name
//!   ends in `-client_credentials` looks like a client. Then do not rely on the kind.
//!
//! Outbound ([`exchange`]), since 2026.x:
//!
//! - `audience` is one client or application; `resource` is refused. Tokens do not have an
//!   application's name in `aud`: set their audience with
//!   [`Target::or_named`](crate::Target::or_named).
//! - Actor tokens, for delegation, work since 2026.8.
//! - `invalid_grant` means a bad token or a policy's refusal. This dialect assumes a bad token.
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

/// The issuer of an application, `{server}/application/o/{slug}/`. `server` must not end with a
/// slash.
///
/// # Errors
///
/// Fails like [`Issuer::new`], and if `slug` is empty or has a slash.
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
