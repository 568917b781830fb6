use axum_core::extract::FromRequestParts;
use http::request::Parts;
use obo::{Caller, Rejection, Rule};

use crate::authenticated::caller;
use crate::error::Error;

/// The caller of this request, who is a user: a service that calls for itself is refused (403).
///
/// A service that acts for a user passes: the subject is the user.
#[derive(Clone, Debug)]
pub struct User<C = ()>(pub Caller<C>);

impl<C, S> FromRequestParts<S> for User<C>
where
    C: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        let caller = caller(parts, "User")?.ok_or(Rejection::MissingCredentials);
        caller
            .and_then(|caller| Rule::user().check(&caller).map(|()| Self(caller)))
            .map_err(|rejection| Error::of_request(rejection, parts))
    }
}
