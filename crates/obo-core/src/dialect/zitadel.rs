//! ZITADEL, applications whose access tokens are JWTs.
//!
//! Shapes from the vendor's [table of claims][claims], outbound from its guide to [token exchange][exchange] and the open
//! source that answers (`internal/api/oidc/token_exchange.go`); nothing here was run against the server.
//!
//! Inbound ([`profile`]):
//!
//! - By that table an ID token has `auth_time`, `amr` and `sid` and no `jti`, and an access token the other way round.
//! - `aud` names the project, where its scope `urn:zitadel:iam:org:project:id:{project}:aud` was asked for.
//! - Scope is not in the table, so it may be empty. Roles are, and they are the names of an object's members.
//! - A machine is a user of its own there, and nothing in its token says so:
//!   [`kind`](crate::Caller::kind) is then `User`. Do not take it for a person; ask for a role.
//!
//! Outbound ([`exchange`]):
//!
//! - `audience` narrows: it must be in `aud` of the caller's token or of the actor's. `resource` is refused, and so is a
//!   scope that neither token has.
//! - An access token is asked for as a JWT, since otherwise it is opaque and a resource server has to introspect it.
//! - With an actor token the issued token has `act`; impersonation must be allowed in the instance, and the actor be
//!   permitted to.
//! - `jwt` as the type of a subject token is there an assertion signed by the client, so a caller's token is declared an
//!   access token always.
//!
//! [exchange]: https://zitadel.com/docs/guides/integrate/token-exchange
//! [claims]: https://zitadel.com/docs/apis/openidoauth/claims

use http::StatusCode;

use super::{Refusal, Rfc8693, TargetBy};
use crate::grant::token_endpoint::ErrorClass;
use crate::token::token_type::TokenType;
use crate::validate::profile::{ClaimMatcher, Profile};

/// Access tokens in the form of a JWT.
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
        // Impersonation is not allowed, of this user or at all.
        "invalid_request" if refusal.status() == StatusCode::FORBIDDEN => {
            Some(ErrorClass::TargetDenied)
        }
        _ => None,
    }
}
