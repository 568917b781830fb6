//! Versions below these have published vulnerabilities that reach us.

use super::finding::Finding;
use super::source::Source;

type Version = [u64; 3];

/// A package, and the first version in which it is fixed.
const FLOORS: [(&str, Version); 4] = [
    ("h2", [0, 4, 16]),
    ("aws-lc-sys", [0, 39, 0]),
    ("rustls-webpki", [0, 103, 13]),
    ("jsonwebtoken", [10, 3, 0]),
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if source.path != "Cargo.lock" {
        return Vec::new();
    }
    let mut name = "";
    let mut findings = Vec::new();
    for (line, text) in source.lines() {
        if let Some(value) = text.strip_prefix("name = ") {
            name = value.trim_matches('"');
        } else if let Some(value) = text.strip_prefix("version = ") {
            let found = value.trim_matches('"');
            let floor = FLOORS.iter().find(|(package, _)| *package == name);
            if let Some((_, floor)) = floor.filter(|(_, floor)| is_below(found, floor)) {
                let [major, minor, patch] = floor;
                let wrong = format!("{name} {found} has known vulnerabilities");
                let remedy =
                    format!("`cargo update -p {name}` to {major}.{minor}.{patch} or later");
                findings.push(Finding::defect(&source.path, line, wrong, remedy));
            }
        }
    }
    findings
}

/// A version that cannot be read is below every floor.
fn is_below(found: &str, floor: &Version) -> bool {
    let is_pre_release = found.contains('-');
    let release = found.split(['-', '+']).next().unwrap_or_default();
    let numbers: Option<Vec<u64>> = release.split('.').map(|n| n.parse().ok()).collect();
    match numbers {
        Some(numbers) if is_pre_release => numbers.as_slice() <= floor.as_slice(),
        Some(numbers) => numbers.as_slice() < floor.as_slice(),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(name: &str, version: &str) -> bool {
        let lock = format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
        !check(&Source::new("Cargo.lock", &lock)).is_empty()
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(below("h2", "0.4.9"));
        assert!(!below("h2", "0.4.16"));
        assert!(!below("h2", "0.5.0"));
        assert!(below("aws-lc-sys", "0.38.9"));
        assert!(below("rustls-webpki", "0.103.12"));
        assert!(below("jsonwebtoken", "9.3.1"));
        assert!(!below("jsonwebtoken", "11.1.0"));
        assert!(!below("bytes", "0.1.0"));
    }

    #[test]
    fn a_pre_release_comes_before_its_release() {
        assert!(below("jsonwebtoken", "10.3.0-beta.1"));
        assert!(!below("jsonwebtoken", "10.3.1-beta.1"));
    }

    #[test]
    fn the_line_is_that_of_the_version() {
        let lock = "[[package]]\nname = \"h2\"\nversion = \"0.3.1\"\n";
        let found = check(&Source::new("Cargo.lock", lock));
        assert!(
            found
                .iter()
                .all(|f| f.to_string().starts_with("Cargo.lock:3:"))
        );
    }
}
