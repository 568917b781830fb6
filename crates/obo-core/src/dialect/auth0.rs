//! Auth0.
//!
//! Shapes from the vendor's [access token profiles][profiles], of which an API has one of two: the vendor's own (header
//! `typ` `JWT`, client in `azp`) or RFC 9068's (`at+jwt`, `client_id`). Nothing here was run against the service.
//!
//! - An API of the second kind is better off with [`Profile::RFC9068`]; this profile takes both.
//! - ID tokens have neither `azp` nor `client_id`, and their audience is the client.
//! - The subject of a client for itself is `<client>@clients`.
//! - Permissions (`permissions`) are in no claim of RFC 9068; [`Profile::roles_from`] may read them as roles.
//!
//! [profiles]: https://auth0.com/docs/secure/tokens/access-tokens/access-token-profiles

use crate::{Mark, Profile, Typ};

/// Access tokens for an API, under either of the vendor's profiles.
pub fn profile() -> Profile {
    Profile::LENIENT
        .types([Typ::AccessToken, Typ::Jwt])
        .requires("iat")
        .requires_client()
        .client_from(["azp", "client_id"])
        .service_if([
            Mark::ends_with("sub", "@clients"),
            Mark::is("gty", "client-credentials"),
            Mark::SUBJECT_IS_CLIENT,
        ])
}
