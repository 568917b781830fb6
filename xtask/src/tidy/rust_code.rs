//! Just enough of Rust's grammar to look at code and not at what is written about it.
//!
//! What is removed becomes spaces, so that lines keep their numbers.

use std::ops::Range;

/// Without comments, strings and character literals.
pub(crate) fn without_text(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while !rest.is_empty() {
        let (length, is_text) = token(rest);
        let (head, tail) = rest.split_at(length);
        if is_text {
            code.extend(head.chars().map(blank));
        } else {
            code.push_str(head);
        }
        rest = tail;
    }
    code
}

/// Without items under `#[cfg(test)]`, and how many lines they took; takes what
/// `without_text` gives.
pub(super) fn without_tests(code: &str) -> (String, usize) {
    let mut product = String::with_capacity(code.len());
    let mut lines = 0;
    let mut rest = code;
    while let Some(range) = test_item(rest) {
        let (before, from) = rest.split_at(range.start);
        let (item, after) = from.split_at(range.len());
        product.push_str(before);
        product.extend(item.chars().map(blank));
        lines += item.lines().count();
        rest = after;
    }
    (product + rest, lines)
}

/// Identifiers, keywords and numbers.
pub(super) fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !is_word(c)).filter(|w| !w.is_empty())
}

pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn blank(c: char) -> char {
    if c == '\n' { '\n' } else { ' ' }
}

/// Length of the token at the start, and whether it is a comment or a literal.
fn token(rest: &str) -> (usize, bool) {
    if rest.starts_with("//") {
        return (rest.find('\n').unwrap_or(rest.len()), true);
    }
    if rest.starts_with("/*") {
        return (block_comment(rest), true);
    }
    if let Some(length) = raw_string(rest).or_else(|| quoted(rest, '"')) {
        return (length, true);
    }
    if let Some(length) = character(rest) {
        return (length, true);
    }
    let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let one = rest.chars().next().map_or(0, char::len_utf8);
    (word.max(one), false)
}

fn block_comment(rest: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while let Some(tail) = rest.get(at..).filter(|tail| !tail.is_empty()) {
        if tail.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if tail.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                break;
            }
        } else {
            at += tail.chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn raw_string(rest: &str) -> Option<usize> {
    let body = rest.trim_start_matches(['b', 'c']).strip_prefix('r')?;
    let quote = body.find('"')?;
    let (hashes, _) = body.split_at(quote);
    if hashes.contains(|c| c != '#') {
        return None;
    }
    let opened = rest.len() - body.len() + quote + 1;
    let end = format!("\"{hashes}");
    let closed = rest.get(opened..)?.find(&end)?;
    Some(opened + closed + end.len())
}

/// A literal between two of `quote`, where `\` escapes.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    let body = rest.strip_prefix(quote)?;
    let end = body.find(|c| {
        let ends = c == quote && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    });
    Some(end.map_or(rest.len(), |end| end + 2))
}

/// A character literal, told from a lifetime by its closing quote.
fn character(rest: &str) -> Option<usize> {
    let mut characters = rest.strip_prefix('\'')?.chars();
    match (characters.next()?, characters.next()?) {
        ('\\', _) | (_, '\'') => quoted(rest, '\''),
        _ => None,
    }
}

fn test_item(code: &str) -> Option<Range<usize>> {
    let marks = ["#[cfg(test)]", "#[cfg(all(test"];
    let start = marks.iter().filter_map(|mark| code.find(mark)).min()?;
    let (_, item) = code.split_at(start);
    Some(start..start + item_length(item))
}

/// Up to the `;` or the closing brace that ends an item, its attributes included.
fn item_length(item: &str) -> usize {
    let mut depth = 0_i32;
    for (at, c) in item.char_indices() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return at;
        }
        if depth == 0 && matches!(c, ';' | '}') {
            return at + 1;
        }
    }
    item.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_spaces() {
        for (source, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"a("b \" c") d"#, "a(        ) d"),
            (r##"a(r#"b " c"#) d"##, "a(          ) d"),
            (r#"a(b"\\") d"#, "a(b    ) d"),
            ("a('\"') b", "a(   ) b"),
            (r"a('\'') b", "a(    ) b"),
            ("fn a<'b>(c: &'b str) {}", "fn a<'b>(c: &'b str) {}"),
            ("r#fn br for", "r#fn br for"),
        ] {
            assert_eq!(without_text(source), code, "{source}");
        }
    }

    #[test]
    fn lines_keep_their_numbers() {
        let source = "/*\n\n*/ a \"\n\" b\n";
        assert_eq!(without_text(source).lines().count(), source.lines().count());
    }

    #[test]
    fn test_items_become_spaces() {
        for (code, product, lines) in [
            (
                "a\n#[cfg(test)]\nmod t { }\nb",
                "a\n            \n         \nb",
                2,
            ),
            ("#[cfg(test)] mod t; b", "                    b", 1),
            (
                "#[cfg(test)] fn f() -> [u8; 2] {} b",
                "                                  b",
                1,
            ),
            (
                "#[cfg(not(test))] fn f() {}",
                "#[cfg(not(test))] fn f() {}",
                0,
            ),
        ] {
            assert_eq!(without_tests(code), (product.to_owned(), lines), "{code}");
        }
    }

    #[test]
    fn words_are_identifiers() {
        assert!(words("pub mod a_b{").eq(["pub", "mod", "a_b"]));
    }
}
