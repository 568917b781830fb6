/// Panics since the future `what` was polled after it completed, a mistake of whoever polls it: to stay pending would hang.
#[cold]
#[track_caller]
#[expect(
    clippy::panic,
    reason = "the future has nothing left to give, and silence would hang the caller"
)]
pub(crate) fn polled_after_completion(what: &str) -> ! {
    panic!("`{what}` was polled after it completed")
}
