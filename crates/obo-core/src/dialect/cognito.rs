//! Amazon Cognito user pools.
//!
//! The shapes come from the [vendor's guide][guide], from its pages on the access token and the ID
//! token. Not tested against the service.
//!
//! - Access tokens have no `aud` unless the client asked for one (resource binding). Without it,
//!   `client_id` is compared with the audience of the policy: configure the app client whose tokens
//!   are for this service, and add others with
//!   [`PolicyBuilder::audience`](crate::PolicyBuilder::audience). Do not accept every client of the
//!   pool.
//! - `token_use` distinguishes the kinds. Nothing else does: the `aud` of an ID token is the
//!   client.
//! - Users have `username`. Tokens of a client that acts for itself do not.
//!
//! [guide]: https://docs.aws.amazon.com/cognito/latest/developerguide/

use crate::error::ConfigError;
use crate::token::issuer::Issuer;
use crate::validate::profile::{ClaimMatcher, Profile};

/// Access tokens of a user pool.
pub fn profile() -> Profile {
    Profile::LENIENT
        .require_claim("iat")
        .require_claim("jti")
        .require_client()
        .require_match(ClaimMatcher::is("token_use", "access"))
        .allow_client_as_audience()
        .service_matchers([
            ClaimMatcher::SUBJECT_IS_CLIENT,
            ClaimMatcher::absent("username"),
        ])
        .groups_from(&["cognito:groups"])
}

/// The issuer of a user pool, `https://cognito-idp.{region}.amazonaws.com/{pool}`. The pool's name
/// begins with the region.
///
/// # Errors
///
/// Fails if `pool` is not the identifier of a pool, such as `eu-central-1_AbCdEfGhI`.
pub fn issuer(pool: &str) -> Result<Issuer, ConfigError> {
    let simple = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match pool.split_once('_') {
        Some((region, name))
            if !region.is_empty()
                && !name.is_empty()
                && region.bytes().all(simple)
                && name.bytes().all(simple) =>
        {
            Issuer::new(format!("https://cognito-idp.{region}.amazonaws.com/{pool}"))
        }
        _ => Err(ConfigError::new(
            "pool",
            format!("{pool:?} is not the identifier of a user pool, `<region>_<name>`"),
        )),
    }
}
