use std::fmt;
use std::time::Duration;

/// A point in time, in seconds since 1970-01-01T00:00:00Z: the NumericDate of RFC 7519 section 2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(Duration);

impl UnixTime {
    /// The time `seconds` after the epoch.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// The time `since_epoch` after the epoch.
    pub const fn from_duration(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0.as_secs()
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub fn saturating_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// This time plus `by`.
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// Writes a duration as configuration files do: `"90s"`, `"5m"`, `"2h"`, `"30d"`.
///
/// ```
/// use std::time::Duration;
///
/// assert_eq!(obo_core::as_in_files(Duration::from_secs(7200)), "2h");
/// ```
pub fn as_in_files(duration: Duration) -> String {
    // With the least number of each: one day is `24h`, and one minute is `60s`.
    const UNITS: [(u64, u64, &str); 3] = [(86_400, 2, "d"), (3600, 1, "h"), (60, 2, "m")];
    let seconds = duration.as_secs();
    if duration.subsec_nanos() > 0 {
        return format!("{duration:?}");
    }
    let fits = |(unit, least, _): &&(u64, u64, &str)| {
        seconds >= unit * least && seconds.is_multiple_of(*unit)
    };
    match UNITS.iter().find(fits) {
        Some((unit, _, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

impl fmt::Debug for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixTime({}s)", self.0.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_is_written_as_in_files() {
        for (seconds, text) in [
            (0, "0s"),
            (60, "60s"),
            (90, "90s"),
            (300, "5m"),
            (3600, "1h"),
            (5400, "90m"),
            (7200, "2h"),
            (86_400, "24h"),
            (604_800, "7d"),
            (90_061, "90061s"),
        ] {
            assert_eq!(as_in_files(Duration::from_secs(seconds)), text);
        }
        assert_eq!(as_in_files(Duration::from_millis(1500)), "1.5s");
        assert_eq!(as_in_files(Duration::from_millis(25)), "25ms");
    }
}
