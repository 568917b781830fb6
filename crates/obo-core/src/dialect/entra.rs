//! Microsoft Entra ID.
//!
//! The shapes come from the vendor's [access token claims reference][claims], its page on the
//! [on-behalf-of flow][flow] and its [list of errors][errors]. Not tested against the service.
//!
//! A resource chooses the version of its tokens (`accessTokenAcceptedVersion`), so a policy is for
//! one version: [`issuer`] and [`profile`] for version 2.0, [`issuer_v1`] and [`profile_v1`] for
//! version 1.0. Each tenant needs its own policy; no issuer covers several.
//!
//! ```
//! use obo_core::{Policy, dialect::entra};
//!
//! let policy = Policy::builder(entra::issuer("72f988bf-86f1-41af-91ab-2d7cd011db47")?)
//!     .audience("6e74172b-be56-4843-9ff4-e66a39bb12e3")
//!     .profile(entra::profile())
//!     .build()?;
//! # Ok::<(), obo_core::ConfigError>(())
//! ```
//!
//! - `sub` differs in each resource. `tid` and `oid` identify the user everywhere; read them with
//!   [`PolicyBuilder::claims`](crate::PolicyBuilder::claims).
//! - Scope (`scp`) is what a user has consented to. Roles are permissions of the user or of the
//!   calling application. Neither is read as the other.
//! - There is no `act`. [`Profile::allow_client_as_actor`] makes the immediate caller the actor.
//!
//! Outbound ([`on_behalf_of`]), the server uses the grant for JWT assertions instead of RFC 8693,
//! and a scope names the target. The target's audience is the `aud` of its tokens: the
//! application's GUID (version 2.0) or its URI (version 1.0).
//!
//! ```
//! use obo_core::{Audience, Scope, Target};
//!
//! let orders = Audience::new("6e74172b-be56-4843-9ff4-e66a39bb12e3")?;
//! let target = Target::audience(orders).with_scope(Scope::new(["api://orders/.default"])?);
//! # Ok::<(), obo_core::ConfigError>(())
//! ```
//!
//! - The server acts only for users, so a caller without a user is rejected here.
//! - The response has no `issued_token_type`, and its scope is not `.default`. The user has a
//!   different `sub` in each audience. So these are not compared. `oid` and `tid` are compared if
//!   both tokens have them.
//! - If the user must do more, the refusal has `claims`. They go in a challenge to the service that
//!   signs the user in. Claims from the challenge of a called service are sent with
//!   [`ExchangeRequest::with_claims`](crate::ExchangeRequest::with_claims).
//! - `invalid_grant` has many meanings; the numbers in `error_codes` tell which. A caller gets 401
//!   only for a number that a new sign-in fixes, so a fault of this service causes no loop of
//!   sign-ins. The vendor may add numbers: an unknown one means that the target is denied.
//!
//! [flow]: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-on-behalf-of-flow
//! [errors]: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
//! [claims]: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference

mod refusals;

use super::{Rfc8693, TargetBy};
use crate::error::ConfigError;
use crate::token::issuer::Issuer;
use crate::validate::jwt::TokenTyp;
use crate::validate::profile::{ClaimMatcher, Profile, ScopeClaim};

/// Access tokens of version 2.0, of the issuer's tenant.
pub fn profile() -> Profile {
    either()
        .require_match(ClaimMatcher::is("ver", "2.0"))
        .client_from(["azp"])
}

/// Access tokens of version 1.0, of the issuer's tenant.
pub fn profile_v1() -> Profile {
    either()
        .require_match(ClaimMatcher::is("ver", "1.0"))
        .client_from(["appid"])
}

/// An ID token has neither `azp` nor `appid`. A token without `scp` has no user, even if the
/// optional claim `idtyp` is not configured.
fn either() -> Profile {
    Profile::LENIENT
        .types([TokenTyp::Jwt])
        .require_claim("iat")
        .require_client()
        .require_match(ClaimMatcher::in_issuer("tid"))
        .scope_from([ScopeClaim::text("scp")])
        .service_matchers([
            ClaimMatcher::is("idtyp", "app"),
            ClaimMatcher::absent("scp"),
            ClaimMatcher::SUBJECT_IS_CLIENT,
        ])
}

/// The issuer of a tenant's tokens of version 2.0,
/// `https://login.microsoftonline.com/{tenant}/v2.0`.
///
/// National clouds have other hosts: pass the `iss` of their tokens to [`Issuer::new`].
///
/// # Errors
///
/// Fails if `tenant` is not the GUID of a tenant. `common`, `organizations` and `consumers` are not
/// tenants, and tokens do not have the tenant's domain.
pub fn issuer(tenant: &str) -> Result<Issuer, ConfigError> {
    check_guid(tenant)?;
    Issuer::new(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
}

/// The issuer of a tenant's tokens of version 1.0, `https://sts.windows.net/{tenant}/`.
///
/// # Errors
///
/// Fails like [`issuer`].
pub fn issuer_v1(tenant: &str) -> Result<Issuer, ConfigError> {
    check_guid(tenant)?;
    Issuer::new(format!("https://sts.windows.net/{tenant}/"))
}

fn check_guid(tenant: &str) -> Result<(), ConfigError> {
    let groups = tenant.split('-').map(str::len);
    let digits = |byte: u8| byte == b'-' || matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if groups.eq([8, 4, 4, 4, 12]) && tenant.bytes().all(digits) {
        return Ok(());
    }
    Err(ConfigError::new(
        "tenant",
        format!("{tenant:?} is not a tenant's GUID in lower case, as in the `tid` of tokens"),
    ))
}

/// The on-behalf-of flow of the token endpoint, version 2.0.
pub fn on_behalf_of() -> Rfc8693 {
    Rfc8693::new()
        .with_name("entra")
        .jwt_bearer()
        .target_by(TargetBy::Scope)
        .require_scope()
        .require_user()
        .allow_claims()
        .allow_missing_issued_type()
        .allow_text_expires_in()
        .allow_wider_scope()
        .pairwise_subject()
        .user_claims(["oid", "tid"])
        .classify(refusals::class)
}
