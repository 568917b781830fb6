use http::Extensions;
use obo_core::Caller;

use crate::observe;
use crate::refusal::rejection::Rejection;

/// Left in a request's extensions by a layer that let it pass without a caller. Nothing else can make one.
#[derive(Clone, Copy)]
struct WithoutCaller;

/// Notes that a layer let the request pass without a caller, and removes the one of a layer further outside.
pub(super) fn let_pass_without(extensions: &mut Extensions) {
    extensions.remove::<Caller>();
    extensions.insert(WithoutCaller);
}

/// The caller that a [`BearerAuthLayer`](crate::BearerAuthLayer) left in a request's extensions; `None` if the layer let
/// the request pass without a token.
///
/// Layers, extractors and interceptors that need to know the caller call it. `needed_by` is their name, for the log.
///
/// # Errors
///
/// [`Rejection::Misconfigured`] (500) if no such layer has seen the request: it is missing, or comes too late. The log
/// says so, and which order is right.
pub fn caller<'e>(
    extensions: &'e Extensions,
    needed_by: &'static str,
) -> Result<Option<&'e Caller>, Rejection> {
    let caller = extensions.get::<Caller>();
    if caller.is_none() && extensions.get::<WithoutCaller>().is_none() {
        observe::no_layer(needed_by);
        return Err(Rejection::Misconfigured(
            "no BearerAuthLayer ran before what needs a caller",
        ));
    }
    Ok(caller)
}
