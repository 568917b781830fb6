/// Panics because the future `what` was polled after it completed. To stay pending would hang the
/// caller.
#[cold]
#[track_caller]
#[expect(
    clippy::panic,
    reason = "the future has no value left, and pending would hang the caller"
)]
pub(crate) fn polled_after_completion(what: &str) -> ! {
    panic!("`{what}` was polled after it completed")
}
