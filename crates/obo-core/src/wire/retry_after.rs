use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, header};

use crate::time::UnixTime;

/// The longest pause that is accepted.
pub(crate) const MOST: Duration = Duration::from_secs(300);

/// The pause that a server asks for in `Retry-After`, at most five minutes (RFC 9110 section
/// 10.2.3).
///
/// A date is compared with the response's own `Date`, because the server's clock may be wrong.
/// Without a `Date`, it is compared with `now`.
pub fn retry_after(headers: &HeaderMap, now: UnixTime) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is longer than any pause.
        return Some(value.parse().map_or(MOST, Duration::from_secs).min(MOST));
    }
    let until = date(value)?;
    let dated = headers.get(header::DATE);
    let from = dated.and_then(|value| date(value.to_str().ok()?.trim()));
    Some(until.saturating_since(from.unwrap_or(now)).min(MOST))
}

/// An HTTP date in any of its three forms (RFC 9110 section 5.6.7).
fn date(text: &str) -> Option<UnixTime> {
    let date = httpdate::parse_http_date(text).ok()?;
    let since_epoch = date.duration_since(UNIX_EPOCH).ok()?;
    Some(UnixTime::from_duration(since_epoch))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-21T07:28:00Z.
    const NOW: UnixTime = UnixTime::from_secs(1_792_567_680);

    fn pause_of(retry_after_value: &'static str, date: Option<&'static str>) -> Option<u64> {
        let value = |text| http::HeaderValue::from_static(text);
        let mut headers = HeaderMap::new();
        headers.insert(header::RETRY_AFTER, value(retry_after_value));
        headers.extend(date.map(|date| (header::DATE, value(date))));
        retry_after(&headers, NOW).map(|pause| pause.as_secs())
    }

    /// TE-08
    #[test]
    fn retry_after_seconds_are_bounded() {
        assert_eq!(pause_of("0", None), Some(0));
        assert_eq!(pause_of(" 7 ", None), Some(7));
        for huge in ["301", "99999999999999999999999999"] {
            assert_eq!(pause_of(huge, None), Some(300));
        }
        for malformed in ["", "-1", "+1", "1.5", "soon", "2026-10-21T07:28:10Z"] {
            assert_eq!(pause_of(malformed, None), None, "{malformed}");
        }
    }

    /// TE-08
    #[test]
    fn retry_after_date_becomes_pause() {
        for ten_seconds_later in [
            "Wed, 21 Oct 2026 07:28:10 GMT",
            " Wed, 21 Oct 2026 07:28:10 GMT ",
            "Wednesday, 21-Oct-26 07:28:10 GMT",
            "Wed Oct 21 07:28:10 2026",
        ] {
            assert_eq!(pause_of(ten_seconds_later, None), Some(10));
        }
        let until = "Wed, 21 Oct 2026 07:28:10 GMT";
        for (date, pause) in [
            ("Wed, 21 Oct 2026 07:28:07 GMT", 3),
            ("Wed, 21 Oct 2026 07:23:11 GMT", 299),
            ("Wed, 21 Oct 2026 07:23:09 GMT", 300),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 300),
            // In the past.
            ("Wed, 21 Oct 2026 07:28:10 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 0),
            ("now", 10),
        ] {
            assert_eq!(pause_of(until, Some(date)), Some(pause), "{date}");
        }
        assert_eq!(pause_of("Wed, 21 Oct 2026 07:27:59 GMT", None), Some(0));
        assert_eq!(pause_of("Fri, 31 Dec 9999 23:59:59 GMT", None), Some(300));
        for no_date in [
            "Wed, 21 Oct 2026 07:28:10 CEST",
            "Wed, 32 Oct 2026 07:28:10 GMT",
            "Wed, 21 Oct 1926 07:28:10 GMT",
        ] {
            assert_eq!(pause_of(no_date, None), None, "{no_date}");
        }
    }
}
