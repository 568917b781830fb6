use obo_core::UnixTime;

use super::countdown::{Countdown, End};
use crate::clock::Clock;
use crate::refusal::rejection::Rejection;

/// Waits for `until` on either clock; for ever where it is further away than the clock counts.
pub(crate) fn refused(
    until: UnixTime,
    clock: &Clock,
) -> impl Future<Output = Rejection> + Send + use<> {
    // Read now, and not when the future is polled first.
    let end = End::new(until, clock);
    async move {
        match end {
            Some(end) => Countdown::new(end).await,
            None => std::future::pending().await,
        }
    }
}
