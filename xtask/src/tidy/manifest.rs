//! Crates inherit their lints and the versions of what they depend on from the workspace.

use super::finding::Finding;
use super::source::Source;

pub(super) fn check(source: &Source) -> Vec<Finding> {
    let path = &source.path;
    if !path.starts_with("crates/") || !path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let entries = entries(&source.text);
    let mut findings = Vec::new();
    if !entries.iter().any(Entry::inherits_lints) {
        let remedy = "add `[lints]` with `workspace = true`";
        findings.push(Finding::defect(
            path,
            1,
            "does not inherit the lints",
            remedy,
        ));
    }
    for name in dependencies(&entries) {
        let mut of_name = entries.iter().filter(|e| e.dependency() == Some(name));
        let line = of_name.clone().map(|entry| entry.line).min().unwrap_or(1);
        if !of_name.any(Entry::inherits_version) {
            let wrong = format!("`{name}` has its own version");
            let remedy = "move it to [workspace.dependencies] and use `.workspace = true`";
            findings.push(Finding::defect(path, line, wrong, remedy));
        }
    }
    findings
}

/// `key = value` under `[table]`.
struct Entry<'a> {
    line: usize,
    table: &'a str,
    key: &'a str,
    value: &'a str,
}

impl<'a> Entry<'a> {
    fn inherits_lints(&self) -> bool {
        (self.table, self.key, self.value) == ("lints", "workspace", "true")
    }

    /// The dependency this is about: `[dependencies] name…` or `[dependencies.name]`.
    fn dependency(&self) -> Option<&'a str> {
        let kinds = ["build-dependencies", "dev-dependencies", "dependencies"];
        for kind in kinds {
            if self.table == kind || self.table.ends_with(&format!(".{kind}")) {
                return self.key.split('.').next();
            }
            if let Some((before, name)) = self.table.rsplit_once('.')
                && (before == kind || before.ends_with(&format!(".{kind}")))
            {
                return Some(name);
            }
        }
        None
    }

    fn inherits_version(&self) -> bool {
        let value: String = self.value.split_whitespace().collect();
        let bare = self.key == "workspace" || self.key.ends_with(".workspace");
        (bare && value == "true") || value.contains("workspace=true")
    }
}

fn entries(manifest: &str) -> Vec<Entry<'_>> {
    let mut table = "";
    let mut entries = Vec::new();
    for (line, text) in (1..).zip(manifest.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if let Some(name) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            table = name.trim();
        } else if let Some((key, value)) = text.split_once('=') {
            let (key, value) = (key.trim(), value.trim());
            entries.push(Entry {
                line,
                table,
                key,
                value,
            });
        }
    }
    entries
}

fn dependencies<'a>(entries: &[Entry<'a>]) -> Vec<&'a str> {
    let mut names: Vec<&str> = entries.iter().filter_map(Entry::dependency).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrongs(manifest: &str) -> usize {
        check(&Source::new("crates/obo/Cargo.toml", manifest)).len()
    }

    #[test]
    fn lints_are_inherited() {
        assert_eq!(wrongs("[lints]\nworkspace = true # all of them\n"), 0);
        assert_eq!(wrongs("[lints]\nworkspace = false\n"), 1);
        assert_eq!(wrongs("[package]\nname = \"obo\"\n"), 1);
    }

    #[test]
    fn versions_are_inherited() {
        for (dependency, expected) in [
            ("[dependencies]\nbytes.workspace = true", 0),
            (
                "[dependencies]\nbytes = { workspace = true, features = [\"std\"] }",
                0,
            ),
            ("[dependencies.bytes]\nworkspace = true\noptional = true", 0),
            (
                "[target.'cfg(unix)'.dependencies]\nbytes.workspace = true",
                0,
            ),
            ("[dependencies]\nbytes = \"1\"", 1),
            ("[dependencies]\nbytes = { version = \"1\" }", 1),
            ("[dependencies.bytes]\nversion = \"1\"", 1),
            ("[dev-dependencies]\nbytes = \"1\"", 1),
            ("[target.'cfg(unix)'.dependencies]\nbytes = \"1\"", 1),
            ("[features]\ndefault = [\"a\"]", 0),
        ] {
            let manifest = format!("[lints]\nworkspace = true\n{dependency}\n");
            assert_eq!(wrongs(&manifest), expected, "{dependency}");
        }
    }

    #[test]
    fn packages_nobody_depends_on_are_free() {
        assert!(check(&Source::new("fuzz/Cargo.toml", "[package]")).is_empty());
    }
}
