//! Okta, custom authorization servers.
//!
//! Shapes from the vendor's [reference of token claims][tokens]; nothing here was run against the service. The org
//! authorization server is not meant: its access tokens are for the vendor's own API and are not to be validated by
//! others.
//!
//! - The header has no `typ`. ID tokens have no `cid`.
//! - `scp` is an array.
//! - `sub` is the user's login name, and `uid` the user's identifier; tokens without `uid` have no user in them.
//!
//! [tokens]: https://developer.okta.com/docs/api/openapi/okta-oauth/guides/overview/#access-token

use crate::{Mark, Profile, ScopeFrom};

/// Access tokens of a custom authorization server.
pub fn profile() -> Profile {
    Profile::LENIENT
        .requires("iat")
        .requires("jti")
        .requires_client()
        .scope_from([ScopeFrom::array("scp")])
        .client_from(["cid"])
        .service_if([Mark::SUBJECT_IS_CLIENT, Mark::absent("uid")])
}
