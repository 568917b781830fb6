//! Google, tokens of service accounts for another service.
//!
//! Shapes from the vendor's [page on token types][types] and [on service-to-service calls][calls]; nothing here was run
//! against the service.
//!
//! Access tokens are opaque, and no resource server but the vendor's own can read them. What a service sends to another,
//! and what platforms check in front of one, is an ID token that a service account got for the other's URL. This profile
//! takes those and no user's: the client (`azp`) must be the subject itself, which a person's sign-in never has. They
//! carry no scope.
//!
//! Anybody can get such a token: whoever asks chooses the audience, and every service account of every customer has this
//! issuer. So `aud` admits nobody in particular. Name the accounts that may call, by a rule on the subject, on every route.
//!
//! [types]: https://cloud.google.com/docs/authentication/token-types
//! [calls]: https://cloud.google.com/run/docs/authenticating/service-to-service

use crate::{Mark, Profile, Typ};

/// ID tokens of service accounts, addressed to this service.
pub fn profile() -> Profile {
    Profile::LENIENT
        .types([Typ::Jwt])
        .requires("iat")
        .requires_client()
        .expects(Mark::SUBJECT_IS_CLIENT)
        .scope_from([])
        .client_from(["azp"])
}

/// The issuer, for [`Issuer::new`](crate::Issuer::new).
pub const ISSUER: &str = "https://accounts.google.com";
