//! Oversized input (RFC 8725 §3.14).

use std::fmt::Write as _;

use obo_tests::expected::INVALID;

use crate::case::Case;
use crate::target::Target;

/// The maximum length of a token.
const LIMIT: usize = 16 * 1024;

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = lengths(of);
    cases.extend(headers(of));
    cases.extend(contents(of));
    cases
}

/// A token of this length, exactly if base64 allows it.
fn long(of: &Target<'_>, length: usize) -> String {
    let draft = of.at.draft();
    let mut note = length / 4 * 3 - draft.claims.json().len() - 300;
    loop {
        let draft = draft
            .clone()
            .claim("note", &format!("{:?}", "n".repeat(note)));
        let token = of.at.sign(&draft);
        if token.len() >= length {
            return token;
        }
        note += 1;
    }
}

fn lengths(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for length in [4_000, 8_000, LIMIT - 2] {
        let token = long(of, length);
        assert!(token.len() <= LIMIT, "{}", token.len());
        cases.push(Case::control(format!("{length} bytes"), token));
    }
    for length in [LIMIT + 1, LIMIT + 2, 20_000, 32_000, 40_000] {
        let token = long(of, length);
        cases.push(Case::invalid(format!("{length} bytes"), token));
    }
    for length in [LIMIT, LIMIT + 1, 40_000] {
        for letter in ["a", ".", "A=", "eyJ"] {
            let text = letter.repeat(length / letter.len());
            if letter != "A=" || length > LIMIT + 1 {
                cases.push(Case::invalid(format!("{length} bytes of {letter}"), text));
            }
        }
    }
    let good = of.at.good();
    for (what, token) in [
        ("header", format!("{}{good}", "A".repeat(4 * 1024))),
        ("signature", format!("{good}{}", "A".repeat(4 * 1024))),
        ("long signature", format!("{good}{}", "A".repeat(15 * 1024))),
    ] {
        cases.push(Case::invalid(format!("a longer {what}"), token));
    }
    cases
}

fn headers(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (length, is_fine) in [
        (2_000, true),
        (2_900, true),
        (3_100, false),
        (5_000, false),
        (11_000, false),
    ] {
        let header = of
            .at
            .draft()
            .header("x-note", &format!("{:?}", "n".repeat(length)));
        let token = of.at.sign(&header);
        let name = format!("{length} bytes more in the header");
        cases.push(if is_fine {
            Case::control(name, token)
        } else {
            Case::invalid(name, token)
        });
    }
    for (name, depth) in [("arrays", 1_000), ("arrays, some", 200)] {
        let deep = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let header = of.at.draft().header("x-deep", &deep);
        cases.push(Case::invalid(
            format!("{name} in the header"),
            of.at.sign(&header),
        ));
    }
    let mut many = of.at.draft();
    for i in 0..100 {
        many.header.set(&format!("m{i}"), "1");
    }
    cases.push(Case::control(
        "100 members in the header",
        of.at.sign(&many),
    ));
    cases
}

fn contents(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (depth, expected) in [
        (10, None),
        (100, None),
        (126, None),
        (200, Some(INVALID)),
        (1_000, Some(INVALID)),
        (5_500, Some(INVALID)),
    ] {
        for (what, open, close) in [("arrays", "[", "]"), ("objects", "{\"\":", "}")] {
            if open.len() * depth < 11_000 {
                let inner = if what == "arrays" { "" } else { "1" };
                let deep = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
                let draft = of.at.draft().claim("deep", &deep);
                cases.push(Case::claims(
                    format!("{depth} {what} in one another"),
                    &draft,
                    expected,
                ));
            }
        }
    }
    for (what, start) in [
        ("arrays", "["),
        ("objects", "{\"a\":"),
        ("both", "[{\"a\":"),
    ] {
        let draft = of.at.draft().claim("deep", &start.repeat(1_500));
        cases.push(Case::claims(
            format!("{what} without an end"),
            &draft,
            Some(INVALID),
        ));
    }
    for (what, value) in [
        ("text", format!("{:?}", "n".repeat(11_000))),
        ("numbers", format!("[{}0]", "0,".repeat(5_000))),
        ("empty texts", format!("[{}\"\"]", "\"\",".repeat(3_000))),
        ("escapes", format!("\"{}\"", "\\u0041".repeat(1_800))),
        ("spaces", format!("{}1", " ".repeat(11_000))),
        ("digits", "1".repeat(300)),
        ("digits of a fraction", format!("0.{}1", "0".repeat(5_000))),
    ] {
        let draft = of.at.draft().claim("many", &value);
        cases.push(Case::claims(format!("much: {what}"), &draft, None));
    }
    let named = of.at.draft().claim(&"n".repeat(11_000), "1");
    cases.push(Case::claims("a long name", &named, None));
    let mut members = String::new();
    for i in 0..1_000 {
        write!(members, "\"m{i}\":{i},").unwrap();
    }
    let claims = of.at.draft().claims.json();
    let many = claims.replacen('{', &format!("{{{members}"), 1);
    let twice = claims.replacen('{', &format!("{{{members}\"m500\":0,"), 1);
    cases.push(Case::claims_text("1,000 claims", many, None));
    cases.push(Case::claims_text(
        "1,000 claims, one of them twice",
        twice,
        Some(INVALID),
    ));
    let audiences = |last: &str| format!("[{}\"{last}\"]", "\"x\",".repeat(2_500));
    for (last, expected) in [("service-a", None), ("service-b", Some(INVALID))] {
        let draft = of.at.draft().claim("aud", &audiences(last));
        cases.push(Case::claims(
            format!("2,501 audiences, {last}"),
            &draft,
            expected,
        ));
    }
    cases
}
