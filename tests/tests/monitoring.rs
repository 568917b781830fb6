//! The dashboard and the alert rules name metrics, labels and values that exist.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Labels that Prometheus adds.
const ADDED: [&str; 3] = ["job", "instance", "le"];

fn docs(name: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    fs::read_to_string(root.join(name)).unwrap()
}

/// The labels of each metric, by the table `metric | kind | labels`.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let page = docs("observability.md");
    let rows = page.lines().filter(|line| line.starts_with("| `obo_"));
    let rows = rows.flat_map(|row| {
        let cells: Vec<_> = row.split(" | ").map(str::trim).collect();
        let name = cells[0].trim_matches(['|', ' ', '`']).to_owned();
        let labels = cells[2].split("; ");
        let labels = labels.filter_map(|label| label.strip_prefix('`')?.split('`').next());
        let labels: BTreeSet<_> = labels.map(str::to_owned).collect();
        let suffixes: &[&str] = match cells[1] {
            "histogram" => &["_bucket", "_sum", "_count"],
            _ => &[""],
        };
        let names = suffixes.iter().map(move |suffix| format!("{name}{suffix}"));
        names
            .map(move |name| (name, labels.clone()))
            .collect::<Vec<_>>()
    });
    let metrics: BTreeMap<_, _> = rows.collect();
    assert!(metrics["obo_requests_total"].contains("code"));
    metrics
}

/// String literals of the code, among them all values of labels.
fn literals() -> BTreeSet<String> {
    fn read(folder: PathBuf, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(path).unwrap();
                let words = text
                    .lines()
                    .flat_map(|line| line.split('"').skip(1).step_by(2));
                found.extend(words.map(str::to_owned));
            }
        }
    }
    let mut found = BTreeSet::new();
    for package in ["obo", "obo-core", "obo-cli"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
        read(root.join(package).join("src"), &mut found);
    }
    found
}

/// The words of a query that could be names, with what follows each of them.
fn names(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = query;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c| !is_part(c));
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        rest = after;
        (!name.is_empty()).then_some((name, after))
    })
}

/// Checks a query, and the labels that are shown of its result.
fn check(query: &str, shown: &str) {
    let (metrics, literals) = (metrics(), literals());
    let mut labels: BTreeSet<&str> = ADDED.into();
    let mut is_any = false;
    for (name, _) in names(query).filter(|(name, _)| name.starts_with("obo_")) {
        let known = metrics.get(name);
        let known = known.unwrap_or_else(|| panic!("{name} does not exist: {query}"));
        labels.extend(known.iter().map(String::as_str));
        is_any = true;
    }
    assert!(is_any, "no metric of ours: {query}");
    // `name="value"` within braces, and `by (name, name)`.
    for part in query.split('{').skip(1) {
        for matcher in part.split('}').next().unwrap().split(',') {
            let (label, value) = matcher.split_once(['=', '!']).unwrap();
            assert!(labels.contains(label), "{label}: {query}");
            let value = value.trim_matches(['=', '~', '"']);
            let is_known = value.starts_with('$') || literals.contains(value);
            assert!(is_known, "{label} is never {value}: {query}");
        }
    }
    for part in query.split("by (").chain(query.split("on (")).skip(1) {
        for label in part.split(')').next().unwrap_or_default().split(", ") {
            let is_name = label.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            assert!(!is_name || labels.contains(label), "{label}: {query}");
        }
    }
    for part in shown.split("{{").skip(1) {
        let label = part.split("}}").next().unwrap().trim();
        let label = label.trim_start_matches("$labels.");
        let is_value = label.starts_with("$value");
        assert!(is_value || labels.contains(label), "{label}: {shown}");
        assert!(
            is_value || query.contains(label),
            "{label} is summed up: {query}"
        );
    }
}

/// OB-07
#[test]
fn dashboard_names_what_exists() {
    let dashboard: Value = serde_json::from_str(&docs("grafana-dashboard.json")).unwrap();
    let (mut used, mut ids) = (String::new(), BTreeSet::new());
    let mut rows = 0;
    for panel in dashboard["panels"].as_array().unwrap() {
        assert!(ids.insert(panel["id"].as_u64().unwrap()));
        let title = panel["title"].as_str().unwrap();
        if panel["type"] == "row" {
            assert!(title.ends_with('?'), "a row is a question: {title}");
            rows += 1;
            continue;
        }
        assert!(panel["description"].as_str().is_some(), "{title}");
        for target in panel["targets"].as_array().unwrap() {
            let query = target["expr"].as_str().unwrap();
            check(query, target["legendFormat"].as_str().unwrap());
            used.push_str(query);
        }
    }
    assert_eq!(rows, 7);
    for metric in metrics().into_keys() {
        let is_sum = metric.ends_with("_seconds_sum") || metric.ends_with("_seconds_count");
        assert!(is_sum || used.contains(&metric), "{metric} is not shown");
    }
}

/// OB-07
#[test]
fn alerts_name_what_exists() {
    let alerts: Value = serde_saphyr::from_str(&docs("alerts.yaml")).unwrap();
    let mut names = BTreeSet::new();
    for group in alerts["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            assert!(names.insert(text(&rule["alert"])));
            let annotations = &rule["annotations"];
            let shown = text(&annotations["summary"]) + &text(&annotations["description"]);
            check(&text(&rule["expr"]), &shown);
            let severity = text(&rule["labels"]["severity"]);
            assert!(matches!(&*severity, "warning" | "critical"));
        }
    }
    assert_eq!(names.len(), 12);
}

#[test]
#[should_panic(expected = "obo_request_total does not exist")]
fn unknown_metric_is_found() {
    check("sum(obo_request_total)", "");
}

#[test]
#[should_panic(expected = "issuer: ")]
fn unknown_label_is_found() {
    check("sum by (issuer) (obo_exchanges_total)", "");
}

#[test]
#[should_panic(expected = "outcome is never okay")]
fn unknown_value_is_found() {
    check("sum(obo_exchanges_total{outcome=\"okay\"})", "");
}
