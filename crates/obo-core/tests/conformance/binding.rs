//! Tokens that are bound to a key or to a certificate, by JWT and by introspection.

use obo_core::binding::{Binding, BindingChecks, Proven, Thumbprint};
use obo_core::{
    BearerToken, Caller, IntrospectionResponse, MissingMembers, Policy, TokenError, UnverifiedJwt,
};

use crate::introspection::{OPAQUE, response_about};
use crate::token::Token;
use crate::validate::{NOW, published, strict, validate};

const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
/// RFC 8705 section 3.1.
const X5T: &str = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2";
const OTHER: &str = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k";

const ALL: BindingChecks = BindingChecks {
    dpop: true,
    certificate: true,
};

fn checking(checks: BindingChecks) -> Policy {
    strict().with_binding_checks(checks)
}

fn read(checks: BindingChecks, token: &Token) -> Result<Caller, TokenError> {
    validate(&checking(checks), &published(), &token.mint(), NOW)
}

fn introspect(checks: BindingChecks, token: &str, about: &Token) -> Result<Caller, TokenError> {
    let response = IntrospectionResponse::parse(response_about(about).as_bytes()).unwrap();
    let token = BearerToken::parse(token).unwrap();
    checking(checks).validate(token, response, MissingMembers::default(), NOW)
}

fn bound(cnf: &str) -> Token {
    Token::new().claim("cnf", cnf)
}

