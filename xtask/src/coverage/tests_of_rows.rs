//! Tests that say which rows they cover: in a doc line above them, or at the start of their name.

use crate::tidy::rust_code;
use crate::tidy::source::Source;

/// A test that names rows, such as `/// TX-24, TX-32` above it or `fn tx_24_tx_32_...`.
pub(crate) struct Test {
    /// As the rows have them: `TX-24`.
    pub(crate) ids: Vec<String>,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) line: usize,
}

/// Those of all files, in the files' order.
pub(crate) fn tests(sources: &[Source]) -> Vec<Test> {
    let mut sources: Vec<_> = sources.iter().filter(|source| source.is_rust()).collect();
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources.into_iter().flat_map(of_file).collect()
}

fn of_file(source: &Source) -> Vec<Test> {
    let code = rust_code::without_text(&source.text);
    let lines: Vec<&str> = source.text.lines().collect();
    let named = test_functions(&code).into_iter();
    let named = named.map(|(line, name)| {
        let above = lines.get(..line.saturating_sub(1)).unwrap_or_default();
        let mut ids = ids(name);
        ids.extend(ids_above(above));
        Test {
            ids,
            name: name.to_owned(),
            path: source.path.clone(),
            line,
        }
    });
    named.filter(|test| !test.ids.is_empty()).collect()
}

/// The ids in the doc lines at the end of `lines`, whatever attributes follow them.
fn ids_above(lines: &[&str]) -> Vec<String> {
    let mut above = lines.iter().rev().map(|line| line.trim());
    let attribute = |line: &&str| !line.is_empty() && !line.starts_with("//") && *line != "}";
    let mut next = above.find(|line| !attribute(line));
    let mut ids = Vec::new();
    while let Some(text) = next.and_then(|line| line.strip_prefix("///")) {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
        let of_line = words.filter(|word| is_id(word)).map(str::to_owned);
        ids.splice(0..0, of_line);
        next = above.next();
    }
    ids
}

/// Two capitals, a hyphen, two digits.
fn is_id(word: &str) -> bool {
    match word.as_bytes() {
        [a, b, b'-', c, d] => {
            [a, b].iter().all(|it| it.is_ascii_uppercase())
                && [c, d].iter().all(|it| it.is_ascii_digit())
        }
        _ => false,
    }
}

/// The ids at the start of a name; what comes behind the first other word is prose.
fn ids(name: &str) -> Vec<String> {
    let mut ids = Vec::new();
    let mut words = name.split('_');
    while let (Some(group), Some(number)) = (words.next(), words.next()) {
        let is_id = group.len() == 2
            && group.bytes().all(|b| b.is_ascii_lowercase())
            && number.len() == 2
            && number.bytes().all(|b| b.is_ascii_digit());
        if !is_id {
            break;
        }
        ids.push(format!("{}-{number}", group.to_ascii_uppercase()));
    }
    ids
}

/// Functions under `#[test]` or the like, such as `#[tokio::test]`, that are not ignored, with their lines.
fn test_functions(code: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (code, 1);
    let (mut is_test, mut is_ignored, mut is_name) = (false, false, false);
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c| !rust_code::is_word(c)).unwrap_or(rest.len());
        let length = if rest.starts_with("#[") {
            let length = attribute(rest);
            let path = rest
                .get(2..length)
                .and_then(|it| it.split(['(', ']', '=']).next());
            let last = path.and_then(|path| path.trim().rsplit("::").next());
            is_test |= last == Some("test");
            is_ignored |= last == Some("ignore");
            length
        } else if word > 0 {
            match rest.get(..word).unwrap_or_default() {
                "fn" => is_name = true,
                "pub" | "crate" | "async" | "const" | "unsafe" => {}
                name => {
                    if is_name && is_test && !is_ignored {
                        found.push((line, name));
                    }
                    (is_test, is_ignored, is_name) = (false, false, false);
                }
            }
            word
        } else {
            if !first.is_whitespace() && !matches!(first, '(' | ')') {
                (is_test, is_ignored, is_name) = (false, false, false);
            }
            first.len_utf8()
        };
        let (passed, next) = rest.split_at(length);
        line += passed.matches('\n').count();
        rest = next;
    }
    found
}

/// The length of the attribute at the start.
fn attribute(rest: &str) -> usize {
    let mut depth = 0_usize;
    let end = rest.find(|c| {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            _ => {}
        }
        c == ']' && depth == 0
    });
    end.map_or(rest.len(), |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doc_lines_above_a_test_name_rows() {
        let text = "/// TX-24: why, and BT-10\n/// of OB-07.\n#[tokio::test]\nasync fn claim() {}\n\n\
                    /// AT-01 is of another.\nfn helper() {}\n\n#[test]\nfn none() {}\n";
        let tests = of_file(&Source::new("crates/obo/tests/x.rs", text));
        let named: Vec<_> = tests.iter().map(|test| (&*test.name, &test.ids)).collect();
        let ids = ["TX-24", "BT-10", "OB-07"].map(str::to_owned).to_vec();
        assert_eq!(named, [("claim", &ids)]);
    }

    #[test]
    fn a_name_starts_with_its_ids() {
        for (name, expected) in [
            ("tx_24_only_the_outermost_counts", &["TX-24"][..]),
            ("gr_10_te_01_a_destination", &["GR-10", "TE-01"]),
            ("jw_28_from_zero_to_two_to_the_53", &["JW-28"]),
            ("kc_01_an_answer_of_at_02", &["KC-01"]),
            ("tx_05", &["TX-05"]),
            ("at_once", &[]),
            ("at_123_x", &[]),
            ("a_test_of_tx_24", &[]),
            ("TX_24_x", &[]),
        ] {
            assert_eq!(ids(name), expected, "{name}");
        }
    }

    #[test]
    fn only_functions_that_are_run_are_tests() {
        for (code, expected) in [
            ("#[test]\nfn a() {}", &[(2, "a")][..]),
            (
                "#[tokio::test(start_paused = true)]\nasync fn a() {}",
                &[(2, "a")],
            ),
            ("#[test]\n#[should_panic]\nfn a() {}", &[(3, "a")]),
            ("proptest! { #[test] fn a(b in c()) {} }", &[(1, "a")]),
            (
                "#[cfg(test)] mod t { #[test] fn a() {} fn b() {} }",
                &[(1, "a")],
            ),
            ("#[test] pub(crate) async fn a() {}", &[(1, "a")]),
            ("#[cfg(test)] fn a() {}", &[]),
            ("#[test] #[ignore = \"slow\"] fn a() {}", &[]),
            ("#[ignore] #[test] fn a() {} #[test] fn b() {}", &[(1, "b")]),
            ("fn a() {}", &[]),
            ("#[derive(Debug)] struct A; fn a() {}", &[]),
        ] {
            assert_eq!(test_functions(code), expected, "{code}");
        }
    }

    #[test]
    fn a_comment_or_a_text_is_no_test() {
        let text = "// #[test] fn tx_01_a() {}\nconst A: &str = \"#[test] fn tx_02_b() {}\";\n#[test]\nfn tx_03_c() {}";
        let found = tests(&[Source::new("tests/a.rs", text), Source::new("a.md", text)]);
        let found: Vec<_> = found
            .iter()
            .map(|test| (test.name.as_str(), test.line))
            .collect();
        assert_eq!(found, [("tx_03_c", 4)]);
    }
}
