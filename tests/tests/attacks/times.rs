//! `exp`, `nbf` and `iat` with 60 s of leeway (RFC 7519 §2, §4.1.4 to §4.1.6).

use obo_tests::expected::INVALID;

use crate::case::{Case, Expected};
use crate::claims::of_claim;
use crate::target::Target;

/// Values that are not a point in time.
const NONE: [&str; 23] = [
    "null",
    "true",
    "false",
    r#""""#,
    r#""never""#,
    "[]",
    "{}",
    "[4102444800]",
    r#"{"value":4102444800}"#,
    r#""4102444800""#,
    r#""4102444800.0""#,
    r#""2099-12-31T23:59:59Z""#,
    "-1",
    "-4102444800",
    "-0.5",
    "1e400",
    "-1e400",
    "1e17",
    "9007199254740993",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
];

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for claim in ["exp", "nbf", "iat"] {
        cases.extend(of_claim(of, claim, &NONE.map(|text| (text, Some(INVALID)))));
        // JSON does not have these numbers.
        let no_json = [
            "NaN",
            "Infinity",
            "-Infinity",
            "0x7fffffff",
            "+4102444800",
            "04102444800",
            "4102444800.",
            ".5",
            "4_102_444_800",
            "4102444800L",
            "4102444800n",
            "\u{664}\u{661}\u{660}\u{662}",
            "1e",
            "1e+",
            "--1",
            "",
        ];
        cases.extend(of_claim(
            of,
            claim,
            &no_json.map(|text| (text, Some(INVALID))),
        ));
    }
    cases.extend(expiry(of));
    cases.extend(start(of));
    cases
}

/// A claim with a time this many seconds from now.
fn at(of: &Target<'_>, claim: &str, offset: i64, expected: Expected) -> Case {
    let time = (of.at.now() + offset).to_string();
    let draft = of.at.draft().claim(claim, &time);
    Case::claims(format!("{claim} {offset:+}"), &draft, expected)
}

fn expiry(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for past in [-60, -61, -120, -3600, -86_400 * 365] {
        cases.push(at(of, "exp", past, Some(INVALID)));
    }
    for future in [60, 3600, 86_400 * 365] {
        cases.push(at(of, "exp", future, None));
    }
    // Within the leeway the token is accepted, but no longer exchanged.
    cases.push(at(of, "exp", -10, None).not_at_gateway());
    let now = of.at.now();
    for (text, expected) in [
        ("0", Some(INVALID)),
        ("-0", Some(INVALID)),
        ("0.0", Some(INVALID)),
        ("1e-400", Some(INVALID)),
        ("1", Some(INVALID)),
        ("1.5e9", Some(INVALID)),
        ("1e9", Some(INVALID)),
        ("4102444800", None),
        ("4102444800.5", None),
        ("4.1024448e9", None),
        ("4.1024448E+9", None),
        ("41024448e2", None),
        ("9007199254740992", None),
        ("9.007199254740992e15", None),
    ] {
        cases.extend(of_claim(of, "exp", &[(text, expected)]));
    }
    for (what, text, expected) in [
        (
            "past, with a fraction",
            format!("{}.999", now - 62),
            Some(INVALID),
        ),
        (
            "future, with a fraction",
            format!("{}.001", now + 300),
            None,
        ),
        ("in milliseconds", format!("{now}000"), None),
        ("of minutes", (now / 60).to_string(), Some(INVALID)),
        ("two numbers", format!("{now} {now}"), Some(INVALID)),
        ("a sum", format!("{now}+300"), Some(INVALID)),
    ] {
        let draft = of.at.draft().claim("exp", &text);
        cases.push(Case::claims(format!("exp {what}"), &draft, expected));
    }
    for other in ["Exp", "EXP", "expires_at", "expires_in", "exp "] {
        let draft = of.at.draft().without("exp").claim(other, "4102444800");
        cases.push(Case::claims(
            format!("expiry in {other:?}"),
            &draft,
            Some(INVALID),
        ));
    }
    cases
}

fn start(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for claim in ["nbf", "iat"] {
        for offset in [200, 3600, 86_400 * 365] {
            cases.push(at(of, claim, offset, Some(INVALID)));
        }
        for offset in [-86_400 * 3650, -3600, 0, 40] {
            cases.push(at(of, claim, offset, None));
        }
        for (text, expected) in [
            ("0", None),
            ("1.5e9", None),
            ("4102444800", Some(INVALID)),
            ("4.1e9", Some(INVALID)),
            ("9007199254740992", Some(INVALID)),
        ] {
            cases.extend(of_claim(of, claim, &[(text, expected)]));
        }
    }
    let now = of.at.now();
    for (what, exp, nbf) in [
        ("before", 250, 280),
        ("at", 300, 300),
        ("long before", -3600, 3600),
    ] {
        let draft = of.at.draft().claim("exp", &(now + exp).to_string());
        let draft = draft.claim("nbf", &(now + nbf).to_string());
        cases.push(Case::claims(
            format!("exp {what} nbf"),
            &draft,
            Some(INVALID),
        ));
    }
    cases
}
