//! Google: tokens of service accounts for other services.
//!
//! The shapes come from the vendor's pages on [token types][types] and [service-to-service
//! calls][calls] and from the [reference of its security token service][sts]. Not tested against
//! the service.
//!
//! Access tokens are opaque and only for the vendor's own services. A service that calls another
//! one sends an ID token of a service account for the other service's URL. This profile accepts
//! those, but no user's ID token: the client (`azp`) must be the subject, which is never so after a
//! person's sign-in. They have no scope.
//!
//! Anyone can get such a token: the requester chooses the audience, and the service accounts of all
//! customers have this issuer. So `aud` does not restrict the callers. On every route, require the
//! subjects of the accounts that may call.
//!
//! Outbound ([`exchange`]), the security token service exchanges the token of another issuer for
//! access to the vendor's own services (workload and workforce identity federation). The issued
//! token is opaque and only for them.
//!
//! - `audience` is the full name of the provider in the identity pool. A scope is required.
//! - `options`, a JSON object, is an [extra parameter](Rfc8693::extra_parameter): `userProject` for
//!   a workforce pool.
//! - The client of a workload pool does not authenticate. The client of a workforce pool may, by
//!   HTTP Basic.
//! - If the provider's attribute condition rejects a token, the error is `unauthorized_client`. For
//!   a bad token it is `invalid_grant`.
//!
//! [sts]: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
//! [types]: https://cloud.google.com/docs/authentication/token-types
//! [calls]: https://cloud.google.com/run/docs/authenticating/service-to-service

use super::{Refusal, Rfc8693, TargetBy};
use crate::grant::token_endpoint::ErrorClass;
use crate::token::token_type::TokenType;
use crate::validate::jwt::TokenTyp;
use crate::validate::profile::{ClaimMatcher, Profile};

/// ID tokens of service accounts for this service.
pub fn profile() -> Profile {
    Profile::LENIENT
        .types([TokenTyp::Jwt])
        .require_claim("iat")
        .require_client()
        .require_match(ClaimMatcher::SUBJECT_IS_CLIENT)
        .scope_from([])
        .client_from(["azp"])
}

/// The issuer, for [`Issuer::new`](crate::Issuer::new).
pub const ISSUER: &str = "https://accounts.google.com";

/// The security token service: the token of another issuer for a token for the vendor's services.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("google")
        .target_by(TargetBy::OneAudience)
        .require_scope()
        .subject_type(TokenType::JWT)
        .requested_type(TokenType::ACCESS_TOKEN)
        .offered_types([TokenType::ACCESS_TOKEN])
        .without_actor()
        .classify(class)
}

fn class(refusal: &Refusal<'_>) -> Option<ErrorClass> {
    // No client has authenticated: the provider's condition rejects this token.
    (refusal.error() == "unauthorized_client").then_some(ErrorClass::TargetDenied)
}
