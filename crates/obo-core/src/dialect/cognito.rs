//! Amazon Cognito user pools.
//!
//! Shapes from the vendor's [page on the access token][access] and [on the ID token][id]; nothing here was run against
//! the service.
//!
//! - Access tokens have no `aud` unless the client asked for one (resource binding). Without it, the audience of the
//!   policy is compared with `client_id`: configure the app client whose tokens are meant for this service, and others
//!   with [`PolicyBuilder::audience`](crate::PolicyBuilder::audience). Any client of the pool would be nobody's check.
//! - `token_use` tells the kinds apart; an ID token's `aud` is the client, so that nothing else would.
//! - Users are known by `username`, which tokens of a client for itself do not have.
//!
//! [access]: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-access-token.html
//! [id]: https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-the-id-token.html

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

/// The issuer of a user pool, `https://cognito-idp.{region}.amazonaws.com/{pool}`, with the region that its name begins
/// with.
///
/// # Errors
///
/// When `pool` is not the identifier of a pool, such as `eu-central-1_AbCdEfGhI`.
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
