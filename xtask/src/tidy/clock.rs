//! One reader of the wall clock: `obo::clock`. Everything else takes time as an argument.

use super::finding::Finding;
use super::source::Source;

/// Calls that read the wall clock, whatever path they are called by.
const WALL_CLOCK: [&str; 3] = [
    "SystemTime::now",
    "UNIX_EPOCH.elapsed",
    "get_current_timestamp",
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let (readers, remedy): (&[&str], _) = match source.library() {
        Some("obo-core") => (&["Instant::now"], "take the time as an argument"),
        Some("obo") if source.path != "crates/obo/src/clock.rs" => {
            (&[], "ask the Clock, or tokio's Instant for durations")
        }
        _ => return Vec::new(),
    };
    let reads = |code: &str| readers.iter().chain(&WALL_CLOCK).any(|r| code.contains(r));
    source
        .code_lines()
        .filter(|(_, code)| reads(code) || names_std_instant(code))
        .map(|(line, _)| Finding::defect(&source.path, line, "reads a clock of std", remedy))
        .collect()
}

/// `tokio::time::Instant` has the same name and follows a test's paused clock; this one does not.
fn names_std_instant(code: &str) -> bool {
    code.split("std::time::")
        .skip(1)
        .any(|named| match named.strip_prefix('{') {
            Some(list) => list
                .split('}')
                .next()
                .is_some_and(|l| l.contains("Instant")),
            None => named.starts_with("Instant"),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> usize {
        check(&Source::new(path, text)).len()
    }

    #[test]
    fn jw_40_core_has_no_clock() {
        let path = "crates/obo-core/src/policy.rs";
        assert_eq!(lines(path, "let now = std::time::SystemTime::now();"), 1);
        assert_eq!(lines(path, "let now = Instant::now();"), 1);
        assert_eq!(
            lines(path, "let now = jsonwebtoken::get_current_timestamp();"),
            1
        );
        assert_eq!(
            lines(
                path,
                "/// `SystemTime::now` is the caller's.\nfn f(now: u64) {}"
            ),
            0
        );
        assert_eq!(
            lines(
                path,
                "#[cfg(test)]\nmod tests { fn f() { SystemTime::now(); } }"
            ),
            0
        );
    }

    #[test]
    fn jw_40_obo_reads_the_wall_clock_in_one_file() {
        let code = "let now = SystemTime::now();";
        assert_eq!(lines("crates/obo/src/jwks.rs", code), 1);
        assert_eq!(lines("crates/obo/src/clock.rs", code), 0);
        assert_eq!(lines("crates/obo-testkit/src/lib.rs", code), 0);
    }

    #[test]
    fn obo_measures_durations_with_tokio() {
        let path = "crates/obo/src/jwks.rs";
        assert_eq!(lines(path, "use tokio::time::Instant;\nInstant::now();"), 0);
        assert_eq!(lines(path, "use std::time::Instant;\nInstant::now();"), 1);
        assert_eq!(lines(path, "use std::time::{Duration, Instant};"), 1);
        assert_eq!(lines(path, "use std::time::{Duration, SystemTime};"), 0);
    }
}
