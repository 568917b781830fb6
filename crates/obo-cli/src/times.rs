//! Times in words.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The time by this host's clock.
#[allow(
    clippy::disallowed_methods,
    reason = "the command shows times of this host"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The time of a claim, and how far it is from now: `2026-01-02T03:04:05Z, 3m ago`.
pub(crate) fn in_words(seconds: f64, now: SystemTime) -> Option<String> {
    let since = Duration::try_from_secs_f64(seconds).ok()?;
    let time = UNIX_EPOCH.checked_add(since)?;
    // Beyond the year 9999 there is no text for it.
    if seconds > 253_402_300_799.0 {
        return None;
    }
    let text = humantime::format_rfc3339_seconds(time);
    Some(format!("{text}, {}", distance(time, now)))
}

/// How far a time is from now: `in 4m 59s` or `3m ago`.
pub(crate) fn distance(time: SystemTime, now: SystemTime) -> String {
    match time.duration_since(now) {
        Ok(ahead) => format!("in {}", length(ahead)),
        Err(behind) => format!("{} ago", length(behind.duration())),
    }
}

/// A length of time, to the second.
pub(crate) fn length(time: Duration) -> String {
    humantime::format_duration(Duration::from_secs(time.as_secs())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_in_words() {
        let now = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let words = |seconds| in_words(seconds, now).unwrap();
        assert_eq!(words(999_999_820.0), "2001-09-09T01:43:40Z, 3m ago");
        assert_eq!(words(1_000_000_090.5), "2001-09-09T01:48:10Z, in 1m 30s");
        assert_eq!(in_words(-1.0, now), None);
        assert_eq!(in_words(1e300, now), None);
    }
}
