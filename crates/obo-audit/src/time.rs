//! The time of a record.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The first second that RFC 3339 cannot write.
const YEAR_10000: Duration = Duration::from_secs(253_402_300_800);

/// A time between the years 1970 and 9999, in microseconds. Its text is RFC 3339, in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// How much later this is than an earlier time. Zero if it is not later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The distance between the two, whichever is later.
    pub(crate) fn distance(self, other: Self) -> u64 {
        self.0.abs_diff(other.0)
    }
}

/// A time outside of the range becomes the nearest one in it.
impl From<SystemTime> for Time {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH);
        let since = since.unwrap_or_default();
        let last = YEAR_10000.saturating_sub(Duration::from_micros(1));
        Self(u64::try_from(since.min(last).as_micros()).unwrap_or_default())
    }
}

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = humantime::parse_rfc3339(text);
        let time = time.map_err(|error| format!("`time` is not RFC 3339 in UTC: {error}"))?;
        Ok(time.into())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(self.0);
        humantime::format_rfc3339_micros(time).fmt(f)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_rfc_3339_in_utc() {
        let text = "2026-11-29T21:41:57.000120Z";
        assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        for wrong in ["", "2026-11-29", "2026-11-29T21:41:57+01:00", "now"] {
            assert!(wrong.parse::<Time>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_out_of_range_are_written() {
        let far = SystemTime::UNIX_EPOCH + YEAR_10000 * 2;
        assert_eq!(Time::from(far).to_string(), "9999-12-31T23:59:59.999999Z");
        let early = SystemTime::UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(Time::from(early).to_string(), "1970-01-01T00:00:00.000000Z");
    }
}
