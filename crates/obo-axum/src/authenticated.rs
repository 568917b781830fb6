use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use http::request::Parts;
use obo::{Caller, Rejection, bearer};

use crate::error::Error;

/// The caller of this request: a user, or a service for itself.
///
/// `C` is the type of further claims that the issuer's policy reads ([`Trust::claims`](obo::Trust::claims)). As
/// `Option<Authenticated>` it is `None` for a caller without credentials, which only a layer that
/// [allows them](obo::BearerAuthLayer::allow_anonymous) lets pass.
///
/// Without a caller the request is refused as if the layer had done it; without a layer, with 500, and the log says so.
/// What the caller may do is for an [`obo::Rule`].
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

/// The caller, if any; an error without a layer, and if the policy does not read `C`.
pub(crate) fn caller<C: Send + Sync + 'static>(
    parts: &Parts,
    extractor: &'static str,
) -> Result<Option<Caller<C>>, Error> {
    let typed = |caller: &Caller| {
        caller.with_claims().ok_or(Rejection::Misconfigured(
            "a handler asks for claims of a type that the policy does not read; see Policy::claims",
        ))
    };
    bearer::caller(&parts.extensions, extractor)
        .and_then(|caller| caller.map(typed).transpose())
        .map_err(|rejection| Error::of_request(rejection, parts))
}
