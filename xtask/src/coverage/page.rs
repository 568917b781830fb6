//! The page: totals, what is open, then one table for each group.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::rows::{Group, Level, Role, Row, Rows};
use super::tests_of_rows::Test;

const INTRODUCTION: &str = "\
# Coverage of the specifications

Written by `cargo xtask coverage` from [the rows](spec/rows.toml) and the names of the tests; `cargo xtask tidy` fails when
it is out of date. A test is listed where its name starts with the row's id. The wording of a row is this project's; the
specification is what counts.

Roles: RS is the resource server, XC the client that exchanges tokens, AS the authorization server of `obo-testkit`, ALL each
of them. Levels: MUST, SHOULD and MAY are those of the specification, POLICY is a rule of this project where a
specification leaves room. *Open* says why a row has no test, most often because that part is not built; *lacks* says what
the tests of a row leave out.
";

pub(crate) fn page(rows: &Rows, tests: &[Test]) -> String {
    let mut by_id: BTreeMap<&str, Vec<&Test>> = BTreeMap::new();
    for test in tests {
        for id in &test.ids {
            by_id.entry(id).or_default().push(test);
        }
    }
    let tests_of = |row: &Row| by_id.get(row.id.as_str()).map_or(&[][..], Vec::as_slice);
    let mut page = String::from(INTRODUCTION);
    let is_tested = |row: &Row| row.compile_fail.is_some() || !tests_of(row).is_empty();
    page.push_str(&totals(rows, &is_tested));
    page.push_str(&open(rows, &is_tested));
    for group in &rows.groups {
        let Group {
            title,
            specification,
            ..
        } = group;
        let _ = write!(page, "\n## {title}\n\n{specification}\n\n");
        page.push_str(
            "| row | role | level | what is asked for | tests |\n| --- | --- | --- | --- | --- |\n",
        );
        for row in &group.rows {
            let Row {
                id,
                roles,
                level,
                rule,
                ..
            } = row;
            let cell = cell(group, row, tests_of(row));
            let _ = writeln!(
                page,
                "| {id} | {roles} | {} | {rule} | {cell} |",
                level.name()
            );
        }
    }
    page
}

/// How many rows are tested, by role and level.
fn totals(rows: &Rows, is_tested: &dyn Fn(&Row) -> bool) -> String {
    let count = |of: &dyn Fn(&Row) -> bool| {
        let rows = rows.iter().map(|(_, row)| row).filter(|row| of(row));
        let (tested, open): (Vec<_>, Vec<_>) = rows.partition(|row| is_tested(row));
        format!("{} of {}", tested.len(), tested.len() + open.len())
    };
    let line = |name: &str, of: &dyn Fn(&Row) -> bool| {
        let levels = Level::EACH.map(|level| count(&|row| of(row) && row.level == level));
        format!("| {name} | {} | {} |\n", levels.join(" | "), count(of))
    };
    let levels = Level::EACH.map(Level::name).join(" | ");
    let mut text = format!(
        "\nRows with a test:\n\n| role | {levels} | all |\n| --- |{}\n",
        " --- |".repeat(5)
    );
    for role in Role::EACH {
        text.push_str(&line(role.name(), &|row| row.roles.contains(role)));
    }
    text.push_str(&line("each row once", &|_| true));
    text
}

/// Every reason, those of whole groups first.
fn open(rows: &Rows, is_tested: &dyn Fn(&Row) -> bool) -> String {
    let mut text = String::from("\n## What is open\n\n");
    for group in &rows.groups {
        let without = |row: &&Row| row.open.is_none() && !is_tested(row);
        if let (Some(open), count @ 1..) = (&group.open, group.rows.iter().filter(without).count())
        {
            let _ = writeln!(text, "- {}, {count} rows: {open}", group.title);
        }
    }
    for (_, row) in rows.iter() {
        for (how, why) in [("", &row.open), (" lacks", &row.lacks)] {
            if let Some(why) = why {
                let _ = writeln!(text, "- {}{how}: {why}", row.id);
            }
        }
    }
    text
}

/// The tests of a row, file by file, and what is open.
fn cell(group: &Group, row: &Row, tests: &[&Test]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for tests in tests.chunk_by(|a, b| a.path == b.path) {
        let names: Vec<_> = tests
            .iter()
            .map(|test| format!("`{}`", test.name))
            .collect();
        let path = tests.first().map_or("", |test| &test.path);
        parts.push(format!("{}: {}", link(path), names.join(", ")));
    }
    if let Some(path) = &row.compile_fail {
        parts.push(format!("{}: an example that must not compile", link(path)));
    }
    if let Some(lacks) = &row.lacks {
        parts.push(format!("*lacks:* {lacks}"));
    }
    let open = row.open.as_ref().or(group.open.as_ref());
    if let (true, Some(open)) = (parts.is_empty(), open) {
        parts.push(format!("*open:* {open}"));
    }
    parts.join("<br>")
}

fn link(path: &str) -> String {
    format!("[{path}](../{path})")
}

#[cfg(test)]
mod tests {
    use super::super::tests_of_rows;
    use super::*;
    use crate::tidy::source::Source;

    const ROWS: &str = r#"
        [[group]]
        title = "Group"
        specification = "RFC"
        open = "Not built."
        rows = [
            { id = "TX-01", role = "RS", level = "MUST", rule = "a", lacks = "b" },
            { id = "TX-02", role = "RS, XC", level = "MUST", rule = "c" },
            { id = "TX-03", role = "XC", level = "MAY", rule = "d", compile_fail = "a.rs" },
        ]
    "#;

    #[test]
    fn a_row_shows_its_tests_or_why_there_are_none() {
        let rows = Rows::parse(ROWS).unwrap();
        let text = "#[test]\nfn tx_01_a() {}\n#[test]\nfn tx_01_b() {}\n";
        let tests = tests_of_rows::tests(&[
            Source::new("tests/b.rs", "#[test]\nfn tx_01_c() {}"),
            Source::new("tests/a.rs", text),
        ]);
        let page = page(&rows, &tests);
        for line in [
            "| RS | 1 of 2 | 0 of 0 | 0 of 0 | 0 of 0 | 1 of 2 |",
            "| XC | 0 of 1 | 0 of 0 | 0 of 0 | 1 of 1 | 1 of 2 |",
            "| each row once | 1 of 2 | 0 of 0 | 0 of 0 | 1 of 1 | 2 of 3 |",
            "- Group, 1 rows: Not built.",
            "- TX-01 lacks: b",
            "## Group",
            "| TX-01 | RS | MUST | a | [tests/a.rs](../tests/a.rs): `tx_01_a`, `tx_01_b`<br>[tests/b.rs](../tests/b.rs): `tx_01_c`<br>*lacks:* b |",
            "| TX-02 | RS, XC | MUST | c | *open:* Not built. |",
            "| TX-03 | XC | MAY | d | [a.rs](../a.rs): an example that must not compile |",
        ] {
            assert!(
                page.lines().any(|of_page| of_page == line),
                "{line}\n{page}"
            );
        }
    }
}
