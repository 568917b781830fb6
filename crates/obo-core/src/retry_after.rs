use std::time::Duration;

use http::{HeaderMap, header};

/// The longest pause that a server may ask for.
const MOST: Duration = Duration::from_secs(300);

/// How long a server asks to be left alone: `Retry-After` in seconds, at most five minutes (RFC 9110 section 10.2.3).
///
/// A date counts as not said, since no clock is read here.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let digits = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // More digits than a number holds are a longer pause than any.
    Some(digits.parse().map_or(MOST, Duration::from_secs).min(MOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn te_08_a_pause_is_seconds_within_bounds() {
        let asked = |value: &'static str| {
            let value = http::HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, value)]);
            retry_after(&headers).map(|pause| pause.as_secs())
        };
        assert_eq!(asked("0"), Some(0));
        assert_eq!(asked(" 7 "), Some(7));
        for huge in ["301", "99999999999999999999999999"] {
            assert_eq!(asked(huge), Some(300));
        }
        for unsaid in [
            "",
            "-1",
            "+1",
            "1.5",
            "soon",
            "Wed, 21 Oct 2026 07:28:00 GMT",
        ] {
            assert_eq!(asked(unsaid), None, "{unsaid}");
        }
    }
}
