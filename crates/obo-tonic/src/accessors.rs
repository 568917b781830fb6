use obo::{Caller, Rejection, bearer};
use tonic::{Request, Status};

use crate::status;

/// Returns the caller of this request, which an [`obo::BearerAuthLayer`] has validated.
///
/// ```
/// use tonic::{Request, Response, Status};
///
/// async fn whoami(request: Request<()>) -> Result<Response<String>, Status> {
///     let caller = obo_tonic::caller(&request)?;
///     Ok(Response::new(caller.subject().to_owned()))
/// }
/// ```
///
/// # Errors
///
/// `UNAUTHENTICATED` if the layer admitted the request without a caller. `INTERNAL` if there is no
/// layer; the log names the right order.
pub fn caller<T>(request: &Request<T>) -> Result<&Caller, Status> {
    bearer::caller(request.extensions(), "obo_tonic::caller")
        .and_then(|caller| caller.ok_or(Rejection::MissingCredentials))
        .map_err(|rejection| status(&rejection.response()))
}

/// Returns the caller with the typed claims of the issuer ([`Trust::claims`](obo::Trust::claims)).
///
/// ```
/// use tonic::{Request, Status};
///
/// #[derive(serde::Deserialize)]
/// struct Tenant {
///     tenant: String,
/// }
///
/// fn tenant(request: &Request<()>) -> Result<String, Status> {
///     let caller = obo_tonic::caller_with_claims::<Tenant, _>(request)?;
///     Ok(caller.claims().tenant.clone())
/// }
/// ```
///
/// # Errors
///
/// As [`caller`]. Also `INTERNAL` if the policy does not read `C`.
pub fn caller_with_claims<C, T>(request: &Request<T>) -> Result<Caller<C>, Status>
where
    C: Send + Sync + 'static,
{
    caller(request)?.with_claims().ok_or_else(|| {
        let rejection = Rejection::Misconfigured(
            "a method reads claims of a type that the policy does not read, see Trust::claims",
        );
        status(&rejection.response())
    })
}
