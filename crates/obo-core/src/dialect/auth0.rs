//! Auth0.
//!
//! Shapes from the vendor's [access token profiles][profiles], of which an API has one of two: the vendor's own (header
//! `typ` `JWT`, client in `azp`) or RFC 9068's (`at+jwt`, `client_id`); outbound from its pages on the [on-behalf-of][obo]
//! and the [custom][custom] token exchange. Nothing here was run against the service.
//!
//! Inbound ([`profile`]):
//!
//! - An API of the second kind is better off with [`Profile::RFC9068`]; this profile takes both.
//! - ID tokens have neither `azp` nor `client_id`, and their audience is the client.
//! - The subject of a client for itself is `<client>@clients`.
//! - Permissions (`permissions`) are in no claim of RFC 9068; [`Profile::roles_from`] may read them as roles.
//!
//! Outbound ([`on_behalf_of`], [`custom_exchange`]):
//!
//! - The client that exchanges is the API itself, registered as a resource server.
//! - The server writes the authenticated client into `act`, so no actor token is sent. It nests five levels and no more; a
//!   token that has them already is refused here, since the server calls that `invalid_request`.
//! - An exchange can only be had by the client of the API that the caller's token is for, and gives an access token alone.
//! - The service limits how often one may exchange; that is told by 429, or as `too_many_requests`.
//! - The issued token is not bound to a key, whatever the caller's was.
//!
//! [obo]: https://auth0.com/docs/secure/call-apis-on-users-behalf/on-behalf-of-token-exchange
//! [custom]: https://auth0.com/docs/authenticate/custom-token-exchange
//! [profiles]: https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles

use url::Url;

use super::{Refusal, Rfc8693, TargetBy};
use crate::error::ConfigError;
use crate::grant::token_endpoint::ErrorClass;
use crate::token::token_type::TokenType;
use crate::validate::jwt::TokenTyp;
use crate::validate::profile::{ClaimMatcher, Profile};

/// Access tokens for an API, under either of the vendor's profiles.
pub fn profile() -> Profile {
    Profile::LENIENT
        .types([TokenTyp::AccessToken, TokenTyp::Jwt])
        .require_claim("iat")
        .require_client()
        .client_from(["azp", "client_id"])
        .service_matchers([
            ClaimMatcher::ends_with("sub", "@clients"),
            ClaimMatcher::is("gty", "client-credentials"),
            ClaimMatcher::SUBJECT_IS_CLIENT,
        ])
}

/// The on-behalf-of token exchange: the caller's token, for one API.
pub fn on_behalf_of() -> Rfc8693 {
    Rfc8693::new()
        .with_name("auth0")
        .target_by(TargetBy::OneAudience)
        .subject_type(TokenType::ACCESS_TOKEN)
        .requested_type(TokenType::ACCESS_TOKEN)
        .offered_types([TokenType::ACCESS_TOKEN])
        .without_actor()
        .max_actors(MAX_ACTORS)
        .classify(class)
}

/// The custom token exchange: a token of another issuer, under the type for which an action of the tenant's reads it.
///
/// An organization is an [extra parameter](Rfc8693::extra_parameter), `organization`.
///
/// # Errors
///
/// When the type is no URI, or is in a namespace that the vendor reserves.
pub fn custom_exchange(subject_token_type: &str) -> Result<Rfc8693, ConfigError> {
    let is_reserved = RESERVED
        .iter()
        .any(|namespace| subject_token_type.starts_with(namespace));
    if is_reserved || Url::parse(subject_token_type).is_err() {
        return Err(ConfigError::new(
            "subject_token_type",
            format!(
                "{subject_token_type:?} must be a URI of your own, outside of {}",
                RESERVED.join(", ")
            ),
        ));
    }
    Ok(Rfc8693::new()
        .with_name("auth0-custom")
        .target_by(TargetBy::OneAudience)
        .subject_type(TokenType::new(subject_token_type))
        .without_requested_type()
        .classify(class))
}

/// The levels of `act` that the service nests.
const MAX_ACTORS: usize = 5;

const RESERVED: &[&str] = &[
    "http://auth0.com",
    "https://auth0.com",
    "http://okta.com",
    "https://okta.com",
    "urn:ietf",
    "urn:auth0",
    "urn:okta",
];

fn class(refusal: &Refusal<'_>) -> Option<ErrorClass> {
    match refusal.error() {
        "mfa_required" => Some(ErrorClass::StepUp),
        // An API whose users have to consent, which nobody can in an exchange.
        "consent_required" => Some(ErrorClass::TargetDenied),
        "too_many_attempts" => Some(ErrorClass::Throttled),
        _ => None,
    }
}
