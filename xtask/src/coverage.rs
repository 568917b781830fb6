//! `cargo xtask coverage`: checks that each row of the specifications has a test or a reason.
//!
//! A test names its rows in a doc line, such as `/// TX-24, TX-32`.

use std::collections::HashSet;
use std::fs;

use serde::Deserialize;

use crate::shell::{self, Files};

const ROWS: &str = "docs/spec/rows.toml";
const TOTALS: &str = "docs/spec-coverage.md";
const PAGE: &str = "target/spec-coverage.md";
const LEVELS: [&str; 4] = ["MUST", "POLICY", "SHOULD", "MAY"];

const HEAD: &str =
    "| section | MUST | POLICY | SHOULD | MAY | all |\n| --- | --- | --- | --- | --- | --- |\n";

/// The ids of rows, and the place and name of a test for them.
type Test = (Vec<String>, String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coverage {
    group: Vec<Group>,
    #[serde(skip)]
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    title: String,
    specification: String,
    /// Why rows of this group have no test.
    open: Option<String>,
    rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    role: String,
    level: String,
    rule: String,
    /// Why the row has no test.
    open: Option<String>,
    /// What the tests do not cover.
    lacks: Option<String>,
    /// The file with an example in its documentation that must not compile.
    compile_fail: Option<String>,
}

/// Writes the table of the one page and the whole other page, then fails if a row has neither test
/// nor reason.
pub(crate) fn write() -> shell::Result {
    let coverage = Coverage::new(&fs::read_to_string(ROWS)?, &shell::files(".", "rs")?)?;
    let page = fs::read_to_string(TOTALS)?;
    let (introduction, _) = page.split_once(HEAD).ok_or("the page has no table")?;
    fs::write(TOTALS, introduction.to_owned() + &coverage.totals())?;
    fs::write(PAGE, coverage.page())?;
    println!("{TOTALS} and {PAGE}: written");
    check()
}

/// Fails if a row has neither test nor reason, or if the totals are out of date.
pub(crate) fn check() -> shell::Result {
    let coverage = Coverage::new(&fs::read_to_string(ROWS)?, &shell::files(".", "rs")?)?;
    let mut findings = coverage.findings();
    if !fs::read_to_string(TOTALS)?.ends_with(&format!("\n\n{}", coverage.totals())) {
        findings.push(format!("{TOTALS}: out of date; run `cargo xtask coverage`"));
    }
    shell::verdict("coverage", &findings)
}

impl Coverage {
    fn new(rows: &str, files: &Files) -> shell::Result<Self> {
        let rows = toml::from_str(rows);
        let mut coverage: Self = rows.map_err(|error| format!("{ROWS}: {error}"))?;
        let tests = files.iter().flat_map(|(path, text)| tests(path, text));
        coverage.tests = tests.collect();
        for row in coverage.group.iter().flat_map(|group| &group.rows) {
            let mut files = files
                .iter()
                .filter(|(of, _)| row.compile_fail.as_ref() == Some(of));
            let has = |text: &str| text.contains("```compile_fail") && text.contains(&row.id);
            let test = files.find(|(_, text)| has(text));
            let test = test.map(|(path, _)| (vec![row.id.clone()], path.clone()));
            coverage.tests.extend(test);
        }
        Ok(coverage)
    }

    fn tests_of(&self, row: &Row) -> Vec<&str> {
        let tests = self.tests.iter().filter(|(ids, _)| ids.contains(&row.id));
        tests.map(|(_, test)| test.as_str()).collect()
    }

    fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        let mut known = HashSet::new();
        for group in &self.group {
            for row in &group.rows {
                let mut wrong = |is_wrong: bool, what: &str| {
                    findings.extend(is_wrong.then(|| format!("{ROWS}: {} {what}", row.id)));
                };
                let is_tested = !self.tests_of(row).is_empty();
                let is_open = row.open.is_some();
                let has_reason = is_open || group.open.is_some();
                wrong(!known.insert(&row.id), "occurs twice");
                wrong(!LEVELS.contains(&&*row.level), "has an unknown level");
                wrong(!is_tested && !has_reason, "has no test; say why in `open`");
                wrong(is_tested && is_open, "is `open` and has tests; use `lacks`");
                wrong(!is_tested && row.lacks.is_some(), "has no test; use `open`");
            }
        }
        for (ids, test) in &self.tests {
            let unknown = ids.iter().filter(|id| !known.contains(id));
            findings.extend(unknown.map(|id| format!("{test}: {id} is not in {ROWS}")));
        }
        findings
    }

    /// The table of the committed page: the number of rows with a test in each section.
    fn totals(&self) -> String {
        let line = |title: &str, groups: &[Group]| {
            let count = |level: &str| {
                let rows = groups.iter().flat_map(|group| &group.rows);
                let rows = rows.filter(|row| row.level.contains(level));
                let is_tested = |row: &&Row| !self.tests_of(row).is_empty();
                let tested = rows.clone().filter(is_tested).count();
                format!("{tested} of {}", rows.count())
            };
            let levels = LEVELS.map(count).join(" | ");
            format!("| {title} | {levels} | {} |\n", count(""))
        };
        let sections = self.group.chunks(1);
        let sections = sections.flat_map(|it| it.first().map(|group| line(&group.title, it)));
        let sections: String = sections.collect();
        HEAD.to_owned() + &sections + &line("all", &self.group)
    }

    /// The page in `target`: each row with its tests, or why it has no test.
    fn page(&self) -> String {
        let mut page = "# Rows and their tests\n\n".to_owned() + &self.totals();
        for group in &self.group {
            page += &format!("\n## {}\n\n{}\n\n", group.title, group.specification);
            for row in &group.rows {
                let [id, level, role, rule] = [&row.id, &row.level, &row.role, &row.rule];
                page += &format!("- **{id}** {level} ({role}): {rule}\n");
                let tests = self.tests_of(row);
                let mut open = row.open.iter().chain(&group.open).take(1);
                let open = open.find(|_| tests.is_empty());
                for (what, note) in [("lacks", row.lacks.as_ref()), ("open", open)] {
                    page.extend(note.map(|note| format!("  - *{what}:* {note}\n")));
                }
                page.extend(tests.iter().map(|test| format!("  - {test}\n")));
            }
        }
        page
    }
}

