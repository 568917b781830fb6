//! Our crates depend on each other in one direction: adapters → obo → obo-core.

use serde_json::Value;

use super::finding::Finding;
use crate::PUBLISHED;
use crate::shell::{self, cargo, read};

/// A crate, and those of ours that it may need to be built.
const ALLOWED: [(&str, &[&str]); 5] = [
    ("obo-core", &[]),
    ("obo", &["obo-core"]),
    ("obo-axum", &["obo"]),
    ("obo-tonic", &["obo"]),
    ("obo-testkit", &[]),
];

/// Not even its tests may use ours: what it checks cannot check it.
const APART: &str = "obo-testkit";

pub(super) fn run() -> shell::Result<Vec<Finding>> {
    let metadata = read(&mut cargo("metadata --format-version 1 --no-deps"))?;
    Ok(check(&serde_json::from_str(&metadata)?))
}

fn check(metadata: &Value) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in list(metadata, "packages") {
        let name = text(package, "name");
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            continue;
        };
        for dependency in list(package, "dependencies") {
            let on = text(dependency, "name");
            let is_for_tests = text(dependency, "kind") == "dev" && name != APART;
            if PUBLISHED.contains(&on) && !allowed.contains(&on) && !is_for_tests {
                let path = format!("crates/{name}/Cargo.toml");
                let wrong = format!("{name} depends on {on}");
                let remedy = if allowed.is_empty() {
                    "it may depend on none of ours".to_owned()
                } else {
                    format!("of ours it may depend on {}", allowed.join(", "))
                };
                findings.push(Finding::defect(&path, 1, wrong, remedy));
            }
        }
    }
    findings
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// Empty when null: the kind of a normal dependency.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn is_wrong(from: &str, on: &str, kind: Option<&str>) -> bool {
        let dependency = json!({ "name": on, "kind": kind });
        let package = json!({ "name": from, "dependencies": [dependency] });
        !check(&json!({ "packages": [package] })).is_empty()
    }

    #[test]
    fn nothing_points_back() {
        assert!(is_wrong("obo-core", "obo", None));
        assert!(is_wrong("obo", "obo-axum", None));
        assert!(is_wrong("obo", "obo-testkit", Some("build")));
        assert!(is_wrong("obo-axum", "obo-core", None));
        assert!(is_wrong("obo-tonic", "obo-axum", None));
    }

    #[test]
    fn the_testkit_stands_apart_even_in_its_tests() {
        assert!(is_wrong("obo-testkit", "obo-core", None));
        assert!(is_wrong("obo-testkit", "obo", Some("dev")));
    }

    #[test]
    fn the_direction_is_allowed() {
        assert!(!is_wrong("obo", "obo-core", None));
        assert!(!is_wrong("obo-axum", "obo", None));
        assert!(!is_wrong("obo-tonic", "obo", None));
        assert!(!is_wrong("obo", "obo-testkit", Some("dev")));
        assert!(!is_wrong("obo-core", "bytes", None));
        assert!(!is_wrong("obo-examples", "obo-testkit", None));
    }

    #[test]
    fn every_published_crate_has_its_line() {
        assert!(ALLOWED.iter().map(|(name, _)| *name).eq(PUBLISHED));
    }
}
