use obo::{Rejection, Validated};
use tonic::{Request, Status};

use crate::status;

/// The caller of this request, as an [`obo::BearerAuthLayer`] validated it.
///
/// # Errors
///
/// `UNAUTHENTICATED` when there is none: no layer, or one that allows anonymous callers.
pub fn caller<T>(request: &Request<T>) -> Result<&Validated, Status> {
    request
        .extensions()
        .get::<Validated>()
        .ok_or_else(|| status(&Rejection::MissingCredentials.answer()))
}

/// The caller with the claims type that the issuer's policy reads ([`Policy::claims`](obo::Policy::claims)).
///
/// # Errors
///
/// As [`caller`]; `INTERNAL` when the policy does not read `C`.
pub fn caller_with_claims<C, T>(request: &Request<T>) -> Result<Validated<C>, Status>
where
    C: Send + Sync + 'static,
{
    caller(request)?.with_claims().ok_or_else(|| {
        let rejection = Rejection::Misconfigured("the policy does not read the claims asked for");
        status(&rejection.answer())
    })
}
