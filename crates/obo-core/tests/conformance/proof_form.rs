//! The form of a DPoP proof: its segments, its header and its key.

use http::{HeaderMap, HeaderValue};
use obo_core::binding::dpop::{Proof, ProofError};

use crate::proof::{Draft, verdict_at};
use crate::signer::{ED25519, P256, P384, RSA, b64};
use crate::validate::NOW;

/// DP-01
#[test]
fn malformed_proof_is_rejected() {
    let good = Draft::new().sign();
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload) = (parts[0], parts[1]);
    for bad in [
        "",
        ".",
        "..",
        "a.b",
        "a.b.c",
        &format!("{header}.{payload}"),
        &format!("{good}.a"),
        &format!("{header}=.{payload}.{}", parts[2]),
        &format!("{}.{payload}.{}", b64("[]"), parts[2]),
        &format!("{}.{payload}.{}", b64("{"), parts[2]),
        &format!("{header}.{}.{}", b64("\"x\""), parts[2]),
        &format!("{header}.{}.{}", b64(b"\xff"), parts[2]),
        &format!("{header}.{}.{}", b64(r#"{"jti":"\ud800"}"#), parts[2]),
    ] {
        let refused = verdict_at(bad, NOW).unwrap_err();
        assert!(
            matches!(refused, ProofError::Malformed(_)),
            "{bad}: {refused:?}"
        );
    }
    for several in [
        format!("{good},{good}"),
        format!("{good}, {good}"),
        format!("{good},"),
    ] {
        assert_eq!(verdict_at(&several, NOW), Err(ProofError::Several));
    }
    let not_text = Proof::parse(b"\xff.a.b").unwrap_err();
    assert!(matches!(not_text, ProofError::Malformed(_)));
    let long = format!("{good}{}", "A".repeat(8192));
    assert_eq!(
        verdict_at(&long, NOW),
        Err(ProofError::TooLong { limit: 8192 })
    );
}

/// DP-01
#[test]
fn request_has_one_proof_header() {
    let mut headers = HeaderMap::new();
    assert_eq!(Proof::header(&headers), Err(ProofError::Missing));
    headers.append("DPoP", HeaderValue::from_static("a.b.c"));
    assert_eq!(Proof::header(&headers), Ok(&b"a.b.c"[..]));
    headers.append("dpop", HeaderValue::from_static("a.b.c"));
    assert_eq!(Proof::header(&headers), Err(ProofError::Several));
}

/// DP-02
#[test]
fn header_rules_hold() {
    for typ in [
        r#""JWT""#,
        r#""at+jwt""#,
        r#""dpop+jwt ""#,
        r#""""#,
        "1",
        "null",
    ] {
        let refused = Draft::new().header("typ", typ).refusal();
        assert_eq!(refused, ProofError::Type, "{typ}");
    }
    let mut untyped = Draft::new();
    untyped.header.remove("typ");
    assert_eq!(untyped.refusal(), ProofError::Type);
    for typ in [r#""DPoP+JWT""#, r#""application/dpop+jwt""#] {
        assert!(Draft::new().header("typ", typ).verdict().is_ok(), "{typ}");
    }
    let proof = Draft::new();
    for alg in [
        "none", "None", "HS256", "HS512", "es256", "ES256K", "ES512", "", "RSA-OAEP",
    ] {
        let header = proof
            .clone()
            .header("alg", &format!("{alg:?}"))
            .header
            .json();
        let payload = proof.claims.json();
        let forged = format!("{}.{}.AAAA", b64(header), b64(payload));
        let refused = verdict_at(&forged, NOW).unwrap_err();
        assert!(matches!(refused, ProofError::Algorithm { .. }), "{alg}");
    }
    for (member, json) in [
        ("crit", r#"["exp"]"#),
        ("crit", "[]"),
        ("crit", r#"["b64"]"#),
        ("b64", "true"),
        ("zip", r#""DEF""#),
        ("cty", r#""JWT""#),
        ("enc", r#""A128GCM""#),
    ] {
        let refused = Draft::new().header(member, json).refusal();
        assert_eq!(refused, ProofError::Header(member));
    }
    assert!(Draft::new().header("kid", r#""a""#).verdict().is_ok());
}

/// DP-02
#[test]
fn key_in_header_is_public_and_fits() {
    let of = |jwk: &str| Draft::new().header("jwk", jwk).refusal();
    let (ec, rsa, okp) = (P256.key_members(), RSA.key_members(), ED25519.key_members());
    for jwk in [
        "null".to_owned(),
        "{}".to_owned(),
        r#""x""#.to_owned(),
        format!("[{{{ec}}}]"),
        r#"{"kty":"oct","k":"AAAA"}"#.to_owned(),
        format!(r#"{{{ec},"d":"AAAA"}}"#),
        format!(r#"{{{ec},"d":""}}"#),
        format!(r#"{{{ec},"p":"AAAA"}}"#),
        format!(r#"{{{ec},"oth":[]}}"#),
        format!(r#"{{{ec},"k":"AAAA"}}"#),
        format!(r#"{{{ec},"alg":"ES384"}}"#),
        format!(r#"{{{ec},"alg":"HS256"}}"#),
        format!(r#"{{{ec},"use":"enc"}}"#),
        format!(r#"{{{ec},"key_ops":["sign"]}}"#),
        format!("{{{rsa}}}"),
        format!("{{{okp}}}"),
        format!("{{{}}}", P384.key_members()),
        r#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}"#.to_owned(),
    ] {
        assert!(matches!(of(&jwk), ProofError::Jwk(_)), "{jwk}");
    }
    let mut absent = Draft::new();
    absent.header.remove("jwk");
    assert_eq!(absent.refusal(), ProofError::Jwk("is missing"));
    let confused = Draft::by(&RSA, "ES256").header.json();
    let forged = format!("{}.{}.AAAA", b64(confused), b64(Draft::new().claims.json()));
    assert!(matches!(verdict_at(&forged, NOW), Err(ProofError::Jwk(_))));
    for more in [
        r#""alg":"ES256""#,
        r#""use":"sig","ext":true,"key_ops":["verify"]"#,
    ] {
        let draft = Draft::new().header("jwk", &format!("{{{ec},{more}}}"));
        assert!(draft.verdict().is_ok(), "{more}");
    }
}

/// DP-02
#[test]
fn private_members_of_any_value_are_refused() {
    let refused = ProofError::Jwk("has a private member, so anyone could sign with it");
    let keys = [(&*P256, "ES256"), (&*RSA, "RS256"), (&*ED25519, "EdDSA")];
    for name in [
        "d",
        "p",
        "q",
        "dp",
        "dq",
        "qi",
        "oth",
        "k",
        r"\u0064",
        r"o\u0074h",
    ] {
        for value in [
            "null",
            "false",
            "0",
            r#""""#,
            r#""AAAA""#,
            "[]",
            "[{}]",
            "{}",
        ] {
            for (signer, alg) in keys {
                let key = signer.key_members();
                for jwk in [
                    format!(r#"{{{key},"{name}":{value}}}"#),
                    format!(r#"{{"{name}":{value},{key}}}"#),
                ] {
                    let draft = Draft::by(signer, alg).header("jwk", &jwk);
                    assert_eq!(draft.refusal(), refused, "{jwk}");
                }
            }
        }
    }
    // Other names are no secrets, whatever their case.
    let ec = P256.key_members();
    for more in [
        r#""D":null"#,
        r#""x5c":null"#,
        r#""data":"d""#,
        r#""a":{"d":1}"#,
    ] {
        let draft = Draft::new().header("jwk", &format!("{{{ec},{more}}}"));
        assert!(draft.verdict().is_ok(), "{more}");
    }
}

/// DP-01, DP-02
#[test]
fn duplicate_member_is_rejected() {
    let ec = P256.key_members();
    let mut drafts = Vec::new();
    let jwk = format!("{{{ec}}}");
    for (name, json) in [
        ("jwk", &*jwk),
        ("jwk", "null"),
        (r"\u006awk", &jwk),
        ("typ", r#""dpop+jwt""#),
        ("alg", r#""ES256""#),
        ("a", "1"),
        (r"\u0074yp", r#""dpop+jwt""#),
    ] {
        let mut draft = Draft::new();
        draft.header.repeat(name, json);
        if name == "a" {
            draft.header.repeat(name, json);
        }
        drafts.push((draft, "header"));
    }
    for more in [
        r#""kty":"EC""#,
        r#""k\u0074y":"EC""#,
        r#""x":null"#,
        r#""kid":"a","kid":"a""#,
        r#""d":null,"d":null"#,
        r#""a":{"b":1,"b":1}"#,
    ] {
        let twice = Draft::new().header("jwk", &format!("{{{ec},{more}}}"));
        drafts.push((twice, "header"));
    }
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        let mut draft = Draft::new();
        let json = draft.claims.get(name).unwrap().to_owned();
        draft.claims.repeat(name, json);
        drafts.push((draft, "payload"));
    }
    let nested = Draft::new().claim("x", r#"{"a":1,"a":1}"#);
    drafts.push((nested, "payload"));
    for (draft, part) in drafts {
        assert_eq!(draft.refusal(), ProofError::DuplicateMember(part));
    }
}
