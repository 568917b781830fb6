//! Keycloak.
//!
//! The shapes come from the vendor's [server administration guide][guide] (token mappers, service
//! accounts), its guide to [token exchange][exchange], and the open source
//! (`protocol/oidc/tokenexchange`). Not tested against the server.
//!
//! Inbound ([`profile`]):
//!
//! - Every kind of token has the header `typ` `JWT`; access tokens have `at+jwt` if the client's
//!   option is on. The claim `typ` distinguishes them: `Bearer`, `ID`, `Refresh`.
//! - `aud` contains this service only if an audience mapper or a client role puts it there.
//! - There is no `act` unless delegation is on. [`Profile::allow_client_as_actor`] makes the client
//!   the actor.
//! - Only tokens of service accounts have `client_id`, so a token with it is a service's. If a
//!   realm maps it into all tokens, use [`Profile::service_matchers`]. An introspection response
//!   always has it; there, only the other claims of a service account count.
//! - Roles are those of the realm. For the roles of a client, use [`Profile::roles_from`] with
//!   `["resource_access", "<client>", "roles"]`.
//!
//! Outbound ([`exchange`], [`delegation`]), the standard exchange is on by default since 26.2. Each
//! client has a switch for it.
//!
//! - `audience` is the `client_id` of a client, and it narrows the audience: a client scope must
//!   add the audience first. Request that scope if necessary. `resource` is not sent.
//! - The caller's token must have this service's client in `aud`. A token that does not is rejected
//!   here, with a clearer message. If the client identifier is also the audience of this service,
//!   it always has.
//! - The default scopes of the client are granted in addition to the requested ones.
//! - There is no `act` without delegation, which was experimental when this was written. The actor
//!   is a service account with its own access token, and the caller's token must have it in
//!   `may_act`.
//! - An unknown target is refused as `invalid_client`, which does not mean this service's own
//!   credential.
//!
//! [exchange]: https://www.keycloak.org/securing-apps/token-exchange
//! [guide]: https://www.keycloak.org/docs/latest/server_admin/

use http::StatusCode;

use super::{Refusal, Rfc8693, TargetBy};
use crate::error::ConfigError;
use crate::grant::token_endpoint::ErrorClass;
use crate::token::issuer::Issuer;
use crate::token::token_type::TokenType;
use crate::validate::jwt::TokenTyp;
use crate::validate::profile::{ClaimMatcher, Profile};

/// Access tokens of a realm.
pub fn profile() -> Profile {
    Profile::LENIENT
        .types([TokenTyp::AccessToken, TokenTyp::Jwt])
        .require_claim("iat")
        .require_claim("jti")
        .require_client()
        .require_match(ClaimMatcher::is("typ", "Bearer"))
        .client_from(["azp"])
        // The subject of a service account is a user of its own. The scope `service_account` adds
        // claims. The user name does not identify it: users can choose theirs.
        .service_matchers([
            ClaimMatcher::present("client_id"),
            ClaimMatcher::present("clientId"),
            ClaimMatcher::present("clientHost"),
            ClaimMatcher::present("clientAddress"),
            ClaimMatcher::SUBJECT_IS_CLIENT,
        ])
        .roles_from(&["realm_access", "roles"])
}

/// The issuer of a realm, `{server}/realms/{realm}`. `server` must not end with a slash.
///
/// # Errors
///
/// Fails like [`Issuer::new`], and if `realm` is empty or has a slash.
pub fn issuer(server: &str, realm: &str) -> Result<Issuer, ConfigError> {
    Issuer::of_segment("realm", &format!("{server}/realms/"), realm, "")
}

/// The standard token exchange of a realm: the caller's token for a token for one client.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("keycloak")
        .target_by(TargetBy::Audience)
        // For client credentials, `audience` has no meaning.
        .client_target_by(TargetBy::Scope)
        .subject_type(TokenType::ACCESS_TOKEN)
        .requested_type(TokenType::ACCESS_TOKEN)
        .offered_types([TokenType::ACCESS_TOKEN])
        .without_actor()
        .require_client_in_audience()
        .allow_wider_scope()
        .classify(class)
}

/// The exchange with an actor, which is then in `act` of the token. Experimental in the product.
pub fn delegation() -> Rfc8693 {
    exchange()
        .with_name("keycloak-delegation")
        .require_actor()
        .actor_types([TokenType::ACCESS_TOKEN])
}

/// Only what the source says: an expired token also gets `invalid_request`.
fn class(refusal: &Refusal<'_>) -> Option<ErrorClass> {
    let description = refusal.description();
    match refusal.error() {
        "invalid_client" if refusal.status() == StatusCode::BAD_REQUEST => {
            // The requested client. This service's client has authenticated.
            let is_target = ["Audience not found", "Client disabled"].contains(&description);
            is_target.then_some(ErrorClass::TargetDenied)
        }
        "invalid_request" if description.starts_with("Requested audience not available") => {
            Some(ErrorClass::TargetDenied)
        }
        "invalid_request" if description.contains("may_act") => Some(ErrorClass::TargetDenied),
        "invalid_request" => {
            let ours = [
                "Parameter '",
                "Standard token exchange is not enabled",
                "requested_token_type unsupported",
                "Invalid actor token",
                "Invalid subject token type",
            ];
            let is_ours = ours.iter().any(|start| description.starts_with(start));
            is_ours.then_some(ErrorClass::ClientMisconfigured)
        }
        _ => None,
    }
}
