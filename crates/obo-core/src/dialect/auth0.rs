//! Auth0.
//!
//! The shapes come from the vendor's [access token profiles][profiles] and its pages on the
//! [on-behalf-of][obo] and the [custom][custom] token exchange. An API uses one of two profiles:
//! the vendor's own (header `typ` `JWT`, client in `azp`), or RFC 9068 (`at+jwt`, `client_id`). Not
//! tested against the service.
//!
//! Inbound ([`profile`]):
//!
//! - This profile accepts both kinds. For an API of the second kind, [`Profile::RFC9068`] is
//!   stricter.
//! - ID tokens have neither `azp` nor `client_id`, and their audience is the client.
//! - A client that acts for itself has the subject `<client>@clients`.
//! - RFC 9068 has no claim for permissions (`permissions`). [`Profile::roles_from`] can read them
//!   as roles.
//!
//! Outbound ([`on_behalf_of`], [`custom_exchange`]):
//!
//! - The exchanging client is the API itself, registered as a resource server.
//! - The server writes the authenticated client into `act`, so no actor token is sent. It nests at
//!   most five levels. A token with five levels is rejected here, because the server would refuse
//!   it as `invalid_request`.
//! - Only the client of the API that the caller's token is for can exchange it. The result is an
//!   access token.
//! - The service limits the rate of exchanges, with status 429 or `too_many_requests`.
//! - The issued token is not bound to a key, even if the caller's token was.
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

/// Access tokens for an API, with either of the vendor's profiles.
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

/// The on-behalf-of token exchange: the caller's token for a token for one API.
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

/// The custom token exchange: the token of another issuer, with the type that one of the tenant's
/// actions handles.
///
/// An organization is an [extra parameter](Rfc8693::extra_parameter), `organization`.
///
/// # Errors
///
/// Fails if the type is not a URI, or is in a namespace that the vendor reserves.
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

/// The levels of `act` that the service supports.
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
        // The API's users must consent, which is not possible in an exchange.
        "consent_required" => Some(ErrorClass::TargetDenied),
        "too_many_attempts" => Some(ErrorClass::Throttled),
        _ => None,
    }
}
