//! The files the rules read: what git tracks or would track.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::rust_code;
use crate::shell::{self, read, works};

pub(crate) struct Source {
    /// From the workspace root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// `text` without comments, literals and test-only items, line for line; empty unless Rust.
    pub(super) code: String,
    /// How many lines are not for tests only.
    pub(super) product_lines: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let (code, test_lines) = if !path.ends_with(".rs") {
            (String::new(), 0)
        } else if is_test_file(path) {
            (String::new(), text.lines().count())
        } else {
            rust_code::without_tests(&rust_code::without_text(text))
        };
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            product_lines: text.lines().count().saturating_sub(test_lines),
        }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate under `crates/` whose `src` holds this file.
    pub(super) fn library(&self) -> Option<&str> {
        let (name, rest) = self.path.strip_prefix("crates/")?.split_once('/')?;
        rest.starts_with("src/").then_some(name)
    }

    /// Lines of `text`, numbered from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// Lines of `code`, numbered from 1.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.code.lines())
    }
}

fn is_test_file(path: &str) -> bool {
    let mut components = path.split('/').rev();
    components.next() == Some("tests.rs") || components.any(|folder| folder == "tests")
}

pub(crate) fn tracked() -> shell::Result<Vec<Source>> {
    let mut sources = Vec::new();
    for path in paths()? {
        // Deleted but still in the index, or not text.
        if let Ok(text) = fs::read_to_string(&path) {
            sources.push(Source::new(&path, &text));
        }
    }
    Ok(sources)
}

fn paths() -> shell::Result<Vec<String>> {
    let git = |arguments: &str| {
        let mut command = Command::new("git");
        command.args(arguments.split(' '));
        command
    };
    if works(&mut git("rev-parse --is-inside-work-tree")) {
        let list = read(&mut git("ls-files -z --cached --others --exclude-standard"))?;
        return Ok(list.split_terminator('\0').map(str::to_owned).collect());
    }
    // A source archive, or a machine without git: all that is here but build output.
    let mut found = Vec::new();
    walk(Path::new("."), &mut found)?;
    Ok(found)
}

fn walk(folder: &Path, found: &mut Vec<String>) -> shell::Result {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        if name == ".git" || name == "target" {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&path, found)?;
        } else if let Some(path) = path.to_str() {
            found.push(path.trim_start_matches("./").replace('\\', "/"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_named_by_its_folder() {
        let library = |path| Source::new(path, "").library().map(str::to_owned);
        assert_eq!(
            library("crates/obo/src/bearer/layer.rs"),
            Some("obo".into())
        );
        assert_eq!(library("crates/obo/tests/chain.rs"), None);
        assert_eq!(library("examples/src/bin/chain.rs"), None);
    }

    #[test]
    fn test_files_have_no_code_of_the_product() {
        let code = |path| Source::new(path, "fn f() {}").code;
        assert_eq!(code("crates/obo/src/jwks/tests.rs"), "");
        assert_eq!(code("tests/src/chain.rs"), "");
        assert_eq!(code("crates/obo/src/jwks.rs"), "fn f() {}");
    }

    #[test]
    fn the_walk_skips_build_output() {
        let mut found = Vec::new();
        walk(Path::new("."), &mut found).unwrap();
        assert!(found.contains(&"src/main.rs".to_owned()), "{found:?}");
        assert!(!found.iter().any(|path| path.contains("target/")));
    }
}
