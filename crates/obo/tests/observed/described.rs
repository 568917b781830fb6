//! Each metric has a description and a unit, and a row in `docs/observability.md`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use metrics_util::debugging::DebuggingRecorder;
use obo::metrics::{DURATION_BUCKETS, describe};

/// The rows `| name | kind | labels |` of the page.
fn documented() -> Vec<(String, String)> {
    let page = include_str!("../../../../docs/observability.md");
    let rows = page.lines().filter(|line| line.starts_with("| `obo_"));
    // The command describes its own metric.
    let rows = rows.filter(|line| !line.starts_with("| `obo_gateway_"));
    let rows = rows.map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`').to_owned(), cells[2].to_owned())
    });
    rows.collect()
}

/// The names in the code of this crate, where it records.
fn recorded() -> BTreeSet<String> {
    fn read(folder: &Path, names: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                read(&path, names);
            } else if !path.ends_with("described.rs") {
                let text = fs::read_to_string(path).unwrap();
                let literals = text.split('"').skip(1).step_by(2);
                let literals = literals.filter(|it| it.starts_with("obo_") && !it.contains(' '));
                names.extend(literals.map(str::to_owned));
            }
        }
    }
    let mut names = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/observe");
    read(&folder, &mut names);
    names
}

/// OB-07
#[test]
fn each_metric_is_described() {
    let recorder = DebuggingRecorder::new();
    let snapshots = recorder.snapshotter();
    let documented = documented();
    metrics::with_local_recorder(&recorder, || {
        describe();
        // Descriptions are shown for metrics that have a value.
        for (name, kind) in documented.clone() {
            match &*kind {
                "counter" => metrics::counter!(name).increment(1),
                "gauge" => metrics::gauge!(name).set(1.0),
                "histogram" => metrics::histogram!(name).record(1.0),
                other => panic!("{name}: {other}"),
            }
        }
    });
    for (key, unit, description, _) in snapshots.snapshot().into_vec() {
        let name = key.key().name();
        let unit = unit.map(|unit| unit.as_str());
        let is_time = name.ends_with("_seconds");
        assert_eq!(
            unit,
            Some(if is_time { "seconds" } else { "count" }),
            "{name}"
        );
        assert!(
            description.is_some_and(|text| text.ends_with('.')),
            "{name}"
        );
    }
    let names = documented.into_iter().map(|(name, _)| name);
    assert_eq!(BTreeSet::from_iter(names), recorded());
}

#[test]
fn buckets_cover_the_deadline() {
    assert!(DURATION_BUCKETS.is_sorted());
    assert_eq!(DURATION_BUCKETS.last(), Some(&10.0));
}
