//! A module is named for what is in it, and `mod.rs` is its table of contents.

use super::finding::Finding;
use super::rust_code::words;
use super::source::Source;

const SAY_NOTHING: [&str; 9] = [
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "provider", "context",
];

pub(super) fn check(source: &Source) -> Vec<Finding> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut findings = Vec::new();
    let path = source.path.trim_end_matches(".rs");
    for name in path.split('/').filter(|name| SAY_NOTHING.contains(name)) {
        findings.push(nothing_said(source, 1, name));
    }
    for (line, code) in source.code_lines() {
        let named = words(code).skip_while(|word| *word != "mod").nth(1);
        if let Some(name) = named.filter(|name| SAY_NOTHING.contains(name)) {
            findings.push(nothing_said(source, line, name));
        }
    }
    if source.path.ends_with("/mod.rs")
        && let Some(line) = first_body(&source.code)
    {
        let wrong = "a function body in mod.rs";
        let remedy = "keep docs, traits and re-exports here; move code to a named file";
        findings.push(Finding::warning(&source.path, line, wrong, remedy));
    }
    findings
}

fn nothing_said(source: &Source, line: usize, name: &str) -> Finding {
    let wrong = format!("a module named `{name}`");
    Finding::defect(&source.path, line, wrong, "name it for what is in it")
}

/// Line of the first function with a body.
fn first_body(code: &str) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = code.get(at..)?;
        at += rest.find("fn ")? + "fn ".len();
        let signature = code.get(at..)?;
        if has_body(signature) {
            return Some(1 + code.get(..at)?.matches('\n').count());
        }
    }
}

/// Whether `{` comes before the `;` that would end a signature; `[u8; 4]` ends none.
fn has_body(signature: &str) -> bool {
    let mut depth = 0;
    for c in signature.chars() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 => return true,
            ';' if depth == 0 => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tidy::finding::Severity;

    fn severities(path: &str, text: &str) -> Vec<Severity> {
        let findings = check(&Source::new(path, text));
        findings.iter().map(|finding| finding.severity).collect()
    }

    #[test]
    fn a_name_that_says_nothing_is_a_defect() {
        for path in [
            "crates/obo/src/util.rs",
            "crates/obo/src/helpers/mod.rs",
            "tests/tests/common/mod.rs",
        ] {
            assert_eq!(severities(path, ""), [Severity::Defect], "{path}");
        }
        let path = "crates/obo/src/lib.rs";
        assert_eq!(
            severities(path, "\npub(crate) mod manager;"),
            [Severity::Defect]
        );
        assert_eq!(severities(path, "mod jwks; // mod util"), []);
        assert_eq!(severities("docs/context/a.md", ""), []);
    }

    #[test]
    fn code_in_mod_rs_is_a_question() {
        let path = "crates/obo/src/bearer/mod.rs";
        assert_eq!(severities(path, "fn f() -> u8 { 1 }"), [Severity::Warning]);
        assert_eq!(severities(path, "trait T { fn f(&self) -> [u8; 4]; }"), []);
        assert_eq!(severities(path, "mod a;\npub use a::A;\n/// fn f() {}"), []);
        assert_eq!(
            severities(path, "#[cfg(test)]\nmod tests { fn f() {} }"),
            []
        );
        assert_eq!(severities("crates/obo/src/jwks.rs", "fn f() {}"), []);
    }

    #[test]
    fn the_body_is_where_it_starts() {
        assert_eq!(first_body("trait T { fn f(); }\n\nfn g() {}"), Some(3));
    }
}
