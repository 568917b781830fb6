//! WSO2 Identity Server and Asgardeo.
//!
//! Outbound only, from the vendor's page on [delegation][delegation]. Not tested against the
//! server. Access tokens follow RFC 9068 if the application uses JWTs, so inbound use
//! [`Profile::RFC9068`](crate::Profile::RFC9068).
//!
//! - The caller's token is always sent as a JWT.
//! - There is no parameter for the target: scopes are requested, and `aud` is the application plus
//!   the audiences that its configuration adds. The target's audience is one of these and is not
//!   sent.
//! - With an actor token, a JWT, the issued token has `act`. A further exchange nests it.
//!
//! [delegation]: https://wso2.com/asgardeo/docs/guides/authorization/delegation/

use super::{Rfc8693, TargetBy};
use crate::token::token_type::TokenType;

/// The token exchange grant of an application.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("wso2")
        .target_by(TargetBy::Scope)
        .require_scope()
        .subject_type(TokenType::JWT)
        .offered_types([TokenType::ACCESS_TOKEN, TokenType::JWT])
        .actor_types([TokenType::JWT])
}
