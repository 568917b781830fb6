//! How long a token is used, and when it is renewed in the background.

use std::time::Duration;

/// How long before its expiry a token is evicted at the latest.
const MAX_MARGIN: Duration = Duration::from_secs(60);
/// The part of a short lifetime that is not used.
const MARGIN_PART: f64 = 0.2;
/// The part of the margin that is random, so that entries do not all end at once.
const JITTER_PART: f64 = 0.1;
/// The part of the usable time after which a token is renewed, if it is still requested.
const RENEW_PART: f64 = 0.75;
/// A token that is usable for less is not renewed ahead.
const MIN_RENEWED: Duration = Duration::from_secs(10);

/// The lifetime minus a margin of 20 %, at most a minute, minus up to a tenth of the margin.
/// `fraction` is random.
pub(super) fn usable(lifetime: Duration, fraction: f64) -> Duration {
    let margin = lifetime.mul_f64(MARGIN_PART).min(MAX_MARGIN);
    let jitter = margin.mul_f64(JITTER_PART * fraction.clamp(0.0, 1.0));
    lifetime.saturating_sub(margin).saturating_sub(jitter)
}

/// When a token is renewed in the background: after three quarters of `usable`, minus up to a tenth
/// of that.
pub(super) fn renewed_after(usable: Duration, fraction: f64) -> Option<Duration> {
    let part = RENEW_PART * (1.0 - JITTER_PART * fraction.clamp(0.0, 1.0));
    (usable >= MIN_RENEWED).then(|| usable.mul_f64(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TX-42
    #[test]
    fn margin_of_lifetime_is_unused() {
        let seconds =
            |lifetime, fraction| usable(Duration::from_secs(lifetime), fraction).as_secs_f64();
        assert_eq!(seconds(100, 0.0), 80.0);
        assert_eq!(seconds(100, 1.0), 78.0);
        assert_eq!(seconds(600, 0.0), 540.0);
        assert_eq!(seconds(0, 0.5), 0.0);
        assert_eq!(seconds(3600, 0.0), 3540.0);
    }

    #[test]
    fn token_is_renewed_before_its_end() {
        let seconds = |usable, fraction| {
            renewed_after(Duration::from_secs(usable), fraction).map(|after| after.as_secs_f64())
        };
        assert_eq!(seconds(100, 0.0), Some(75.0));
        assert_eq!(seconds(100, 1.0), Some(67.5));
        assert_eq!(seconds(9, 0.0), None);
    }
}
