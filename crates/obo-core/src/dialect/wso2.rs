//! WSO2 Identity Server and Asgardeo.
//!
//! Outbound alone, from the vendor's page on [delegation][delegation]; nothing here was run against either. Their access
//! tokens are those of RFC 9068 where the application is set to JWTs, so inbound there is
//! [`Profile::RFC9068`](crate::Profile::RFC9068).
//!
//! - The caller's token is declared a JWT, whoever issued it.
//! - There is no parameter for the target: scopes are asked for, and `aud` is the application with the audiences that it
//!   is configured to add. The target's audience is one of these, and is not sent.
//! - With an actor token, a JWT, the issued token has `act`; a further exchange nests it.
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
