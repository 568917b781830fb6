//! Keycloak.
//!
//! Shapes put together from the vendor's [server administration guide][guide] (token mappers, service accounts); they were
//! not captured, and nothing here was run against the server.
//!
//! - Every kind of token has the header `typ` `JWT` (access tokens have `at+jwt` where the client's option is on), and
//!   the claim `typ` tells them apart: `Bearer`, `ID`, `Refresh` (KC-08).
//! - `aud` names this service only where an audience mapper, or a client role of it, puts it there.
//! - There is no `act` unless delegation is on; [`Profile::client_is_actor`] makes the client the actor (KC-05).
//! - `client_id` is in tokens of service accounts alone, so one with it is a service's. A realm that maps it into all
//!   tokens has to say by [`Profile::service_if`] what it goes by instead.
//! - Roles are those of the realm. Those of one client are at `["resource_access", "<client>", "roles"]`, for
//!   [`Profile::roles_from`].
//!
//! [guide]: https://www.keycloak.org/docs/latest/server_admin/

use crate::{ConfigError, Issuer, Mark, Profile, Typ};

/// Access tokens of a realm.
pub fn profile() -> Profile {
    Profile::LENIENT
        .types([Typ::AccessToken, Typ::Jwt])
        .requires("iat")
        .requires("jti")
        .requires_client()
        .expects(Mark::is("typ", "Bearer"))
        .client_from(["azp"])
        // The subject of a service account is a user of its own. Its session notes are claims by the scope
        // `service_account`. Its user name is no mark: people may choose theirs.
        .service_if([
            Mark::present("client_id"),
            Mark::present("clientId"),
            Mark::SUBJECT_IS_CLIENT,
        ])
        .roles_from(&["realm_access", "roles"])
}

/// The issuer of a realm, `{server}/realms/{realm}`; `server` has no slash at its end.
///
/// # Errors
///
/// As [`Issuer::new`], or when `realm` is empty or has a slash.
pub fn issuer(server: &str, realm: &str) -> Result<Issuer, ConfigError> {
    if realm.is_empty() || realm.contains('/') {
        return Err(ConfigError::new(
            "realm",
            format!("{realm:?} must be one segment of a path"),
        ));
    }
    Issuer::new(format!("{server}/realms/{realm}"))
}
