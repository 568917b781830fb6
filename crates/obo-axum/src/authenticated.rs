use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use obo::{Caller, Rejection, bearer};

use crate::error::Error;

/// Extracts the caller of this request: a user, or a service that calls for itself.
///
/// ```
/// use obo_axum::Authenticated;
///
/// async fn orders(Authenticated(caller): Authenticated) -> String {
///     format!("orders of {}", caller.subject())
/// }
///
/// async fn greeting(caller: Option<Authenticated>) -> &'static str {
///     match caller {
///         Some(_) => "welcome back",
///         None => "hello",
///     }
/// }
/// # let _: axum::Router = axum::Router::new()
/// #     .route("/orders", axum::routing::get(orders))
/// #     .route("/", axum::routing::get(greeting));
/// ```
///
/// `C` is the type of the typed claims of the issuer ([`Trust::claims`](obo::Trust::claims)).
/// `Option<Authenticated>` is `None` for a request without credentials, if the layer [allows
/// anonymous requests](obo::BearerAuthLayer::allow_anonymous).
///
/// Without a caller the request is refused as by the layer. Without a layer it is refused with 500,
/// and the log names the right order. To check what the caller may do, use an [`obo::Rule`].
#[derive(Clone, Debug)]
pub struct Authenticated<C = ()>(pub Caller<C>);

impl<C, S> FromRequestParts<S> for Authenticated<C>
where
    C: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Error> {
        caller(parts, "Authenticated")?
            .ok_or(Rejection::MissingCredentials)
            .map(Self)
            .map_err(|rejection| Error::of_request(rejection, parts))
    }
}

impl<C, S> OptionalFromRequestParts<S> for Authenticated<C>
where
    C: Send + Sync + 'static,
    S: Sync,
{
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Error> {
        Ok(caller(parts, "Option<Authenticated>")?.map(Self))
    }
}

/// The caller, if there is one. An error without a layer, and if the policy does not read `C`.
pub(crate) fn caller<C: Send + Sync + 'static>(
    parts: &Parts,
    extractor: &'static str,
) -> Result<Option<Caller<C>>, Error> {
    let typed = |caller: &Caller| {
        caller.with_claims().ok_or(Rejection::Misconfigured(
            "a handler extracts claims of a type that the policy does not read, see Trust::claims",
        ))
    };
    bearer::caller(&parts.extensions, extractor)
        .and_then(|caller| caller.map(typed).transpose())
        .map_err(|rejection| Error::of_request(rejection, parts))
}
