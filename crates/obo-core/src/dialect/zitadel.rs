//! ZITADEL, applications whose access tokens are JWTs.
//!
//! Shapes from the vendor's [table of claims][claims]; nothing here was run against the server.
//!
//! - By that table an ID token has `auth_time`, `amr` and `sid` and no `jti`, and an access token the other way round.
//! - `aud` names the project, where its scope `urn:zitadel:iam:org:project:id:{project}:aud` was asked for.
//! - Scope is not in the table, so it may be empty. Roles are, and they are the names of an object's members.
//! - A machine is a user of its own there, and nothing in its token says so:
//!   [`kind`](crate::Validated::kind) is then `User`. Do not take it for a person; ask for a role.
//!
//! [claims]: https://zitadel.com/docs/apis/openidoauth/claims

use crate::{Mark, Profile};

/// Access tokens in the form of a JWT.
pub fn profile() -> Profile {
    Profile::LENIENT
        .requires("iat")
        .requires("jti")
        .refuses(Mark::present("auth_time"))
        .refuses(Mark::present("amr"))
        .refuses(Mark::present("sid"))
        .client_from(["client_id", "azp"])
        .roles_from_keys_of("urn:zitadel:iam:org:project:roles")
}
