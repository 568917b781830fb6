//! Google, tokens of service accounts for another service.
//!
//! Shapes from the vendor's [page on token types][types] and [on service-to-service calls][calls], outbound from the
//! [reference of its security token service][sts]; nothing here was run against the service.
//!
//! Access tokens are opaque, and no resource server but the vendor's own can read them. What a service sends to another,
//! and what platforms check in front of one, is an ID token that a service account got for the other's URL. This profile
//! takes those and no user's: the client (`azp`) must be the subject itself, which a person's sign-in never has. They
//! carry no scope.
//!
//! Anybody can get such a token: whoever asks chooses the audience, and every service account of every customer has this
//! issuer. So `aud` admits nobody in particular. Name the accounts that may call, by a rule on the subject, on every route.
//!
//! Outbound ([`exchange`]) its security token service takes the token of a foreign issuer for access to the vendor's own
//! services (workload and workforce identity federation). The issued token is opaque and for nobody else.
//!
//! - `audience` is the full name of the provider in the identity pool, and a scope has to be named.
//! - `options`, a JSON object, is an [extra parameter](Rfc8693::extra_parameter): `userProject` for a workforce pool.
//! - The client does not authenticate with a workload pool, and does by HTTP Basic with a workforce pool, if at all.
//! - A token that the provider's attribute condition refuses is told as `unauthorized_client`, and a bad one as
//!   `invalid_grant`.
//!
//! [sts]: https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token
//! [types]: https://cloud.google.com/docs/authentication/token-types
//! [calls]: https://cloud.google.com/run/docs/authenticating/service-to-service

use super::{Refusal, Rfc8693, TargetBy};
use crate::grant::token_endpoint::ErrorClass;
use crate::token::token_type::TokenType;
use crate::validate::jwt::TokenTyp;
use crate::validate::profile::{ClaimMatcher, Profile};

/// ID tokens of service accounts, addressed to this service.
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

/// The security token service: the token of a foreign issuer for one that the vendor's services take.
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
    // No client has authenticated: it is this token that the provider's condition refuses.
    (refusal.error() == "unauthorized_client").then_some(ErrorClass::TargetDenied)
}
