use http::Extensions;
use obo_core::Caller;

use crate::observe;
use crate::refusal::rejection::Rejection;

/// A layer puts it into the extensions of a request that it admits without a caller.
#[derive(Clone, Copy)]
struct WithoutCaller;

/// Marks a request that a layer admits without a caller, and removes the caller of an outer layer.
pub(super) fn mark_without_caller(extensions: &mut Extensions) {
    extensions.remove::<Caller>();
    extensions.insert(WithoutCaller);
}

/// Returns the caller that a [`BearerAuthLayer`](crate::BearerAuthLayer) put into a request's
/// extensions, or `None` if the layer admitted the request without a token.
///
/// For layers, extractors and interceptors of your own that need the caller. `needed_by` is their
/// name, for the log.
///
/// ```
/// use obo::{Rejection, bearer};
///
/// fn user_name<B>(request: &http::Request<B>) -> Result<Option<&str>, Rejection> {
///     let caller = bearer::caller(request.extensions(), "user_name")?;
///     Ok(caller.map(|caller| caller.subject()))
/// }
/// ```
///
/// # Errors
///
/// [`Rejection::Misconfigured`] (500) if no such layer has seen the request: the layer is missing,
/// or it is further inside. The log names the right order.
pub fn caller<'e>(
    extensions: &'e Extensions,
    needed_by: &'static str,
) -> Result<Option<&'e Caller>, Rejection> {
    let caller = extensions.get::<Caller>();
    if caller.is_none() && extensions.get::<WithoutCaller>().is_none() {
        observe::no_layer(needed_by);
        return Err(Rejection::Misconfigured(
            "no BearerAuthLayer ran before a layer or extractor that needs the caller",
        ));
    }
    Ok(caller)
}
