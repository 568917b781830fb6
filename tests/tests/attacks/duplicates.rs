//! Duplicate members, which let two readers see two tokens (RFC 7515 §4, RFC 7519 §4).

use obo_tests::expected::INVALID;

use crate::case::Case;
use crate::target::Target;

/// A name whose first letter is written as an escape.
fn escaped(name: &str) -> String {
    let first = name.bytes().next().unwrap();
    format!("\\u{first:04x}{}", &name[1..])
}

/// The object with one more member, at the start or at the end.
fn with(json: &str, name: &str, value: &str, is_first: bool) -> String {
    match is_first {
        true => json.replacen('{', &format!("{{\"{name}\":{value},"), 1),
        false => format!("{},\"{name}\":{value}}}", &json[..json.len() - 1]),
    }
}

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let draft = of
        .at
        .draft()
        .claim("custom", "1")
        .claim("jwks_uri", r#""x""#);
    let draft = draft.header("x-custom", "1");
    let (header, claims) = (draft.header.json(), draft.claims.json());
    let mut cases = Vec::new();
    for name in ["alg", "kid", "typ", "x-custom"] {
        let same = draft.header.text(name).to_owned();
        for (value, is_first, spelt) in variants(name, &same) {
            let twice = with(&header, &spelt, &value, is_first);
            let name = format!("header {spelt} {value} {is_first}");
            cases.push(Case::invalid(name, of.at.sign_header(twice)));
        }
    }
    for name in [
        "iss",
        "sub",
        "aud",
        "exp",
        "nbf",
        "iat",
        "jti",
        "scope",
        "client_id",
        "act",
        "custom",
    ] {
        let same = draft.claims.text(name).to_owned();
        for (value, is_first, spelt) in variants(name, &same) {
            let twice = with(&claims, &spelt, &value, is_first);
            cases.push(Case::claims_text(
                format!("{spelt} {value} {is_first}"),
                twice,
                Some(INVALID),
            ));
        }
    }
    cases.extend(nested(of));
    cases
}

/// The same value and an attacker's, at the start and at the end, with and without an escape.
fn variants(name: &str, same: &str) -> Vec<(String, bool, String)> {
    let mut variants = Vec::new();
    for value in [same, r#""mallory""#, "null"] {
        for is_first in [true, false] {
            for spelt in [name.to_owned(), escaped(name)] {
                variants.push((value.to_owned(), is_first, spelt));
            }
        }
    }
    variants
}

fn nested(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (claim, value) in [
        ("act", r#"{"sub":"service-b","sub":"service-x"}"#),
        ("act", r#"{"sub":"service-x","sub":"service-b"}"#),
        ("act", r#"{"sub":"service-b","sub":"service-b"}"#),
        ("act", r#"{"sub":"service-b","\u0073ub":"service-x"}"#),
        ("act", r#"{"sub":"service-b","iss":"a","iss":"b"}"#),
        ("act", r#"{"sub":"service-b","x":1,"x":1}"#),
        ("act", r#"{"sub":"service-b","x":{"y":1,"y":1}}"#),
        (
            "act",
            r#"{"sub":"service-b","act":{"sub":"x"},"act":{"sub":"y"}}"#,
        ),
        ("act", r#"{"sub":"service-b","act":{"sub":"x","sub":"y"}}"#),
        (
            "act",
            r#"{"sub":"service-b","client_id":"a","client_id":"a"}"#,
        ),
        ("custom", r#"{"a":1,"a":1}"#),
        ("custom", r#"{"a":1,"\u0061":2}"#),
        ("custom", r#"{"":1,"":2}"#),
        ("custom", r#"{"b":{"a":1,"a":2}}"#),
        ("custom", r#"[{"a":1,"a":2}]"#),
        ("custom", r#"[[[{"b":[{"a":1,"a":2}]}]]]"#),
        ("cnf", r#"{"jkt":"a","jkt":"b"}"#),
        ("may_act", r#"{"sub":"a","sub":"b"}"#),
        ("roles", r#"[{"value":"a","value":"b"}]"#),
        ("realm_access", r#"{"roles":["a"],"roles":["admin"]}"#),
        ("address", r#"{"a":1,"c":2,"b":3,"a":4}"#),
    ] {
        let draft = of.at.draft().claim(claim, value);
        cases.push(Case::claims(
            format!("{claim} {value}"),
            &draft,
            Some(INVALID),
        ));
    }
    for value in [
        r#"{"a":1,"a":2}"#,
        r#"{"b":{"a":1,"a":2}}"#,
        r#"[{"a":1,"\u0061":2}]"#,
    ] {
        let header = of.at.draft().header("x-custom", value);
        cases.push(Case::invalid(
            format!("header x-custom {value}"),
            of.at.sign(&header),
        ));
    }
    for (what, value) in [
        ("in two objects", r#"[{"a":1},{"a":2}]"#),
        ("at two depths", r#"{"a":{"a":{"a":1}}}"#),
        ("in two cases", r#"{"a":1,"A":2}"#),
        ("in values", r#"["a","a",{"b":"b"}]"#),
        ("almost", r#"{"ab":1,"a b":2,"ab\u0000":3,"\u0430b":4}"#),
    ] {
        let draft = of.at.draft().claim("custom", value);
        cases.push(Case::claims(format!("the same {what}"), &draft, None));
    }
    cases
}
