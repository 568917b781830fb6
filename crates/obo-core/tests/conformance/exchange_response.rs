//! What a response must have before its token becomes a header: RFC 8693 section 2.2.1.

use bytes::Bytes;
use http::{Response, header};
use obo_core::dialect::{Dialect, Rfc8693};
use obo_core::{ErrorClass, IssuedToken, Resource, Scope, Target, TokenScheme, TokenType};

use crate::signer::b64;
use crate::validate::{ISSUER, NOW};
use crate::wire::{
    ACCESS_TOKEN, JWT, accept, alice, for_service_b, grant, http_response, issued, own, read,
    thumbprint, with,
};

/// The response is rejected as unusable.
fn unusable(body: &str) {
    let error = accept(body).expect_err(body);
    assert_eq!(error.class(), ErrorClass::ResponseUnusable, "{body}");
    assert!(error.oauth_code().is_none());
}

fn jwt(claims: &str) -> String {
    format!("{}.{}.c2ln", b64(r#"{"alg":"ES256"}"#), b64(claims))
}

fn text(token: &IssuedToken) -> &str {
    token.authorization().to_str().unwrap()
}

/// TX-13
#[test]
fn response_names_both_types() {
    assert_eq!(text(&accept(&issued("opaque")).unwrap()), "Bearer opaque");
    for member in ["access_token", "token_type", "issued_token_type"] {
        for odd in ["", "null", "1", "[]", "{}", "\"\"", "true"] {
            unusable(&with(member, odd));
        }
    }
}

/// TX-13
#[test]
fn missing_issued_type_may_be_allowed() {
    let lenient = Rfc8693::new().allow_missing_issued_type();
    let request = for_service_b(&[]);
    let read = |body: String| lenient.response(&grant(&request), &http_response(200, body), NOW);
    read(with("issued_token_type", "")).unwrap();
    for other in [
        "\"urn:ietf:params:oauth:token-type:refresh_token\"",
        "\"\"",
        "1",
    ] {
        read(with("issued_token_type", other)).expect_err(other);
    }
    read(with("token_type", "")).unwrap_err();
}

/// TX-14, TX-15
#[test]
fn only_bearer_token_is_usable() {
    for bearer in ["Bearer", "bearer", "BEARER"] {
        accept(&with("token_type", &format!("\"{bearer}\""))).expect(bearer);
    }
    for other in ["N_A", "n_a", "DPoP", "mac", "Bearer ", "Bearer,DPoP", "PoP"] {
        unusable(&with("token_type", &format!("\"{other}\"")));
    }
}

/// DP-22
#[test]
fn bound_token_has_type_dpop() {
    let exchange = for_service_b(&[]).with_thumbprint(Some(thumbprint(false)));
    let lenient = Rfc8693::new().allow_missing_token_type();
    for dpop in ["DPoP", "dpop", "DPOP"] {
        let token = read(&exchange, &with("token_type", &format!("\"{dpop}\""))).expect(dpop);
        assert_eq!((text(&token), token.expose()), ("DPoP opaque", "opaque"));
        assert_eq!(token.scheme(), TokenScheme::Dpop);
    }
    for other in ["\"Bearer\"", "\"N_A\"", "\"DPoP \"", "\"\"", "null", ""] {
        let body = http_response(200, with("token_type", other));
        let error = lenient
            .response(&grant(&exchange), &body, NOW)
            .expect_err(other);
        assert_eq!(error.class(), ErrorClass::ResponseUnusable, "{other}");
    }
    assert_eq!(
        accept(&issued("opaque")).unwrap().scheme(),
        TokenScheme::Bearer
    );
}

/// DP-22
#[test]
fn bound_jwt_names_the_key() {
    let [own, other] = [false, true].map(thumbprint);
    let exchange = for_service_b(&[]).with_thumbprint(Some(own));
    let with_cnf = |cnf: &str| {
        let claims = format!(r#"{{"aud":"service-b","sub":"alice","iss":"{ISSUER}"{cnf}}}"#);
        let body = issued(&jwt(&claims)).replace("Bearer", "DPoP");
        read(&exchange, &body)
    };
    with_cnf(&format!(r#","cnf":{{"jkt":"{own}"}}"#)).unwrap();
    for wrong in [
        String::new(),
        r#","cnf":{}"#.to_owned(),
        r#","cnf":null"#.to_owned(),
        format!(r#","cnf":"{own}""#),
        format!(r#","jkt":"{own}""#),
        format!(r#","cnf":{{"jkt":"{other}"}}"#),
        format!(r#","cnf":{{"jkt":["{own}"]}}"#),
        format!(r#","cnf":{{"jwk":{{"jkt":"{own}"}}}}"#),
    ] {
        let error = with_cnf(&wrong).expect_err(&wrong);
        assert!(error.to_string().contains("`jkt`"), "{error}");
        assert_eq!(error.class(), ErrorClass::ResponseUnusable);
    }
}

/// TX-07
#[test]
fn issued_type_is_requested_type() {
    let of_type = |urn: &str| with("issued_token_type", &format!("\"{urn}\""));
    let asked = |t| for_service_b(&[]).with_requested_type(t);
    read(&asked(TokenType::ACCESS_TOKEN), &of_type(ACCESS_TOKEN)).unwrap();
    read(&asked(TokenType::JWT), &of_type(JWT)).unwrap();
    read(&asked(TokenType::ACCESS_TOKEN), &of_type(JWT)).unwrap_err();
    read(&asked(TokenType::JWT), &of_type(ACCESS_TOKEN)).unwrap_err();
    // If no type was requested, any type of bearer token is accepted.
    accept(&of_type(ACCESS_TOKEN)).unwrap();
    accept(&of_type(JWT)).unwrap();
    for other in [
        "urn:ietf:params:oauth:token-type:refresh_token",
        "urn:ietf:params:oauth:token-type:id_token",
        "urn:ietf:params:oauth:token-type:saml1",
        "urn:ietf:params:oauth:token-type:saml2",
        "urn:ietf:params:oauth:token-type:id-jag",
        "urn:ietf:params:oauth:token-type:Access_Token",
        "access_token",
        "N_A",
    ] {
        unusable(&of_type(other));
    }
}

/// TX-17
#[test]
fn scope_is_never_wider_than_requested() {
    let request = for_service_b(&["a", "b"]);
    let granted = |json: &str| read(&request, &with("scope", json));
    let scope = |values: &[&str]| Scope::new(values).unwrap();
    assert_eq!(granted("").unwrap().scope(), &scope(&["a", "b"]));
    assert_eq!(granted("null").unwrap().scope(), &scope(&["a", "b"]));
    assert_eq!(granted("\"b a\"").unwrap().scope(), &scope(&["a", "b"]));
    assert_eq!(granted("\"b\"").unwrap().scope(), &scope(&["b"]));
    assert_eq!(granted("\"\"").unwrap().scope(), &scope(&[]));
    for wider in ["\"a b c\"", "\"c\"", "\"A\"", "\"a\\tb\"", "[\"a\"]", "1"] {
        granted(wider).expect_err(wider);
    }
    // If no scope was requested, the server decides and says so.
    let decided = accept(&with("scope", "\"x y\"")).unwrap();
    assert_eq!(decided.scope(), &scope(&["x", "y"]));
}

/// TX-17
#[test]
fn scope_form_is_a_setting() {
    let request = for_service_b(&["a", "b"]);
    let lenient = Rfc8693::new().allow_scope_text_or_array();
    let read = |dialect: &Rfc8693, json: &str| {
        let issued = dialect.response(
            &grant(&request),
            &http_response(200, with("scope", json)),
            NOW,
        );
        issued.map(|issued| issued.scope().clone())
    };
    for (json, granted) in [
        (r#"["b","a"]"#, ["a", "b"].as_slice()),
        (r#"["b"]"#, &["b"]),
        ("[]", &[]),
        (r#""a""#, &["a"]),
    ] {
        assert_eq!(read(&lenient, json).unwrap(), Scope::new(granted).unwrap());
    }
    for bad in [r#"["a b"]"#, r#"["a",1]"#, r#"["c"]"#, "{}", "1", "true"] {
        read(&lenient, bad).expect_err(bad);
    }
    let strict = read(&Rfc8693::new(), r#"["a"]"#).unwrap_err();
    assert!(
        strict.to_string().contains("allow_scope_text_or_array"),
        "{strict}"
    );
}

/// TX-13
#[test]
fn error_names_faulty_member() {
    for (member, odd, seen) in [
        ("access_token", "1", "`access_token`"),
        ("token_type", "[]", "`token_type`"),
        ("token_type", "\"DPoP\"", "\"DPoP\""),
        ("issued_token_type", "7", "`issued_token_type`"),
        ("issued_token_type", "\"urn:x\"", "\"urn:x\""),
        ("scope", "7", "`scope`"),
        ("scope", "\"a b\"", "\"b\""),
        ("audience", "\"service-c\"", "\"service-c\""),
    ] {
        let error = read(&for_service_b(&["a"]), &with(member, odd)).unwrap_err();
        assert!(error.to_string().contains(seen), "{error}");
        assert_eq!(error.class(), ErrorClass::ResponseUnusable);
    }
}

/// OB-01
#[test]
fn error_redacts_repeated_tokens() {
    let request = for_service_b(&["a"]);
    let subject = request.subject().subject_token().expose();
    let quoted = format!("\"{subject}\"");
    for member in [
        "token_type",
        "issued_token_type",
        "scope",
        "audience",
        "resource",
    ] {
        let error = read(&request, &with(member, &quoted)).expect_err(member);
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("[redacted]"), "{shown}");
        assert!(!shown.contains(&subject[..12]), "{shown}");
    }
}

/// TX-13
#[test]
fn response_for_other_target_fails() {
    for member in ["audience", "resource"] {
        for own in [
            r#""service-b""#,
            r#"["x","service-b"]"#,
            "null",
            r#""""#,
            "[]",
            "7",
            r#"{"a":1}"#,
        ] {
            accept(&with(member, own)).expect(own);
        }
        for other in [
            r#""ServiceA""#,
            r#"["ServiceA","x"]"#,
            r#""service-B""#,
            r#"["ServiceA",7]"#,
        ] {
            unusable(&with(member, other));
        }
    }
    let by_uri = |target: Target| obo_core::ExchangeRequest::new(&alice(), target);
    let uri = Target::resource(Resource::new("https://b.example/").unwrap());
    let described = with("resource", r#""https://b.example/""#);
    read(&by_uri(uri.clone()), &described).unwrap();
    let described = with("resource", r#""https://c.example/""#);
    read(&by_uri(uri.clone()), &described).unwrap_err();
    let either = uri.or_named(obo_core::Audience::new("https://c.example/").unwrap());
    read(&by_uri(either.clone()), &described).unwrap();
    // A token of the service itself is for its target too. Without a target, any name is accepted.
    let own = |target: Option<&Target>| {
        Rfc8693::new().response(
            &own(target),
            &http_response(200, with("audience", "\"c\"")),
            NOW,
        )
    };
    own(Some(&either)).unwrap_err();
    own(None).unwrap();
    let any = Rfc8693::new().danger_any_audience();
    let issued = any.response(
        &grant(&by_uri(either)),
        &http_response(200, with("audience", "\"c\"")),
        NOW,
    );
    issued.unwrap();
}

/// TE-05, TX-18
#[test]
fn unknown_members_are_ignored() {
    for (name, json) in [
        ("refresh_token", "\"r3fr3sh\""),
        ("refresh_token", "null"),
        ("refresh_expires_in", "1e400"),
        ("not-before-policy", "0"),
        ("error", "null"),
        ("x", "{\"a\":[1,{}]}"),
    ] {
        let token = accept(&with(name, json)).expect(json);
        assert_eq!(text(&token), "Bearer opaque");
        assert!(!format!("{token:?}").contains("r3fr3sh"));
    }
}

/// TE-06
#[test]
fn response_is_json_by_content_type() {
    let request = for_service_b(&[]);
    let of = |content_type: Option<&str>, body: &[u8]| {
        let mut response = Response::new(Bytes::copy_from_slice(body));
        if let Some(value) = content_type {
            let value = header::HeaderValue::from_str(value).unwrap();
            response.headers_mut().insert(header::CONTENT_TYPE, value);
        }
        Rfc8693::new()
            .response(&grant(&request), &response, NOW)
            .map(drop)
    };
    let body = issued("opaque");
    for good in [
        "application/json",
        "Application/JSON",
        "application/json;charset=UTF-8",
        "application/json ; charset=utf-8",
    ] {
        of(Some(good), body.as_bytes()).expect(good);
    }
    for bad in [
        None,
        Some(""),
        Some("text/html"),
        Some("text/plain"),
        Some("application/jsonp"),
        Some("application/json, text/html"),
        Some("application/x-www-form-urlencoded"),
    ] {
        let error = of(bad, body.as_bytes()).unwrap_err();
        assert_eq!(error.class(), ErrorClass::ResponseUnusable, "{bad:?}");
    }
    let utf_16: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [utf_16.as_slice(), b"", b"\xff", b"<html>"] {
        of(Some("application/json"), bytes).unwrap_err();
    }
}

/// TE-06
#[test]
fn broken_documents_are_unusable() {
    for body in ["null", "[]", "\"opaque\"", "{", "{}"] {
        unusable(body);
    }
    // An array in the order of the members is not the object.
    unusable(&format!(r#"["opaque","Bearer","{ACCESS_TOKEN}",300,null]"#));
    unusable(&format!("{}x", issued("opaque")));
    unusable(&with("x", &"[".repeat(100_000)));
    let twice = with("access_token", "\"a\",\"access_token\":\"b\"");
    unusable(&twice);
    let error = Rfc8693::new()
        .response(
            &grant(&for_service_b(&[])),
            &http_response(201, issued("opaque")),
            NOW,
        )
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::ResponseUnusable);
}

#[test]
fn token_obeys_bearer_grammar() {
    for good in ["a", "A-._~+/0==", &"x".repeat(16 * 1024)] {
        let token = accept(&issued(good)).unwrap();
        assert_eq!(text(&token), format!("Bearer {good}"));
        assert!(token.authorization().is_sensitive());
    }
    for bad in [
        "a b",
        "a,b",
        " a",
        "a ",
        "=",
        "a=b",
        "a\\r\\nX-Evil: 1",
        "a\\u0000",
        "a\\tb",
        "é",
        "a;b",
        "a\\\"b",
        "Bearer a",
        &"x".repeat(16 * 1024 + 1),
        &"x".repeat(1 << 20),
    ] {
        unusable(&issued(bad));
        assert!(IssuedToken::bearer(bad).is_none());
    }
}

#[test]
fn returned_subject_token_is_rejected() {
    let request = for_service_b(&[]);
    let own = request.subject().subject_token().expose();
    let error = read(&request, &issued(own)).unwrap_err();
    assert_eq!(error.class(), ErrorClass::ResponseUnusable);
    assert!(error.to_string().contains("returned the subject token"));
    assert!(!format!("{error:?} {error}").contains(own));
}

/// AT-14
#[test]
fn jwt_for_other_audience_is_rejected() {
    let claims = |aud: &str| {
        issued(&jwt(&format!(
            r#"{{"iss":"{ISSUER}","sub":"alice","aud":{aud}}}"#
        )))
    };
    for good in [r#""service-b""#, r#"["x","service-b"]"#] {
        accept(&claims(good)).expect(good);
    }
    for bad in [
        r#""service-a""#,
        r#""service-B""#,
        r#""service-b2""#,
        r#"["service-a"]"#,
        "[]",
        "null",
        "1",
        r#"{"service-b":1}"#,
        r#"[["service-b"]]"#,
        r#""""#,
    ] {
        unusable(&claims(bad));
    }
    unusable(&issued(&jwt(r#"{"sub":"alice"}"#)));
    let by_uri = Target::resource(Resource::new("https://b.example/").unwrap());
    let request = obo_core::ExchangeRequest::new(&alice(), by_uri);
    read(&request, &claims(r#""https://b.example/""#)).unwrap();
    read(&request, &claims(r#""https://b.example""#)).unwrap_err();
}

/// AT-14, JW-38
#[test]
fn jwt_of_other_subject_is_rejected() {
    let claims = |rest: &str| issued(&jwt(&format!(r#"{{"aud":"service-b"{rest}}}"#)));
    let own = format!(r#","iss":"{ISSUER}""#);
    accept(&claims(&format!(r#"{own},"sub":"alice""#))).unwrap();
    for bad in [
        r#","sub":"bob""#,
        r#","sub":"Alice""#,
        r#","sub":"""#,
        r#","sub":null"#,
        r#","sub":["alice"]"#,
        "",
    ] {
        unusable(&claims(&format!("{own}{bad}")));
    }
    // Without a readable issuer, the subject must be ours.
    for iss in ["", r#","iss":null"#, r#","iss":["x"]"#] {
        accept(&claims(&format!(r#"{iss},"sub":"alice""#))).expect(iss);
        unusable(&claims(&format!(r#"{iss},"sub":"bob""#)));
    }
    // Another issuer may have another name for the same user.
    let foreign = r#","iss":"https://other.example","sub":"u-17""#;
    accept(&claims(foreign)).unwrap();
}

/// AT-14
#[test]
fn odd_number_hides_no_other_claims() {
    let claims = |rest: &str| {
        let token = jwt(&format!(r#"{{"big":1e999,"iss":"{ISSUER}"{rest}}}"#));
        issued(&token)
    };
    accept(&claims(r#","sub":"alice","aud":"service-b""#)).unwrap();
    for bad in [
        r#","sub":"alice","aud":"service-c""#,
        r#","sub":"bob","aud":"service-b""#,
        r#","sub":"alice","aud":1e999"#,
    ] {
        unusable(&claims(bad));
    }
}

/// TX-13
#[test]
fn response_is_utf8_to_its_end() {
    let body = issued("opaque").replacen('{', r#"{"unread":"?","#, 1);
    accept(&body).unwrap();
    let mut bytes = body.into_bytes();
    let place = bytes.iter().position(|byte| *byte == b'?').unwrap();
    bytes[place] = 0x90;
    let response = http_response(200, bytes);
    let error = Rfc8693::new().response(&grant(&for_service_b(&[])), &response, NOW);
    assert_eq!(error.unwrap_err().class(), ErrorClass::ResponseUnusable);
}

/// TX-13
#[test]
fn byte_order_mark_is_named() {
    let error = accept(&format!("\u{feff}{}", issued("opaque"))).unwrap_err();
    assert!(error.to_string().contains("byte-order mark"), "{error}");
}

/// AT-14
#[test]
fn non_jwt_token_is_accepted() {
    for opaque in [
        "opaque",
        "a.b",
        "a.b.c",
        "a.b.c.d.e",
        &format!("a.{}.c", b64("[]")),
        &format!("a.{}.c", b64("not json")),
    ] {
        accept(&issued(opaque)).expect(opaque);
    }
}

/// AT-14
#[test]
fn expired_jwt_is_rejected() {
    let claims = |exp: &str| {
        issued(&jwt(&format!(
            r#"{{"iss":"{ISSUER}","sub":"alice","aud":"service-b","exp":{exp}}}"#
        )))
    };
    let now = NOW.as_secs();
    accept(&claims(&(now + 1).to_string())).unwrap();
    for expired in [now.to_string(), (now - 1).to_string(), format!("{now}.0")] {
        unusable(&claims(&expired));
    }
    for expired in ["0", "-1", "-1e300", "1"] {
        unusable(&claims(expired));
    }
}
