//! Refusals that are raised inside the layer and come back with the response: by an extractor, a handler, an interceptor.

use std::sync::OnceLock;

use http::Extensions;

use crate::refusal::rejection::Rejection;

type Find = fn(&Extensions) -> Option<&Rejection>;

static ALSO: OnceLock<Find> = OnceLock::new();

/// In a response that has been told already.
#[derive(Clone, Copy)]
struct Told;

/// Where a crate's own kind of response holds the rejection it was made of, so that the layer tells it as any other.
///
/// For `obo-tonic`, whose statuses this crate does not know; a second one is ignored.
#[doc(hidden)]
pub fn also_find_rejections(find: Find) {
    // Who comes second has set the same or is another version, which is not worth a panic.
    let _ = ALSO.set(find);
}

/// Says that the refusal of this response is told, so that no layer around does it again.
pub(super) fn mark_told(response: &mut Extensions) {
    response.insert(Told);
}

/// What a response was refused for, where nobody has told it yet.
pub(super) fn untold(response: &Extensions) -> Option<&Rejection> {
    if response.is_empty() || response.get::<Told>().is_some() {
        return None;
    }
    let foreign = || ALSO.get().and_then(|find| find(response));
    response.get::<Rejection>().or_else(foreign)
}
