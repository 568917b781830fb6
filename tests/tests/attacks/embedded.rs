//! Keys and addresses of keys in the header (RFC 8725 §3.10).

use serde_json::{Value, json};

use crate::case::Case;
use crate::forge::signed;
use crate::signer::base64url;
use crate::target::Target;

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = keys(of);
    cases.extend(names(of));
    cases
}

fn with(of: &Target<'_>, members: &Value) -> String {
    let mut draft = of.at.draft();
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => draft.header.remove(name),
            value => draft.header.set(name, value.to_string()),
        }
    }
    draft.header.json()
}

fn keys(of: &Target<'_>) -> Vec<Case> {
    let (attacker, trap) = (of.attacker, of.trap);
    let mut cases = Vec::new();
    for key in attacker.all() {
        let (jwk, alg) = (key.jwk(), key.alg);
        let chain = base64url(key.public_pem());
        let set = json!({ "keys": [jwk] });
        for (what, members) in [
            ("jwk", json!({ "jwk": jwk })),
            (
                "jwk of another name",
                json!({ "jwk": key.jwk_as("evil"), "kid": "evil" }),
            ),
            ("jwk without a kid", json!({ "jwk": jwk, "kid": null })),
            ("private jwk", json!({ "jwk": key.private_jwk_as(key.kid) })),
            ("jwk as text", json!({ "jwk": jwk.to_string() })),
            ("jwks", json!({ "jwks": set })),
            ("jku", json!({ "jku": format!("{trap}/jwks") })),
            (
                "jku and no kid",
                json!({ "jku": format!("{trap}/jwks"), "kid": null }),
            ),
            (
                "jku below the issuer's name",
                json!({ "jku": format!("{}@{}", of.at.issuer(), &trap[7..]) }),
            ),
            ("x5u", json!({ "x5u": format!("{trap}/cert.pem") })),
            ("x5u of a file", json!({ "x5u": "file:///etc/passwd" })),
            ("x5c", json!({ "x5c": [chain] })),
            (
                "x5c and thumbprints",
                json!({ "x5c": [chain], "x5t": "AA", "x5t#S256": "AA", "kid": null }),
            ),
            (
                "all of them",
                json!({ "jwk": jwk, "jku": trap, "x5u": trap, "x5c": [chain] }),
            ),
            ("iss in the header", json!({ "iss": trap })),
            ("url and nonce", json!({ "url": trap, "nonce": "n" })),
            ("nothing", json!({})),
        ] {
            let mut header = json!({ "alg": alg, "kid": key.kid });
            header
                .as_object_mut()
                .unwrap()
                .extend(members.as_object().unwrap().clone());
            let header = with(of, &header);
            let claims = of.at.draft().claims.json();
            let token = signed(key, alg, header.as_bytes(), claims.as_bytes());
            cases.push(Case::invalid(format!("{alg}: {what}"), token));
        }
    }
    // The same with a valid signature of the issuer's key: the members are ignored.
    for (what, members) in [
        ("jwk", json!({ "jwk": attacker.es.jwk() })),
        ("jku", json!({ "jku": trap })),
        ("x5u and x5c", json!({ "x5u": trap, "x5c": ["MIIB"] })),
    ] {
        cases.push(Case::control(
            format!("{what} with the own key"),
            of.at.sign_header(with(of, &members)),
        ));
    }
    cases
}

/// Names of no key, signed by the key that they might lead to, and by an attacker's.
fn names(of: &Target<'_>) -> Vec<Case> {
    let long = "k".repeat(10_000);
    let most = "k".repeat(256);
    let texts = [
        "../../../../dev/null",
        "/dev/null",
        "file:///dev/null",
        "..\\..\\k-es",
        "k-es\u{0}",
        "k-es\n",
        "k-es ",
        " k-es",
        "K-ES",
        "k-e",
        "k-ess",
        "k-es/../k-es",
        "./k-es",
        "%6b-es",
        "k%2Des",
        "\u{43a}-es",
        "k\u{2010}es",
        "k-es;k-rsa",
        "k-es,k-rsa",
        "*",
        "%",
        "_",
        "' OR '1'='1",
        "x' UNION SELECT 'secret';--",
        "$(id)",
        "`id`",
        "|/usr/bin/id",
        "{{7*7}}",
        "${jndi:ldap://127.0.0.1/a}",
        "keys[0]",
        "0",
        "null",
        "undefined",
        "__proto__",
        "constructor",
        "\r\nX-Injected: 1",
        &long,
        &most,
    ];
    let trap_urls = [
        of.trap.to_owned(),
        format!("{}/k-es", of.trap),
        format!("{}/jwks#k-es", of.at.issuer()),
    ];
    let names = texts.iter().map(|text| json!(text).to_string());
    let names = names.chain(trap_urls.iter().map(|url| json!(url).to_string()));
    let odd = [
        "1",
        "0",
        "true",
        "null",
        "{}",
        "[]",
        r#"["k-es"]"#,
        r#""""#,
        r#"{"kid":"k-es"}"#,
    ];
    let mut cases = Vec::new();
    for kid in names.chain(odd.map(str::to_owned)) {
        let short: String = kid.chars().take(40).collect();
        let by = |key, whose: &str| {
            let name = format!("{whose} kid {short} of {}", kid.len());
            Case::invalid(name, of.token(key, "ES256", &kid))
        };
        cases.push(by(&of.at.keys.es, "own key,"));
        cases.push(by(&of.attacker.es, "another key,"));
    }
    let escaped = of.token(&of.at.keys.es, "ES256", r#""\u006b-es""#);
    cases.push(Case::control("kid with an escape", escaped));
    cases
}