fn by_key(jkt: &str) -> Token {
    bound(&format!(r#"{{"jkt":"{jkt}"}}"#))
}

/// DP-09, DP-25, MT-01, MT-09
#[test]
fn checked_binding_is_in_the_caller() {
    let (jkt, x5t) = (
        format!(r#""jkt":"{JKT}""#),
        format!(r##""x5t#S256":"{OTHER}""##),
    );
    let escaped = jkt.replace("jkt", r"\u006akt");
    for (cnf, of_key, of_certificate) in [
        (format!("{{{jkt}}}"), true, false),
        (format!("{{{x5t}}}"), false, true),
        (format!("{{{jkt},{x5t}}}"), true, true),
        (format!("{{{escaped}}}"), true, false),
    ] {
        let token = bound(&cnf);
        for caller in [read(ALL, &token), introspect(ALL, OPAQUE, &token)] {
            let caller = caller.unwrap();
            let binding = caller.binding();
            assert!(binding.is_bound());
            assert_eq!(binding.jkt, Thumbprint::parse(JKT).filter(|_| of_key));
            let certificate = Thumbprint::parse(OTHER).map(|it| *it.as_bytes());
            assert_eq!(binding.certificate, certificate.filter(|_| of_certificate));
        }
    }
    let plain = read(ALL, &Token::new()).unwrap();
    assert_eq!(plain.binding(), &Binding::default());
    assert!(!plain.binding().is_bound());
}

/// MT-03, DP-25
#[test]
fn unchecked_binding_is_rejected() {
    let (dpop, certificate) = (
        BindingChecks {
            dpop: true,
            ..BindingChecks::default()
        },
        BindingChecks {
            certificate: true,
            ..BindingChecks::default()
        },
    );
    let both = format!(r##"{{"jkt":"{JKT}","x5t#S256":"{OTHER}"}}"##);
    let by_certificate = format!(r##"{{"x5t#S256":"{OTHER}"}}"##);
    let by_key = format!(r#"{{"jkt":"{JKT}"}}"#);
    let unknown = [
        "{}".to_owned(),
        "[]".to_owned(),
        r#""x""#.to_owned(),
        r#"{"kid":"a"}"#.to_owned(),
        r#"{"jwk":{}}"#.to_owned(),
        r#"{"jkt":1}"#.to_owned(),
        r#"{"jkt":null}"#.to_owned(),
        r#"{"jkt":""}"#.to_owned(),
        format!(r#"{{"jkt":["{JKT}"]}}"#),
        format!(r#"{{"jkt":"{JKT}="}}"#),
        format!(r#"{{"jkt":"{JKT}","kid":"a"}}"#),
        format!(r#"{{"jkt":"{JKT}","x5t#S256":"x"}}"#),
        // RFC 8705 prints a value whose last character has bits left over.
        format!(r##"{{"x5t#S256":"{X5T}"}}"##),
        // Hex instead of base64url.
        format!(r##"{{"x5t#S256":"{}"}}"##, "a1".repeat(32)),
    ];
    let unknown = unknown.into_iter().map(|cnf| (ALL, cnf));
    let unchecked = [
        (dpop, both.clone()),
        (certificate, both),
        (dpop, by_certificate),
        (certificate, by_key),
    ];
    for (checks, cnf) in unknown.chain(unchecked) {
        let token = bound(&cnf);
        assert_eq!(
            read(checks, &token).unwrap_err(),
            TokenError::Binding,
            "{cnf}"
        );
        let described = introspect(checks, OPAQUE, &token);
        assert_eq!(described.unwrap_err(), TokenError::Binding, "{cnf}");
    }
    assert_eq!(read(ALL, &bound("null")).unwrap_err(), TokenError::Binding);
}

/// DP-25
#[test]
fn dpop_type_requires_a_key() {
    let by_certificate = bound(&format!(r##"{{"x5t#S256":"{OTHER}"}}"##));
    for token_type in [r#""DPoP""#, r#""dpop""#] {
        for token in [Token::new(), by_certificate.clone()] {
            let token = token.claim("token_type", token_type);
            let described = introspect(ALL, OPAQUE, &token);
            assert_eq!(described.unwrap_err(), TokenError::Binding);
            assert_eq!(read(ALL, &token).unwrap_err(), TokenError::Binding);
        }
        let token = by_key(JKT).claim("token_type", token_type);
        assert!(introspect(ALL, OPAQUE, &token).is_ok());
    }
    // A server that calls every token `Bearer` binds it all the same.
    let token = by_key(JKT).claim("token_type", r#""Bearer""#);
    assert!(
        introspect(ALL, OPAQUE, &token)
            .unwrap()
            .binding()
            .is_bound()
    );
}

/// DP-25, MT-03
#[test]
fn response_must_not_omit_binding() {
    let plain = Token::new();
    let jwt = by_key(JKT).mint();
    let omitted = introspect(ALL, &jwt, &plain);
    assert_eq!(omitted.unwrap_err(), TokenError::Binding);
    let other = introspect(ALL, &jwt, &by_key(OTHER));
    assert_eq!(other.unwrap_err(), TokenError::Binding);
    assert!(introspect(ALL, &jwt, &by_key(JKT)).is_ok());
    // The response may add a binding that the token does not show.
    assert!(introspect(ALL, &plain.mint(), &by_key(JKT)).is_ok());
}

/// DP-25
#[test]
fn confirmation_must_name_same_binding() {
    let policy = checking(ALL);
    let caller = read(ALL, &by_key(JKT)).unwrap();
    let confirm = |json: &str| {
        let response = IntrospectionResponse::parse(json.as_bytes()).unwrap();
        policy.confirm_caller(response, &caller)
    };
    for same in [
        r#"{"active":true}"#.to_owned(),
        r#"{"active":true,"token_type":"DPoP"}"#.to_owned(),
        format!(r#"{{"active":true,"cnf":{{"jkt":"{JKT}"}}}}"#),
    ] {
        assert_eq!(confirm(&same), Ok(()), "{same}");
    }
    for other in [
        format!(r#"{{"active":true,"cnf":{{"jkt":"{OTHER}"}}}}"#),
        format!(r##"{{"active":true,"cnf":{{"x5t#S256":"{OTHER}"}}}}"##),
        r#"{"active":true,"cnf":{}}"#.to_owned(),
    ] {
        assert_eq!(confirm(&other), Err(TokenError::Binding), "{other}");
    }
    let response = format!(r#"{{"active":true,"cnf":{{"jkt":"{JKT}"}}}}"#);
    let response = IntrospectionResponse::parse(response.as_bytes()).unwrap();
    assert_eq!(policy.confirm(response), Err(TokenError::Binding));
}

/// MT-03
#[test]
fn bound_token_is_no_bearer_token() {
    let token = by_key(JKT).mint();
    let jwt = UnverifiedJwt::parse(BearerToken::parse(&token).unwrap()).unwrap();
    assert_eq!(jwt.check_bearer(), Err(TokenError::Binding));
    assert_eq!(jwt.check_access_token(ALL), Ok(()));
    let refresh = by_key(JKT).claim("typ", r#""Refresh""#).mint();
    let jwt = UnverifiedJwt::parse(BearerToken::parse(&refresh).unwrap()).unwrap();
    let refused = jwt.check_access_token(ALL).unwrap_err();
    assert!(matches!(refused, TokenError::NotAnAccessToken(_)));
}

/// DP-10, DP-11, MT-01, MT-02
#[test]
fn binding_requires_each_proof() {
    let (own, other) = (
        Thumbprint::parse(JKT).unwrap(),
        Thumbprint::parse(OTHER).unwrap(),
    );
    let binding = |jkt: bool, certificate: bool| Binding {
        jkt: jkt.then_some(own),
        certificate: certificate.then_some([7; 32]),
    };
    let check = |binding: &Binding, key, certificate| binding.check(Proven { key, certificate });
    let (plain, by_key, by_certificate, both) = (
        binding(false, false),
        binding(true, false),
        binding(false, true),
        binding(true, true),
    );
    let (same, another) = (Some(&[7; 32]), Some(&[8; 32]));
    for (binding, key, certificate, expected) in [
        (&plain, None, None, Ok(())),
        (&plain, None, same, Ok(())),
        (&plain, Some(&own), None, Err(TokenError::NotBoundToKey)),
        (&by_key, Some(&own), None, Ok(())),
        (&by_key, Some(&own), same, Ok(())),
        (&by_key, None, None, Err(TokenError::MissingProof)),
        (&by_key, None, same, Err(TokenError::MissingProof)),
        (&by_key, Some(&other), None, Err(TokenError::AnotherKey)),
        (&by_certificate, None, same, Ok(())),
        (
            &by_certificate,
            None,
            None,
            Err(TokenError::MissingCertificate),
        ),
        (
            &by_certificate,
            None,
            another,
            Err(TokenError::AnotherCertificate),
        ),
        (
            &by_certificate,
            Some(&own),
            same,
            Err(TokenError::NotBoundToKey),
        ),
        (&both, Some(&own), same, Ok(())),
        (&both, Some(&own), None, Err(TokenError::MissingCertificate)),
        (
            &both,
            Some(&own),
            another,
            Err(TokenError::AnotherCertificate),
        ),
        (&both, None, same, Err(TokenError::MissingProof)),
        (&both, Some(&other), same, Err(TokenError::AnotherKey)),
    ] {
        assert_eq!(check(binding, key, certificate), expected, "{binding:?}");
    }
}
