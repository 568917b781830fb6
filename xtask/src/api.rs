//! `cargo xtask api`: the packages whose types the public API of a crate shows.
//!
//! A breaking release of such a package is a breaking release of the crate. Each crate lists these
//! packages in its Cargo.toml, under the key that `cargo check-external-types` reads.

#![allow(clippy::indexing_slicing, reason = "JSON without the key is null")]

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::shell::{self, cargo, show};

const KEY: &str = "package.metadata.cargo_check_external_types.allowed_external_types";
/// Packages that need no entry. `pin_project_lite` occurs only in hidden bounds.
const STANDARD: [&str; 4] = ["std", "core", "alloc", "pin_project_lite"];

pub(crate) fn run() -> shell::Result {
    let mut findings = Vec::new();
    for package in shell::crates()? {
        let name = package.replace('-', "_");
        let rustdoc = format!("rustdoc -p {package} --lib --all-features");
        // The JSON is unstable. This variable allows it for this crate only.
        let json = ["--", "-Z", "unstable-options", "--output-format", "json"];
        show(cargo(&rustdoc).args(json).env("RUSTC_BOOTSTRAP", &name))?;
        let json = fs::read_to_string(format!("target/doc/{name}.json"))?;
        let shown = shown(&serde_json::from_str(&json)?);
        let manifest = format!("crates/{package}/Cargo.toml");
        let listed = listed(&fs::read_to_string(&manifest)?)?;
        for name in shown.symmetric_difference(&listed) {
            let what = match shown.contains(name) {
                true => "is in the public API; list it, or hide it",
                false => "is listed, but not in the public API",
            };
            findings.push(format!("{manifest}: `{name}` {what} ({KEY})"));
        }
    }
    shell::verdict("api", &findings)
}

/// The packages whose types occur in the documented items of this crate.
fn shown(json: &Value) -> BTreeSet<String> {
    let items = json["index"].as_object().into_iter().flatten();
    let mut ids = Vec::new();
    for (_, item) in items.filter(|(_, item)| item["crate_id"] == 0) {
        let kind = &item["inner"];
        let blanket = &kind["impl"]["blanket_impl"];
        let is_derived = kind["impl"]["is_synthetic"] == true;
        if blanket.is_null() && !is_derived && kind.get("use").is_none() {
            paths(kind, &mut ids);
        }
    }
    let packages = ids.iter().filter_map(|id| {
        let package = json["paths"][id.to_string()]["crate_id"].as_u64()?;
        let name = json["external_crates"][package.to_string()]["name"].as_str()?;
        (!STANDARD.contains(&name)).then(|| name.to_owned())
    });
    packages.collect()
}

/// Collects the ids of all paths to types and traits in a value.
fn paths(value: &Value, ids: &mut Vec<u64>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| paths(value, ids)),
        Value::Object(fields) => {
            ids.extend(fields.get("path").and_then(|_| fields.get("id")?.as_u64()));
            fields.values().for_each(|value| paths(value, ids));
        }
        _ => {}
    }
}

fn listed(manifest: &str) -> shell::Result<BTreeSet<String>> {
    let manifest: Value = toml::from_str(manifest)?;
    let list = KEY.split('.').fold(&manifest, |table, key| &table[key]);
    let list = list.as_array().into_iter().flatten();
    let names = list.filter_map(|name| Some(name.as_str()?.trim_end_matches("::*").to_owned()));
    Ok(names.collect())
}
