//! Rows, tests, docs/spec-coverage.md and whatever else names a row agree.

use std::collections::HashSet;

use super::finding::Finding;
use super::source::Source;
use crate::coverage::{PAGE, ROWS, Row, Rows, Test, page, tests};
use crate::shell;

pub(super) fn run(sources: &[Source]) -> shell::Result<Vec<Finding>> {
    let text = |path| text_of(sources, path).unwrap_or_default();
    let rows = Rows::parse(text(ROWS))?;
    let tests = tests(sources);
    let known: HashSet<&str> = rows.iter().map(|(_, row)| row.id.as_str()).collect();
    let mut findings = unknown_in_names(&known, &tests);
    findings.extend(unknown_in_text(&known, sources));
    findings.extend(rows_without_account(&rows, &tests, sources));
    if findings.is_empty() && text(PAGE) != page(&rows, &tests) {
        let remedy = "`cargo xtask coverage` writes it";
        findings.push(Finding::defect(PAGE, 1, "out of date", remedy));
    }
    Ok(findings)
}

fn unknown_in_names(known: &HashSet<&str>, tests: &[Test]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for test in tests {
        for id in test.ids.iter().filter(|id| !known.contains(id.as_str())) {
            findings.push(no_row(id, &test.path, test.line));
        }
    }
    findings
}

/// Documents and comments name rows too.
fn unknown_in_text(known: &HashSet<&str>, sources: &[Source]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of_library = |source: &&Source| source.is_rust() && source.library().is_some();
    let documents = |source: &&Source| source.path.ends_with(".md") && source.path != PAGE;
    for source in sources.iter().filter(|it| of_library(it) || documents(it)) {
        for (line, text) in source.lines() {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '-');
            for id in words.filter(|word| is_id(word) && !known.contains(word)) {
                findings.push(no_row(id, &source.path, line));
            }
        }
    }
    findings
}

/// Two capitals, a hyphen, two digits.
fn is_id(word: &str) -> bool {
    let (group, number) = word.split_once('-').unwrap_or_default();
    let capitals = group.bytes().filter(u8::is_ascii_uppercase).count();
    let digits = number.bytes().filter(u8::is_ascii_digit).count();
    (capitals, digits) == (2, 2) && (group.len(), number.len()) == (2, 2)
}

fn no_row(id: &str, path: &str, line: usize) -> Finding {
    let remedy = format!("see {ROWS} for those that are");
    Finding::defect(path, line, format!("{id} is no row"), remedy)
}

fn rows_without_account(rows: &Rows, tests: &[Test], sources: &[Source]) -> Vec<Finding> {
    let tested: HashSet<&String> = tests.iter().flat_map(|test| &test.ids).collect();
    let mut seen = HashSet::new();
    let mut findings = Vec::new();
    for (group, row) in rows.iter() {
        let id = &row.id;
        let mut wrong = |wrong: String, remedy| {
            let line = line_of(sources, id);
            findings.push(Finding::defect(ROWS, line, wrong, remedy));
        };
        let is_tested = tested.contains(id) || row.compile_fail.is_some();
        if !seen.insert(id) {
            wrong(format!("{id} is there twice"), "one row for each id");
        }
        if !is_tested && row.open.is_none() && group.open.is_none() {
            let remedy = "test it, or say in `open` why not";
            wrong(format!("{id} has neither test nor reason"), remedy);
        }
        if is_tested && row.open.is_some() {
            let remedy = "drop the reason, or say in `lacks` what they leave out";
            wrong(format!("{id} is open and has tests"), remedy);
        }
        if !is_tested && row.lacks.is_some() {
            wrong(
                format!("{id} lacks something and has no tests"),
                "say it in `open`",
            );
        }
        if let Some(missing) = missing_example(row, sources) {
            let remedy = "an example under ```compile_fail that names the row";
            wrong(format!("{id}: no such example in {missing}"), remedy);
        }
    }
    findings
}

