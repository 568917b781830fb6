use axum_core::extract::FromRequestParts;
use http::request::Parts;
use obo::{Caller, Rejection, Rule};

use crate::authenticated::caller;
use crate::error::Error;

/// Extracts the caller of this request if it is a user. A service that calls for itself is refused
/// with 403.
///
/// A service that acts for a user is admitted, because the subject is the user.
///
/// ```
/// use obo_axum::User;
///
/// async fn profile(User(user): User) -> String {
///     format!("the profile of {}", user.subject())
/// }
/// # let _: axum::Router = axum::Router::new().route("/profile", axum::routing::get(profile));
/// ```
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
