use std::time::Duration;

use http::{HeaderMap, header};

/// How long a server calls its response fresh (`Cache-Control`, RFC 9111 section 5.2.2); `None` if
/// it does not say.
///
/// The shortest of several lifetimes counts. A lifetime that cannot be read is zero.
pub(crate) fn freshness(headers: &HeaderMap) -> Option<Duration> {
    let lines = headers.get_all(header::CACHE_CONTROL).iter();
    // A line that is not text may mean anything.
    lines
        .flat_map(|line| line.to_str().unwrap_or("no-store").split(','))
        .filter_map(|directive| lifetime(directive.trim()))
        .min()
}

fn lifetime(directive: &str) -> Option<Duration> {
    let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
    let name = name.trim_end();
    if name.eq_ignore_ascii_case("no-store") || name.eq_ignore_ascii_case("no-cache") {
        return Some(Duration::ZERO);
    }
    if !name.eq_ignore_ascii_case("max-age") {
        return None;
    }
    let digits = value.trim().trim_matches('"');
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::ZERO);
    }
    // A number that is too large stays large.
    Some(Duration::from_secs(digits.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// JW-24
    #[test]
    fn cache_control_sets_freshness() {
        let seconds = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CACHE_CONTROL, line.parse().unwrap());
            }
            freshness(&headers).map(|lifetime| lifetime.as_secs())
        };
        for silent in [
            &[][..],
            &[""],
            &["public, must-revalidate"],
            &["s-maxage=5"],
        ] {
            assert_eq!(seconds(silent), None, "{silent:?}");
        }
        for (lines, expected) in [
            (&["max-age=120"][..], 120),
            (&["public, Max-Age = \"120\" , must-revalidate"], 120),
            (&["max-age=300, max-age=120"], 120),
            (&["max-age=300", "no-store"], 0),
            (&["no-cache"], 0),
            (&["max-age=0"], 0),
            (&["max-age"], 0),
            (&["max-age=-1"], 0),
            (&["max-age=soon"], 0),
            (&["max-age=99999999999999999999999"], u64::MAX),
        ] {
            assert_eq!(seconds(lines), Some(expected), "{lines:?}");
        }
    }
}