/// The file in which the example that must not compile is not.
fn missing_example<'a>(row: &'a Row, sources: &[Source]) -> Option<&'a str> {
    let path = row.compile_fail.as_deref()?;
    let text = text_of(sources, path).unwrap_or_default();
    let is_there = text.contains("```compile_fail") && text.contains(&row.id);
    (!is_there).then_some(path)
}

fn line_of(sources: &[Source], id: &str) -> usize {
    let marked = format!("id = \"{id}\"");
    let source = sources.iter().find(|source| source.path == ROWS);
    let line = source.and_then(|source| source.lines().find(|(_, line)| line.contains(&marked)));
    line.map_or(1, |(line, _)| line)
}

fn text_of<'a>(sources: &'a [Source], path: &str) -> Option<&'a str> {
    let source = sources.iter().find(|source| source.path == path);
    source.map(|source| source.text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is wrong with this row, beside one that has a test.
    fn findings(row: &str, test: &str) -> Vec<String> {
        let rows = format!(
            "[[group]]\ntitle = \"t\"\nspecification = \"s\"\nrows = [\n\
             {{ id = \"TX-01\", role = \"RS\", level = \"MUST\", rule = \"r\" }},\n\
             {{ id = \"TX-02\", role = \"RS\", level = \"MUST\", rule = \"r\"{row} }}]"
        );
        let mut sources = vec![
            Source::new(ROWS, &rows),
            Source::new("a.rs", &format!("#[test]\nfn tx_01_x() {{}}\n{test}")),
            Source::new("b.rs", "/// (TX-02)\n/// ```compile_fail\n"),
        ];
        let page = page(&Rows::parse(&rows).unwrap(), &tests(&sources));
        sources.push(Source::new(PAGE, &page));
        let findings = run(&sources).unwrap();
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_row_has_a_test_or_a_reason() {
        let test = "#[test]\nfn tx_02_x() {}";
        assert!(findings("", test).is_empty());
        assert!(findings(", lacks = \"x\"", test).is_empty());
        assert!(findings(", open = \"x\"", "").is_empty());
        assert!(findings(", compile_fail = \"b.rs\"", "").is_empty());
        for (row, test, wrong) in [
            (
                "",
                "",
                "docs/spec/rows.toml:6: TX-02 has neither test nor reason",
            ),
            (
                ", open = \"x\"",
                test,
                "docs/spec/rows.toml:6: TX-02 is open and has tests",
            ),
            (
                ", lacks = \"x\", open = \"x\"",
                "",
                "docs/spec/rows.toml:6: TX-02 lacks something",
            ),
            (
                ", compile_fail = \"a.rs\"",
                "",
                "docs/spec/rows.toml:6: TX-02: no such example in a.rs",
            ),
        ] {
            let found = findings(row, test);
            assert!(
                matches!(&*found, [one] if one.starts_with(wrong)),
                "{wrong}: {found:?}"
            );
        }
    }

    #[test]
    fn a_test_names_rows_that_are_there() {
        let found = findings(", open = \"x\"", "#[test]\nfn tx_99_x() {}");
        assert!(
            matches!(&*found, [one] if one.starts_with("a.rs:4: TX-99 is no row")),
            "{found:?}"
        );
    }

    #[test]
    fn a_text_names_rows_that_are_there() {
        let known = HashSet::from(["TX-01"]);
        let count = |path, text| unknown_in_text(&known, &[Source::new(path, text)]).len();
        assert_eq!(
            count("docs/a.md", "(TX-01), AES-12, UTF-16, 11-25, tx-02"),
            0
        );
        assert_eq!(count("docs/a.md", "TX-01 to TX-03"), 1);
        assert_eq!(count("crates/obo/src/a.rs", "/// As TX-02 has it."), 1);
        assert_eq!(count(PAGE, "TX-02"), 0);
    }

    #[test]
    fn an_outdated_page_is_found() {
        let rows = "group = []";
        let sources = [Source::new(ROWS, rows), Source::new(PAGE, "# old")];
        let found = run(&sources).unwrap();
        assert!(
            found[0]
                .to_string()
                .starts_with("docs/spec-coverage.md:1: out of date")
        );
    }
}
