//! Microsoft Entra ID.
//!
//! Shapes put together from the vendor's [access token claims reference][claims], its page on the [on-behalf-of
//! flow][flow] and its [list of errors][errors]; they were not captured, and nothing here was run against the service.
//!
//! Which version a resource gets is its own setting (`accessTokenAcceptedVersion`), so a policy names one: version 2.0 by
//! [`issuer`] and [`profile`], version 1.0 by [`issuer_v1`] and [`profile_v1`]. Several tenants are a policy each; no
//! issuer stands for all of them (EN-06).
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
//! - `sub` is another one in each resource; `tid` with `oid` is the user everywhere (EN-09). They are read with
//!   [`PolicyBuilder::claims`](crate::PolicyBuilder::claims).
//! - Scope (`scp`) is what a user has consented to, and roles are a permission of the user or of the calling application;
//!   neither is read as the other (EN-08).
//! - There is no `act`; [`Profile::allow_client_as_actor`] makes the immediate caller the actor.
//!
//! Outbound ([`on_behalf_of`]) it is not RFC 8693 but the grant for JWT assertions (EN-01), and a scope names the target.
//! The audience is then what its tokens have in `aud`: the application's GUID (version 2.0) or its URI (version 1.0).
//!
//! ```
//! use obo_core::{Audience, Scope, Target};
//!
//! let orders = Audience::new("6e74172b-be56-4843-9ff4-e66a39bb12e3")?;
//! let target = Target::audience(orders).with_scope(Scope::new(["api://orders/.default"])?);
//! # Ok::<(), obo_core::ConfigError>(())
//! ```
//!
//! - Applications by themselves cannot be acted for (EN-02), so a caller without a user is refused here.
//! - The answer has no `issued_token_type` (EN-03), its scope is spelled otherwise than `.default`, and the user has
//!   another `sub` in each audience, so neither is compared. `oid` and `tid` are, where both tokens have them.
//! - Where the user must do more, the refusal has `claims`. They go to whoever signs the user in, as a challenge (EN-04);
//!   those of a service that was called come back by
//!   [`ExchangeRequest::with_claims`](crate::ExchangeRequest::with_claims) (EN-05).
//! - `invalid_grant` is many things; the numbers in `error_codes` tell them apart. A caller gets 401 only for a number that
//!   a new sign-in fixes, so that a fault of this service causes no loop of sign-ins. The vendor may change the numbers:
//!   one that is not known here is a target that is denied.
//!
//! [flow]: https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-on-behalf-of-flow
//! [errors]: https://learn.microsoft.com/en-us/entra/identity-platform/reference-error-codes
//! [claims]: https://learn.microsoft.com/en-us/entra/identity-platform/access-token-claims-reference

mod refusals;

use super::{Rfc8693, TargetBy};
use crate::error::ConfigError;
use crate::token::issuer::Issuer;
use crate::validate::jwt::TokenTyp;
use crate::validate::profile::{ClaimMatcher, Profile, ScopeClaim};

/// Access tokens of version 2.0, of the tenant that the issuer names.
pub fn profile() -> Profile {
    either()
        .require_match(ClaimMatcher::is("ver", "2.0"))
        .client_from(["azp"])
}

/// Access tokens of version 1.0, of the tenant that the issuer names.
pub fn profile_v1() -> Profile {
    either()
        .require_match(ClaimMatcher::is("ver", "1.0"))
        .client_from(["appid"])
}

/// An ID token has neither `azp` nor `appid`. A token without `scp` has no user in it, also where the optional claim
/// `idtyp` that says so is not configured.
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

/// The issuer of a tenant's tokens of version 2.0, `https://login.microsoftonline.com/{tenant}/v2.0`.
///
/// National clouds have other hosts: give [`Issuer::new`] what their tokens have in `iss`.
///
/// # Errors
///
/// When `tenant` is not a tenant's GUID: `common`, `organizations` and `consumers` are no tenants, and tokens do not name
/// a tenant by its domain.
pub fn issuer(tenant: &str) -> Result<Issuer, ConfigError> {
    check_guid(tenant)?;
    Issuer::new(format!("https://login.microsoftonline.com/{tenant}/v2.0"))
}

/// The issuer of a tenant's tokens of version 1.0, `https://sts.windows.net/{tenant}/`.
///
/// # Errors
///
/// As [`issuer`].
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
        format!("{tenant:?} is not a tenant's GUID in lower case, as tokens have it in `tid`"),
    ))
}

/// The on-behalf-of flow of version 2.0 of the token endpoint.
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
