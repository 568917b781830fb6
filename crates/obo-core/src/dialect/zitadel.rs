//! ZITADEL, applications whose access tokens are JWTs.
//!
//! The shapes come from the vendor's [table of claims][claims], its guide to [token
//! exchange][exchange] and the open source (`internal/api/oidc/token_exchange.go`). Not tested
//! against the server.
//!
//! Inbound ([`profile`]):
//!
//! - By that table, an ID token has `auth_time`, `amr` and `sid` but no `jti`. An access token has
//!   `jti` but none of the others.
//! - `aud` contains the project if the scope `urn:zitadel:iam:org:project:id:{project}:aud` was
//!   requested.
//! - The table has no scope, so it may be empty. It has roles: the member names of an object.
//! - A machine is a user, and its token does not say so: its [`kind`](crate::Caller::kind) is
//!   `User`. To tell people from machines, require a role.
//!
//! Outbound ([`exchange`]):
//!
//! - `audience` narrows: it must be in `aud` of the caller's or the actor's token. `resource` is
//!   refused, and so is a scope that neither token has.
//! - The access token is requested as a JWT. Otherwise it is opaque, and a resource server has to
//!   introspect it.
//! - With an actor token, the issued token has `act`. The instance must allow impersonation, and
//!   the actor needs permission.
//! - A subject token of type `jwt` is an assertion signed by the client. So a caller's token is
//!   always sent as an access token.
//!
//! [exchange]: https://zitadel.com/docs/guides/integrate/token-exchange
//! [claims]: https://zitadel.com/docs/apis/openidoauth/claims

use http::StatusCode;

use super::{Refusal, Rfc8693, TargetBy};
use crate::grant::token_endpoint::ErrorClass;
use crate::token::token_type::TokenType;
use crate::validate::profile::{ClaimMatcher, Profile};

/// Access tokens that are JWTs.
pub fn profile() -> Profile {
    Profile::LENIENT
        .require_claim("iat")
        .require_claim("jti")
        .reject_match(ClaimMatcher::present("auth_time"))
        .reject_match(ClaimMatcher::present("amr"))
        .reject_match(ClaimMatcher::present("sid"))
        .client_from(["client_id", "azp"])
        .roles_from_keys_of("urn:zitadel:iam:org:project:roles")
}

/// The token exchange of an instance.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("zitadel")
        .target_by(TargetBy::Audience)
        .client_target_by(TargetBy::Scope)
        .subject_type(TokenType::ACCESS_TOKEN)
        .requested_type(TokenType::JWT)
        .offered_types([TokenType::JWT, TokenType::ACCESS_TOKEN])
        .actor_types([TokenType::ACCESS_TOKEN, TokenType::ID_TOKEN])
        .classify(class)
}

fn class(refusal: &Refusal<'_>) -> Option<ErrorClass> {
    match refusal.error() {
        "invalid_request" if refusal.description().starts_with("actor_token") => {
            Some(ErrorClass::ClientMisconfigured)
        }
        // Impersonation is not allowed, for this user or at all.
        "invalid_request" if refusal.status() == StatusCode::FORBIDDEN => {
            Some(ErrorClass::TargetDenied)
        }
        _ => None,
    }
}
