//! Tokendings, the token service of the nais platform.
//!
//! Outbound only, from the [open source][source]. Not tested against the server. Its tokens have
//! `typ` `JWT`, so inbound use [`Profile::LENIENT`](crate::Profile::LENIENT).
//!
//! - `audience` is one application, `cluster:namespace:app`. Its access policy must allow this one.
//! - The caller's token is sent as a JWT: from the platform's sign-in, or from this server with
//!   this application in `aud`.
//! - The client authenticates by `private_key_jwt` with RS256, valid for at most two minutes.
//! - Every error is `invalid_request`. The description distinguishes a denied target from a bad
//!   token.
//! - The issued token may outlive the caller's token. As always, it is not used longer than that.
//! - It issues no tokens to a client for itself.
//!
//! [source]: https://github.com/nais/tokendings

use super::{Refusal, Rfc8693, TargetBy};
use crate::grant::token_endpoint::ErrorClass;
use crate::token::token_type::TokenType;

/// The token exchange, for one application of the platform.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("tokendings")
        .target_by(TargetBy::OneAudience)
        .subject_type(TokenType::JWT)
        .without_requested_type()
        .without_actor()
        .classify(class)
}

fn class(refusal: &Refusal<'_>) -> Option<ErrorClass> {
    let description = refusal.description();
    let is_of_audience =
        description.starts_with("audience ") && description.ends_with(" is invalid");
    match refusal.error() {
        "invalid_request"
            if is_of_audience || description.contains("not authorized to get token") =>
        {
            Some(ErrorClass::TargetDenied)
        }
        "invalid_request" if description.starts_with("client is not authenticated") => {
            Some(ErrorClass::ClientMisconfigured)
        }
        _ => None,
    }
}
