//! Okta, custom authorization servers.
//!
//! The shapes come from the vendor's [reference of token claims][tokens] and its guide to the
//! [on-behalf-of exchange][obo]. Not tested against the service. Not for the org authorization
//! server: its access tokens are for the vendor's own API, and other services cannot validate them.
//!
//! Inbound ([`profile`]):
//!
//! - The header has no `typ`. ID tokens have no `cid`.
//! - `scp` is an array.
//! - `sub` is the user's login name, `uid` the user's identifier. A token without `uid` has no
//!   user.
//!
//! Outbound ([`exchange`]):
//!
//! - The authorization server is the one that issues tokens for the target. If it is not the issuer
//!   of the caller's token, it must trust that issuer. `audience` is the audience of this server,
//!   and one of its scopes is required.
//! - There is no actor token and no `act`: the client (`cid`) is the actor.
//! - A policy's refusal is `access_denied`.
//!
//! [obo]: https://developer.okta.com/docs/guides/set-up-token-exchange/main/
//! [tokens]: https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token

use super::{Rfc8693, TargetBy};
use crate::token::token_type::TokenType;
use crate::validate::profile::{ClaimMatcher, Profile, ScopeClaim};

/// Access tokens of a custom authorization server.
pub fn profile() -> Profile {
    Profile::LENIENT
        .require_claim("iat")
        .require_claim("jti")
        .require_client()
        .scope_from([ScopeClaim::array("scp")])
        .client_from(["cid"])
        .service_matchers([ClaimMatcher::SUBJECT_IS_CLIENT, ClaimMatcher::absent("uid")])
}

/// The on-behalf-of token exchange of a custom authorization server.
pub fn exchange() -> Rfc8693 {
    Rfc8693::new()
        .with_name("okta")
        .target_by(TargetBy::OneAudience)
        .client_target_by(TargetBy::Scope)
        .require_scope()
        .subject_type(TokenType::ACCESS_TOKEN)
        .offered_types([TokenType::ACCESS_TOKEN])
        .without_actor()
}
