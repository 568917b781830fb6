//! Okta, custom authorization servers.
//!
//! Shapes from the vendor's [reference of token claims][tokens], outbound from its guide to the [on-behalf-of
//! exchange][obo]; nothing here was run against the service. The org
//! authorization server is not meant: its access tokens are for the vendor's own API and are not to be validated by
//! others.
//!
//! Inbound ([`profile`]):
//!
//! - The header has no `typ`. ID tokens have no `cid`.
//! - `scp` is an array.
//! - `sub` is the user's login name, and `uid` the user's identifier; tokens without `uid` have no user in them.
//!
//! Outbound ([`exchange`]):
//!
//! - The authorization server asked is the one that issues for the target; it may be another than the caller's token is
//!   of, which it then has to trust. `audience` is that server's audience, and a scope of its own has to be named.
//! - There is no actor token, and no `act`: the client (`cid`) is who acts.
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
