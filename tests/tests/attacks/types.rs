//! Types of tokens, and critical header members (RFC 8725 §3.11, RFC 7515 §4.1).

use crate::case::Case;
use crate::target::Target;

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = types(of);
    cases.extend(extensions(of));
    cases
}

fn types(of: &Target<'_>) -> Vec<Case> {
    let with = |typ: &str| of.at.sign(&of.at.draft().header("typ", typ));
    let mut cases = Vec::new();
    for other in [
        "null",
        "1",
        "true",
        "[]",
        "{}",
        r#"["at+jwt"]"#,
        r#"["JWT"]"#,
        r#""""#,
        r#"" ""#,
        r#""at+jwt ""#,
        r#"" at+jwt""#,
        r#""at+jwt;v=1""#,
        r#""at+jwt\u0000""#,
        r#""application/application/at+jwt""#,
        r#""application/""#,
        r#""application""#,
        r#""text/at+jwt""#,
        r#""at jwt""#,
        r#""at-jwt""#,
        r#""at""#,
        r#""jwt+at""#,
        r#""+jwt""#,
        r#""x-at+jwt""#,
        r#""at+jwts""#,
        r#""\u0430t+jwt""#,
        r#""application/at+jwt, JWT""#,
        r#""JOSE""#,
        r#""JOSE+JSON""#,
        r#""JWS""#,
        r#""JWE""#,
        r#""JWTs""#,
        r#""jwt+sd""#,
        r#""id_token""#,
        r#""id_token+jwt""#,
        r#""logout+jwt""#,
        r#""secevent+jwt""#,
        r#""dpop+jwt""#,
        r#""token-introspection+jwt""#,
        r#""application/token-introspection+jwt""#,
        r#""client-authentication+jwt""#,
        r#""oauth-id-jag+jwt""#,
        r#""txntoken+jwt""#,
        r#""wit+jwt""#,
        r#""wpt+jwt""#,
        r#""kb+jwt""#,
        r#""dc+sd-jwt""#,
        r#""vc+jwt""#,
        r#""vc+sd-jwt""#,
        r#""entity-statement+jwt""#,
        r#""jwk-set+jwt""#,
        r#""oauth-authz-req+jwt""#,
        r#""openid4vci-proof+jwt""#,
        r#""statuslist+jwt""#,
        r#""trust-mark+jwt""#,
        r#""passport""#,
        r#""refresh+jwt""#,
        r#""Bearer""#,
        r#""rt+jwt""#,
    ] {
        cases.push(Case::invalid(format!("typ {other}"), with(other)));
    }
    for access in [
        r#""at+jwt""#,
        r#""AT+JWT""#,
        r#""At+Jwt""#,
        r#""application/at+jwt""#,
        r#""APPLICATION/AT+JWT""#,
        r#""at\u002bjwt""#,
    ] {
        cases.push(Case::control(format!("typ {access}"), with(access)));
    }
    let only_lenient = |name: String, token| match of.at.is_lenient {
        true => Case::control(name, token),
        false => Case::invalid(name, token),
    };
    for jwt in [
        r#""JWT""#,
        r#""jwt""#,
        r#""Jwt""#,
        r#""application/jwt""#,
        r#""application/JWT""#,
    ] {
        cases.push(only_lenient(format!("typ {jwt}"), with(jwt)));
    }
    let mut none = of.at.draft();
    none.header.remove("typ");
    cases.push(only_lenient("no typ".to_owned(), of.at.sign(&none)));
    none.header.set("Typ", r#""at+jwt""#);
    cases.push(only_lenient(
        "typ by another name".to_owned(),
        of.at.sign(&none),
    ));
    cases
}

/// Members that change how the rest of the token is read.
fn extensions(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, values) in [
        (
            "crit",
            &[
                "[]",
                "null",
                "{}",
                "1",
                "true",
                r#""""#,
                r#""exp""#,
                r#"["exp"]"#,
                r#"["b64"]"#,
                r#"["alg"]"#,
                r#"["kid","typ"]"#,
                r#"["crit"]"#,
                r#"["http://example.test/x"]"#,
                "[1]",
                "[null]",
                r#"[""]"#,
                r#"["x","x"]"#,
                "[[]]",
            ][..],
        ),
        ("b64", &["true", "false", "null", "0", r#""false""#]),
        ("zip", &[r#""DEF""#, r#""none""#, "null", r#""""#]),
        (
            "cty",
            &[
                r#""JWT""#,
                r#""jwt""#,
                r#""json""#,
                r#""application/jwt""#,
                "null",
                "1",
            ],
        ),
        ("enc", &[r#""A128GCM""#, "null", r#""none""#]),
        ("c\\u0072it", &[r#"["x"]"#]),
    ] {
        for value in values {
            let header = of.at.draft().header.json();
            let header = header.replacen('{', &format!("{{\"{name}\":{value},"), 1);
            cases.push(Case::invalid(
                format!("{name} {value}"),
                of.at.sign_header(header),
            ));
        }
    }
    let header = of.at.draft().header.json();
    let b64 = header.replacen('{', r#"{"b64":false,"crit":["b64"],"#, 1);
    cases.push(Case::invalid(
        "b64 that is critical",
        of.at.sign_header(b64),
    ));
    for (name, value) in [
        ("Crit", r#"["x"]"#),
        ("x-custom", "1"),
        ("p2c", "99999999"),
        ("epk", "{}"),
        ("apu", "1"),
        ("iat", "0"),
        ("exp", "0"),
        ("ppt", r#""shaken""#),
        ("svt", "[]"),
        ("trust_chain", "[]"),
        ("sub", r#""admin""#),
        ("aud", r#""x""#),
    ] {
        let header = of.at.draft().header(name, value);
        cases.push(Case::control(
            format!("{name} {value}"),
            of.at.sign(&header),
        ));
    }
    cases
}