/// Finds the test functions that name rows and are not ignored.
fn tests(path: &str, text: &str) -> Vec<Test> {
    let mut tests = Vec::new();
    let (mut above, mut is_test, mut in_attribute) = (vec![], None, false);
    for (line, text) in (1..).zip(text.lines().map(str::trim)) {
        if let Some(text) = text.strip_prefix("///") {
            above.extend(ids(text));
        } else if in_attribute || text.starts_with("#[") {
            let name = text.trim_start_matches("#[").split(['(', ']', ' ']).next();
            let name = name.filter(|_| !in_attribute).unwrap_or_default();
            match name.rsplit("::").next() {
                Some("test") => is_test = is_test.or(Some(true)),
                Some("ignore") => is_test = Some(false),
                _ => {}
            }
            in_attribute = !text.ends_with(']');
        } else if !text.starts_with("//") {
            let name = text.trim_start_matches("async ").strip_prefix("fn ");
            let name = name.and_then(|code| code.split(['(', '<']).next());
            let name = name.unwrap_or_default();
            if is_test == Some(true) && !above.is_empty() {
                tests.push((above, format!("{path}:{line}: {name}")));
            }
            (above, is_test) = (vec![], None);
        }
    }
    tests
}

/// Finds ids: two capitals, a hyphen and two digits.
fn ids(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    let shape = |c: char| match c {
        'A'..='Z' => 'A',
        '0'..='9' => '0',
        c => c,
    };
    let ids = words.filter(|word| word.chars().map(shape).eq("AA-00".chars()));
    ids.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = "/// TX-02\n#[test]\nfn b() {}";

    /// Two rows; the first has a test.
    fn coverage(row: &str, test: &str) -> Coverage {
        let rows = format!(
            "[[group]]\ntitle = \"Group\"\nspecification = \"RFC\"\nrows = [\n\
             {{ id = \"TX-01\", role = \"RS\", level = \"MUST\", rule = \"a\" }},\n\
             {{ id = \"TX-02\", role = \"XC, AS\", level = \"MAY\", rule = \"c\"{row} }}]"
        );
        let a = ("a.rs", "/// TX-01\n#[test]\nfn a() {}");
        let c = ("c.rs", "/// (TX-02)\n/// ```compile_fail");
        let files = [a, ("b.rs", test), c].map(|(path, text)| (path.into(), text.into()));
        Coverage::new(&rows, &files.to_vec()).unwrap()
    }

    #[test]
    fn row_has_test_or_reason() {
        let twice = " }, { id = \"TX-02\", role = \"AS\", level = \"must\", rule = \"\"";
        let unknown = "/// TX-02, TX-99\n#[test]\nfn b() {}";
        for (row, test, wrong) in [
            ("", TEST, ""),
            (", lacks = \"x\"", TEST, ""),
            (", open = \"x\"", "", ""),
            (", compile_fail = \"c.rs\"", "", ""),
            ("", "", "TX-02 has no test; say why in `open`"),
            (", open = \"x\"", TEST, "TX-02 is `open` and has tests"),
            (", open = \"x\", lacks = \"x\"", "", "TX-02 has no test"),
            (", compile_fail = \"a.rs\"", "", "TX-02 has no test"),
            ("", unknown, "b.rs:3: b: TX-99 is not in docs/spec"),
            (twice, TEST, "TX-02 occurs twice"),
            (twice, TEST, "TX-02 has an unknown level"),
        ] {
            let found = coverage(row, test).findings().join("\n");
            assert!(found.contains(wrong), "{found}");
            assert_eq!(wrong.is_empty(), found.is_empty(), "{found}");
        }
        assert!(Coverage::new("group = [{ titel = \"x\" }]", &vec![]).is_err());
    }

    #[test]
    fn pages_show_totals_and_tests() {
        let coverage = coverage(", open = \"Not built.\"", "");
        let (totals, page) = (coverage.totals(), coverage.page());
        let levels = "| 1 of 1 | 0 of 0 | 0 of 0 | 0 of 1 | 1 of 2 |";
        assert!(totals.ends_with(&format!("| Group {levels}\n| all {levels}\n")));
        assert!(page.contains("\n- **TX-01** MUST (RS): a\n  - a.rs:3: a\n"));
        assert!(page.ends_with("\n- **TX-02** MAY (XC, AS): c\n  - *open:* Not built.\n"));
    }

    #[test]
    fn tests_are_functions_that_run() {
        for (code, expected) in [
            ("#[test]\nfn a() {}\nfn b() {}", 1),
            ("#[tokio::test(start_paused = true)]\nasync fn a() {}", 1),
            ("#[test]\n#[should_panic(\n    x\n)]\nfn a() {}", 1),
            ("#[test]\n    fn a(b in c()) {}\n}", 1),
            ("#[test]\n#[ignore = \"slow\"]\nfn a() {}", 0),
            ("#[ignore]\n#[test]\nfn a() {}", 0),
            ("#[cfg(test)]\nfn a() {}", 0),
            ("// #[test]\nfn a() {}", 0),
        ] {
            let found = tests("a.rs", &format!("/// TX-01\n{code}"));
            assert_eq!(found.len(), expected, "{code}");
        }
    }

    #[test]
    fn doc_lines_have_ids() {
        let text = "/// AT-01\nfn f() {}\n\n/// TX-24: why, AES-12, BT-10\n/// of OB-07.\n\
                    #[test]\nfn from_jw_28() {}";
        assert_eq!(tests("a.rs", text)[0].0, ["TX-24", "BT-10", "OB-07"]);
    }
}
