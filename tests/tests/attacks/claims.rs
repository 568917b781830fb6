//! Claims in other types, spellings and numbers (RFC 7519 §4, RFC 9068 §2.2, RFC 6750 §3.1).

use obo_tests::expected::{INVALID, SCOPE};

use crate::case::{Case, Expected};
use crate::forge::AUDIENCE;
use crate::target::Target;
use crate::world::OTHER_AUDIENCE;

/// Cases of one claim: its name, and each value with the expected outcome.
pub(crate) fn of_claim(of: &Target<'_>, claim: &str, rows: &[(&str, Expected)]) -> Vec<Case> {
    let case = |(text, expected): &(&str, Expected)| {
        let short: String = text.chars().take(60).collect();
        let draft = of.at.draft().claim(claim, text);
        Case::claims(format!("{claim} {short}"), &draft, *expected)
    };
    rows.iter().map(case).collect()
}

/// Values that are not a string, or an empty one.
const NO_TEXT: [&str; 11] = [
    "null",
    "true",
    "false",
    "0",
    "1",
    "1.5",
    "[]",
    "{}",
    r#""""#,
    r#"["alice"]"#,
    r#"{"sub":"alice"}"#,
];

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for claim in ["sub", "iss", "jti", "client_id", "acr"] {
        cases.extend(of_claim(
            of,
            claim,
            &NO_TEXT.map(|text| (text, Some(INVALID))),
        ));
    }
    let only_strict = if of.at.is_lenient {
        None
    } else {
        Some(INVALID)
    };
    for (claim, expected) in [
        ("sub", Some(INVALID)),
        ("iss", Some(INVALID)),
        ("aud", Some(INVALID)),
        ("exp", Some(INVALID)),
        ("jti", only_strict),
        ("client_id", only_strict),
        ("iat", only_strict),
        ("nbf", None),
        ("scope", Some(SCOPE)),
    ] {
        // An introspection response may omit the issuer, which is known.
        if claim != "iss" {
            let draft = of.at.draft().without(claim);
            cases.push(Case::claims(format!("no {claim}"), &draft, expected));
        }
    }
    for claim in ["sub", "jti", "client_id"] {
        let any = [
            r#"" ""#,
            r#""alice\u0000admin""#,
            r#""admin'--""#,
            r#""\u0430lice""#,
            r#""a\r\nb: c""#,
        ];
        cases.extend(of_claim(of, claim, &any.map(|text| (text, None))));
        // Half of a surrogate pair is not a character.
        cases.extend(of_claim(of, claim, &[(r#""\ud800""#, Some(INVALID))]));
    }
    cases.extend(audience(of));
    cases.extend(scope(of));
    cases.extend(others(of));
    cases.extend(grammar(of));
    cases
}

/// Values that are not JSON, or not a representable number, in claims that are read and in others.
fn grammar(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let no_json = [
        "",
        "tru",
        "True",
        "nul",
        "None",
        "undefined",
        "NaN",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "--1",
        "1e",
        "1e+",
        "0x1",
        "1_0",
        "'x'",
        "\"x",
        "x\"",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\u12g4\"",
        "\"\\\"",
        "\"a\nb\"",
        "\"a\tb\"",
        "\"a\u{0}b\"",
        "\"a\u{1f}b\"",
        "[",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "{null:1}",
        "1 2",
        "1,",
        "\u{feff}1",
        "\u{a0}1",
        "/**/1",
        "1//",
        "(1)",
        "<1>",
        "`1`",
        "\u{201c}x\u{201d}",
    ];
    for claim in ["custom", "sub", "scope", "act"] {
        cases.extend(of_claim(
            of,
            claim,
            &no_json.map(|text| (text, Some(INVALID))),
        ));
    }
    for text in [
        "1e400",
        "-1e400",
        "[1e999]",
        r#"{"a":1e400}"#,
        r#""\ud800""#,
        r#"["\udfff"]"#,
        r#"{"\ud800":1}"#,
    ] {
        cases.extend(of_claim(of, "custom", &[(text, Some(INVALID))]));
    }
    for text in [
        "-0",
        "0e0",
        "1e308",
        "1E-400",
        "123456789012345678901234567890",
        "\"\u{7f}\"",
        "\"\u{2028}\"",
        "\"\u{fffe}\"",
        r#""\u0000""#,
        r#""\/\b\f""#,
        " 1 ",
        "\t\n\r [ ]",
        "\"\u{202e}\"",
    ] {
        cases.extend(of_claim(of, "custom", &[(text, None)]));
    }
    cases
}

fn audience(of: &Target<'_>) -> Vec<Case> {
    let wrong = [
        "null",
        "true",
        "0",
        "1",
        "{}",
        "[]",
        r#""""#,
        r#"[""]"#,
        "[null]",
        "[1]",
        "[[]]",
        r#"[["service-a"]]"#,
        r#"{"service-a":true}"#,
        r#"{"0":"service-a"}"#,
        r#"["service-a",1]"#,
        r#"["service-a",null]"#,
        r#"["service-a",""]"#,
        r#"["service-a",["x"]]"#,
        r#"["service-a",{}]"#,
        r#"[1,"service-a"]"#,
        r#""service-b""#,
        r#""service""#,
        r#""service-a2""#,
        r#""service-aservice-a""#,
        r#""Service-A""#,
        r#""SERVICE-A""#,
        r#""service-a ""#,
        r#"" service-a""#,
        r#""service-a,service-b""#,
        r#""service-a service-b""#,
        r#""service-a/""#,
        r#""/service-a""#,
        r#""https://service-a""#,
        r#""service-a\u0000""#,
        r#""service-a\n""#,
        r#""service-\u0430""#,
        r#""service\u2010a""#,
        r#""service%2Da""#,
        r#""*""#,
        r#"".*""#,
        r#""service-?""#,
        r#""[\"service-a\"]""#,
        r#"["service-b","service-c"]"#,
        r#"["service-b","Service-A"]"#,
        r#""service-a-of-the-others""#,
        r#""alices-app""#,
        r#""account""#,
        r#""urn:service-a""#,
    ];
    let mut cases = of_claim(of, "aud", &wrong.map(|text| (text, Some(INVALID))));
    let right = [
        r#""service-a""#,
        r#"["service-a"]"#,
        r#"["service-b","service-a"]"#,
        r#"["x","y","z","service-a"]"#,
        r#"["service-a","service-a"]"#,
        r#""\u0073ervice-a""#,
    ];
    cases.extend(of_claim(of, "aud", &right.map(|text| (text, None))));
    for (what, text) in [("issuer", of.at.issuer()), ("trap", of.trap)] {
        let draft = of.at.draft().claim("aud", &format!("{text:?}"));
        cases.push(Case::claims(
            format!("aud is the {what}"),
            &draft,
            Some(INVALID),
        ));
    }
    for other in ["azp", "resource", "audience", "client_id", "scope_aud"] {
        let draft = of.at.draft().claim("aud", r#""service-b""#);
        let draft = draft.claim(other, &format!("{AUDIENCE:?}"));
        cases.push(Case::claims(
            format!("audience in {other}"),
            &draft,
            Some(INVALID),
        ));
    }
    let of_the_other = of
        .at
        .draft()
        .claim("aud", &format!("[{OTHER_AUDIENCE:?},\"x\"]"));
    cases.push(Case::claims(
        "audience for another issuer's tokens",
        &of_the_other,
        Some(INVALID),
    ));
    cases
}

fn scope(of: &Target<'_>) -> Vec<Case> {
    let malformed = [
        "null",
        "true",
        "1",
        "[]",
        "{}",
        r#"["stock:read"]"#,
        r#"{"stock:read":true}"#,
        r#"[["stock:read"]]"#,
        r#""stock:read\tx""#,
        r#""stock:read\nx""#,
        r#""stock:read\u0000""#,
        r#""stock:read\u00a0x""#,
        r#""stock:re\u00e4d""#,
        r#""stock:read \"x\"""#,
        r#""\\stock:read""#,
        r#""stock:r\u0435ad""#,
        r#""\u2003stock:read""#,
    ];
    let mut cases = of_claim(of, "scope", &malformed.map(|text| (text, Some(INVALID))));
    let insufficient = [
        r#""""#,
        r#"" ""#,
        r#""stock""#,
        r#""stock:""#,
        r#""stock:rea""#,
        r#""stock:reader""#,
        r#""xstock:read""#,
        r#""Stock:Read""#,
        r#""STOCK:READ""#,
        r#""stock:read,x""#,
        r#""x,stock:read""#,
        r#""stock:read;x""#,
        r#""stock: read""#,
        r#""stock:*""#,
        r#""*""#,
        r#""stock:write""#,
        r#""stock:read:all""#,
        r#""admin""#,
        r#""stock:read/""#,
        r#""-stock:read""#,
        r#""[stock:read]""#,
        r#""stock%3Aread""#,
        r#""stock.read""#,
        r#""'stock:read'""#,
    ];
    cases.extend(of_claim(
        of,
        "scope",
        &insufficient.map(|text| (text, Some(SCOPE))),
    ));
    let enough = [
        r#""stock:read""#,
        r#""x stock:read""#,
        r#""stock:read x""#,
        r#""  stock:read  x  ""#,
        r#""stock:read stock:read""#,
        r#""stock\u003aread""#,
    ];
    cases.extend(of_claim(of, "scope", &enough.map(|text| (text, None))));
    for other in [
        "scp",
        "scopes",
        "Scope",
        "SCOPE",
        "permissions",
        "roles",
        "authorities",
        "scope ",
    ] {
        for value in [r#""stock:read""#, r#"["stock:read"]"#] {
            let draft = of.at.draft().without("scope").claim(other, value);
            cases.push(Case::claims(
                format!("scope in {other:?} {value}"),
                &draft,
                Some(SCOPE),
            ));
        }
    }
    cases
}

/// Claims that change the kind of token, or seem to.
fn others(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    // A token that is bound to a key is not a bearer token.
    let bound = [
        r#"{"jkt":"x"}"#,
        r#"{"x5t#S256":"x"}"#,
        r#"{"jwk":{}}"#,
        r#"{"kid":"k-es"}"#,
        r#"{"jku":"https://x"}"#,
        "{}",
        "null",
        "[]",
        r#""""#,
        "true",
        r#"{"osc":{}}"#,
        r#"{"unknown":1}"#,
    ];
    cases.extend(of_claim(
        of,
        "cnf",
        &bound.map(|text| (text, Some(INVALID))),
    ));
    for (claim, value) in [
        ("nonce", r#""n""#),
        ("nonce", "null"),
        ("at_hash", r#""h""#),
        ("c_hash", r#""h""#),
        ("s_hash", r#""h""#),
        ("events", "{}"),
        (
            "events",
            r#"{"http://schemas.openid.net/event/backchannel-logout":{}}"#,
        ),
        ("typ", r#""ID""#),
        ("typ", r#""id""#),
        ("typ", r#""Refresh""#),
        ("typ", r#""Offline""#),
        ("typ", r#""Logout""#),
        ("typ", "1"),
        ("typ", "null"),
        ("typ", "[]"),
        ("token_use", r#""id""#),
        ("token_use", r#""refresh""#),
        ("token_use", "{}"),
        ("auth_time", r#""1""#),
        ("auth_time", "-1"),
        ("auth_time", "null"),
    ] {
        cases.extend(of_claim(of, claim, &[(value, Some(INVALID))]));
    }
    for (claim, value) in [
        ("typ", r#""Bearer""#),
        ("token_use", r#""access""#),
        ("auth_time", "0"),
        ("roles", "5"),
        ("roles", r#"{"a":[]}"#),
        ("groups", r#"[1,null,{"value":"g"}]"#),
        ("entitlements", "null"),
        ("azp", "1"),
        ("sid", r#""s""#),
        ("cnf2", "{}"),
        ("Cnf", r#"{"jkt":"x"}"#),
        ("aud ", r#""x""#),
        ("may_act", r#"{"sub":"service-x"}"#),
        ("is_admin", "true"),
        ("Active", "true"),
        ("user", r#""admin""#),
        ("__proto__", r#"{"sub":"admin"}"#),
        ("", "1"),
        ("exp2", "0"),
        ("email", r#""admin@example.test""#),
        ("iss2", r#""https://evil.test""#),
        ("authorization_details", "[]"),
    ] {
        cases.extend(of_claim(of, claim, &[(value, None)]));
    }
    cases
}
