//! Keycloak.
//!
//! Shapes put together from the vendor's [server administration guide][guide] (token mappers, service accounts), the one
//! on [token exchange][exchange], and the open source that answers (`protocol/oidc/tokenexchange`); they were not captured,
//! and nothing here was run against the server.
//!
//! Inbound ([`profile`]):
//!
//! - Every kind of token has the header `typ` `JWT` (access tokens have `at+jwt` where the client's option is on), and
//!   the claim `typ` tells them apart: `Bearer`, `ID`, `Refresh` (KC-08).
//! - `aud` names this service only where an audience mapper, or a client role of it, puts it there.
//! - There is no `act` unless delegation is on; [`Profile::allow_client_as_actor`] makes the client the actor (KC-05).
//! - `client_id` is in tokens of service accounts alone, so one with it is a service's. A realm that maps it into all
//!   tokens has to say by [`Profile::service_matchers`] what it goes by instead. An introspected token has it always, so that
//!   only the other claims of a service account tell it there.
//! - Roles are those of the realm. Those of one client are at `["resource_access", "<client>", "roles"]`, for
//!   [`Profile::roles_from`].
//!
//! Outbound ([`exchange`], [`delegation`]): the standard exchange, which is on by default from 26.2 and has a switch at
//! each client.
//!
//! - `audience` is the `client_id` of a client, and narrows: a client scope has to give the audience first, and a scope
//!   can be asked for that does (KC-02). `resource` is not sent (KC-03).
//! - The caller's token has to name this service's client in `aud`; a token that does not is refused here, with a clearer
//!   message (KC-04). Where the client identifier is also the audience of this service, that is always so.
//! - Default scopes of the client are granted beside what was asked for.
//! - There is no `act` but by delegation, which was experimental when this was written: the actor is a service account by
//!   its own access token, and the caller's token must have it in `may_act` (KC-06).
//! - A target that is not known is refused as `invalid_client`, which is not this service's own credential.
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
        // The subject of a service account is a user of its own. Its session notes are claims by the scope
        // `service_account`. Its user name is no mark: people may choose theirs.
        .service_matchers([
            ClaimMatcher::present("client_id"),
            ClaimMatcher::present("clientId"),
            ClaimMatcher::present("clientHost"),
            ClaimMatcher::present("clientAddress"),
            ClaimMatcher::SUBJECT_IS_CLIENT,
        ])
        .roles_from(&["realm_access", "roles"])
}

/// The issuer of a realm, `{server}/realms/{realm}`; `server` has no slash at its end.
///
/// # Errors
///
/// As [`Issuer::new`], or when `realm` is empty or has a slash.
pub fn issuer(server: &str, realm: &str) -> Result<Issuer, ConfigError> {
    Issuer::of_segment("realm", &format!("{server}/realms/"), realm, "")
}

/// The standard token exchange of a realm: the user's token, for a client that it may be narrowed to.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("keycloak")
        .target_by(TargetBy::Audience)
        // There, `audience` belongs to the exchange alone.
        .client_target_by(TargetBy::Scope)
        .subject_type(TokenType::ACCESS_TOKEN)
        .requested_type(TokenType::ACCESS_TOKEN)
        .offered_types([TokenType::ACCESS_TOKEN])
        .without_actor()
        .require_client_in_audience()
        .allow_wider_scope()
        .classify(class)
}

/// The same with an actor, which then is in the `act` of the token: experimental in the product (KC-06).
pub fn delegation() -> Rfc8693 {
    exchange()
        .with_name("keycloak-delegation")
        .require_actor()
        .actor_types([TokenType::ACCESS_TOKEN])
}

/// Only what the source says so: `invalid_request` is also what an expired token gets.
fn class(refusal: &Refusal<'_>) -> Option<ErrorClass> {
    let description = refusal.description();
    match refusal.error() {
        "invalid_client" if refusal.status() == StatusCode::BAD_REQUEST => {
            // The client that was asked for; this one has authenticated.
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
