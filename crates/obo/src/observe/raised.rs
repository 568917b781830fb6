//! Refusals that are raised inside the layer and come back with the response: by an extractor, a handler, an interceptor.

use http::Extensions;

use crate::refusal::rejection::Rejection;

/// In a response whose refusal has been recorded.
#[derive(Clone, Copy)]
struct Recorded;

/// Says that the refusal of this response is recorded, so that no layer around records it again.
pub(super) fn mark_recorded(response: &mut Extensions) {
    response.insert(Recorded);
}

/// What a response was refused for, unless it is recorded already.
pub(super) fn unrecorded(response: &Extensions) -> Option<&Rejection> {
    match response.get::<Recorded>() {
        Some(_) => None,
        None => response.get(),
    }
}
