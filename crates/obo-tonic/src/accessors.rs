use obo::{Caller, Rejection, bearer};
use tonic::{Request, Status};

use crate::status;

/// The caller of this request, as an [`obo::BearerAuthLayer`] validated it.
///
/// # Errors
///
/// `UNAUTHENTICATED` if the layer let the request pass without a caller; `INTERNAL` if there is no layer, which the log
/// says.
pub fn caller<T>(request: &Request<T>) -> Result<&Caller, Status> {
    bearer::caller(request.extensions(), "obo_tonic::caller")
        .and_then(|caller| caller.ok_or(Rejection::MissingCredentials))
        .map_err(|rejection| status(&rejection.response()))
}

/// The caller with the claims type that the issuer's policy reads ([`Trust::claims`](obo::Trust::claims)).
///
/// # Errors
///
/// As [`caller`]; `INTERNAL` when the policy does not read `C`.
pub fn caller_with_claims<C, T>(request: &Request<T>) -> Result<Caller<C>, Status>
where
    C: Send + Sync + 'static,
{
    caller(request)?.with_claims().ok_or_else(|| {
        let rejection = Rejection::Misconfigured("the policy does not read the claims asked for");
        status(&rejection.response())
    })
}
