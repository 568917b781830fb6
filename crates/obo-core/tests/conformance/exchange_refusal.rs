//! The meaning of a refusal: RFC 6749 section 5.2, RFC 8693 section 2.2.2, RFC 9470.

use std::time::Duration;

use http::{HeaderValue, header};
use obo_core::dialect::{Dialect, Rfc8693};
use obo_core::{ActorToken, ErrorClass, RefusedToken, Secret, TokenEndpointError, TokenType};

use crate::validate::NOW;
use crate::wire::{for_service_b, grant, http_response, own};

fn refusal(status: u16, body: &str) -> TokenEndpointError {
    Rfc8693::new()
        .response(
            &grant(&for_service_b(&[])),
            &http_response(status, body),
            NOW,
        )
        .expect_err(body)
}

fn class(status: u16, body: &str) -> ErrorClass {
    refusal(status, body).class()
}

fn error(code: &str) -> String {
    format!(r#"{{"error":"{code}"}}"#)
}

/// TX-21, TX-20
#[test]
fn each_error_code_has_its_class() {
    for (code, expected) in [
        ("invalid_request", ErrorClass::SubjectInvalid),
        ("invalid_grant", ErrorClass::SubjectInvalid),
        ("invalid_token", ErrorClass::SubjectInvalid),
        ("invalid_target", ErrorClass::TargetDenied),
        ("invalid_scope", ErrorClass::TargetDenied),
        ("access_denied", ErrorClass::TargetDenied),
        ("interaction_required", ErrorClass::StepUp),
        ("insufficient_user_authentication", ErrorClass::StepUp),
        ("invalid_client", ErrorClass::ClientMisconfigured),
        ("unauthorized_client", ErrorClass::ClientMisconfigured),
        ("unsupported_grant_type", ErrorClass::ClientMisconfigured),
        ("use_dpop_nonce", ErrorClass::ClientMisconfigured),
        ("invalid_dpop_proof", ErrorClass::ClientMisconfigured),
        ("slow_down", ErrorClass::Throttled),
        ("temporarily_unavailable", ErrorClass::Transient),
        ("server_error", ErrorClass::Transient),
        ("Invalid_Grant", ErrorClass::ResponseUnusable),
        ("something_else", ErrorClass::ResponseUnusable),
        ("", ErrorClass::ResponseUnusable),
    ] {
        let refusal = refusal(400, &error(code));
        assert_eq!(refusal.class(), expected, "{code}");
        assert_eq!(refusal.oauth_code(), Some(code));
    }
    assert_eq!(
        class(401, &error("invalid_client")),
        ErrorClass::ClientMisconfigured
    );
    assert_eq!(
        class(403, &error("access_denied")),
        ErrorClass::TargetDenied
    );
}

#[test]
fn refusal_keeps_status() {
    for status in [400, 401, 403, 429, 500, 503, 599] {
        for body in ["", &error("server_error"), &error("invalid_grant")] {
            let seen = refusal(status, body).status();
            assert_eq!(seen.map(|seen| seen.as_u16()), Some(status), "{body}");
        }
    }
}

/// TX-21
#[test]
fn only_invalid_client_is_our_fault() {
    for code in [
        "token_revoked",
        "token_expired",
        "invalid_subject_token",
        "invalid_token",
        "who",
    ] {
        assert_eq!(
            class(401, &error(code)),
            ErrorClass::SubjectInvalid,
            "{code}"
        );
    }
    for code in ["token_revoked", "token_expired", "invalid_subject_token"] {
        for status in [400, 403] {
            let refused = class(status, &error(code));
            assert_eq!(refused, ErrorClass::SubjectInvalid, "{status} {code}");
        }
    }
    for code in [
        "invalid_client",
        "unauthorized_client",
        "invalid_actor_token",
    ] {
        let refused = class(401, &error(code));
        assert_eq!(refused, ErrorClass::ClientMisconfigured, "{code}");
    }
    // A refusal of this service's own token is never shown to a user.
    let own = Rfc8693::new().response(&own(None), &http_response(401, error("token_revoked")), NOW);
    assert_eq!(own.unwrap_err().class(), ErrorClass::ClientMisconfigured);
}

/// TX-21
#[test]
fn unknown_403_error_denies_target() {
    for code in ["forbidden", "policy_violation", "not_allowed"] {
        assert_eq!(class(403, &error(code)), ErrorClass::TargetDenied, "{code}");
        assert_eq!(
            class(400, &error(code)),
            ErrorClass::ResponseUnusable,
            "{code}"
        );
    }
    assert_eq!(
        class(403, &error("invalid_client")),
        ErrorClass::ClientMisconfigured
    );
}

/// TX-21
#[test]
fn error_in_200_is_an_error() {
    for (code, expected) in [
        ("invalid_grant", ErrorClass::SubjectInvalid),
        ("invalid_target", ErrorClass::TargetDenied),
        ("invalid_client", ErrorClass::ClientMisconfigured),
        ("server_error", ErrorClass::Transient),
        ("slow_down", ErrorClass::Throttled),
        ("bad_verification_code", ErrorClass::ResponseUnusable),
    ] {
        let more = r#""access_token":"a","token_type":"Bearer","error_description":"why""#;
        for body in [error(code), format!(r#"{{"error":"{code}",{more}}}"#)] {
            let refused = refusal(200, &body);
            assert_eq!(refused.class(), expected, "{body}");
            assert_eq!(refused.oauth_code(), Some(code));
        }
    }
    // An empty error is no refusal.
    for none in ["null", "\"\"", "{}", "7"] {
        let body = crate::wire::with("error", none);
        let issued =
            Rfc8693::new().response(&grant(&for_service_b(&[])), &http_response(200, body), NOW);
        issued.expect(none);
    }
}

/// TX-21
#[test]
fn status_decides_without_code() {
    let html = "<html>busy</html>";
    for (status, body, expected) in [
        (429, "", ErrorClass::Throttled),
        (429, html, ErrorClass::Throttled),
        (429, r#"{"error":"invalid_grant"}"#, ErrorClass::Throttled),
        (500, "", ErrorClass::Transient),
        (502, html, ErrorClass::Transient),
        (503, r#"{"error":"invalid_grant"}"#, ErrorClass::Transient),
        (599, "null", ErrorClass::Transient),
        (401, "", ErrorClass::ClientMisconfigured),
        (401, html, ErrorClass::ClientMisconfigured),
        (401, "{}", ErrorClass::ClientMisconfigured),
        (401, r#"{"error":""}"#, ErrorClass::ClientMisconfigured),
        (401, r#"{"error":7}"#, ErrorClass::ClientMisconfigured),
        (
            401,
            r#"{"error":"invalid_grant"}"#,
            ErrorClass::SubjectInvalid,
        ),
        (400, "", ErrorClass::ResponseUnusable),
        (400, "{}", ErrorClass::ResponseUnusable),
        (400, "[]", ErrorClass::ResponseUnusable),
        (400, r#"["invalid_grant"]"#, ErrorClass::ResponseUnusable),
        (
            400,
            r#"["invalid_grant",null,null,null]"#,
            ErrorClass::ResponseUnusable,
        ),
        (400, r#"{"error":null}"#, ErrorClass::ResponseUnusable),
        (
            400,
            r#"{"error":{"code":"invalid_grant"}}"#,
            ErrorClass::ResponseUnusable,
        ),
        (403, "", ErrorClass::ResponseUnusable),
        (403, html, ErrorClass::ResponseUnusable),
        (403, r#"{"error":""}"#, ErrorClass::ResponseUnusable),
        (404, html, ErrorClass::ResponseUnusable),
        (302, "", ErrorClass::ResponseUnusable),
        (307, "", ErrorClass::ResponseUnusable),
        (204, "", ErrorClass::ResponseUnusable),
    ] {
        assert_eq!(class(status, body), expected, "{status} {body}");
    }
}

/// TX-21: one malformed member must not turn an expired user token into a broken server.
#[test]
fn odd_details_do_not_hide_error() {
    for details in [
        r#""error_description":null"#,
        r#""error_description":7"#,
        r#""error_description":["a"]"#,
        r#""acr_values":["gold"]"#,
        r#""acr_values":null"#,
        r#""max_age":"300""#,
        r#""max_age":-1"#,
        r#""max_age":1.5"#,
        r#""max_age":1e400"#,
        r#""error_codes":[1e400]"#,
        r#""timestamp":"2026-01-01","trace":{"id":1}"#,
    ] {
        let body = format!(r#"{{"error":"interaction_required",{details}}}"#);
        let refusal = refusal(400, &body);
        assert_eq!(refusal.class(), ErrorClass::StepUp, "{details}");
        assert_eq!(refusal.oauth_code(), Some("interaction_required"));
    }
}

/// TX-21
#[test]
fn step_up_keeps_requirements() {
    let code = "insufficient_user_authentication";
    let with = |details: &str| refusal(400, &format!(r#"{{"error":"{code}",{details}}}"#));
    let asked = with(r#""acr_values":"gold silver","max_age":300"#);
    assert_eq!(asked.acr_values(), ["gold", "silver"]);
    assert_eq!(asked.max_age(), Some(300));
    let zero = with(r#""max_age":0"#);
    assert_eq!((zero.max_age(), zero.acr_values().len()), (Some(0), 0));
    for (details, max_age) in [
        (r#""max_age":"300""#, Some(300)),
        (r#""max_age":300.0"#, Some(300)),
        (r#""max_age":-1"#, None),
        (r#""max_age":"soon""#, None),
        (r#""max_age":null"#, None),
    ] {
        assert_eq!(with(details).max_age(), max_age, "{details}");
    }
    for odd in [
        r#""acr_values":"a\"b""#,
        r#""acr_values":"a\r\nb""#,
        r#""acr_values":"é""#,
        r#""acr_values":7"#,
    ] {
        assert!(with(odd).acr_values().is_empty(), "{odd}");
    }
    let long = format!(r#""acr_values":"{}""#, "a ".repeat(50_000));
    assert!(with(&long).acr_values().is_empty());
}

/// TX-21: only a step-up asks the caller to authenticate differently.
#[test]
fn other_errors_keep_no_hints() {
    for code in ["invalid_grant", "invalid_target", "x"] {
        let body = format!(r#"{{"error":"{code}","acr_values":"gold","max_age":1}}"#);
        let refusal = refusal(400, &body);
        assert!(refusal.acr_values().is_empty(), "{code}");
        assert_eq!(refusal.max_age(), None, "{code}");
    }
}

/// TE-09
#[test]
fn server_text_is_cut_and_cleaned() {
    for evil in [
        "a\\r\\nb",
        "a\\u0000b",
        "a\\u001b[31mb",
        "a\\u0085b",
        "a\\u2028b",
        "a\\u2029b",
        "a\\u202eb",
        "a\\u200bb",
        "a\\u007fb",
    ] {
        let body = format!(r#"{{"error":"invalid_target{evil}","error_description":"{evil}"}}"#);
        let refusal = refusal(400, &body);
        let message = format!("{refusal} {refusal:?} {:?}", refusal.oauth_code());
        assert!(
            message.chars().all(|c| (' '..='~').contains(&c)),
            "{evil}: {message:?}"
        );
        assert!(!message.contains("\\u"), "{message}");
    }
    let long = "x".repeat(100_000);
    let body = format!(r#"{{"error":"{long}","error_description":"{long}"}}"#);
    let refusal = refusal(400, &body);
    assert!(refusal.to_string().len() < 500);
    assert!(format!("{refusal:?}").len() < 800);
}

/// TE-09
#[test]
fn readable_description_is_kept() {
    let body = r#"{"error":"invalid_grant","error_description":"Gültigkeit: 5 min (AS-17)"}"#;
    let text = refusal(400, body).to_string();
    assert!(text.contains("Gültigkeit: 5 min (AS-17)"), "{text}");
    assert!(text.contains("invalid_grant") && text.contains("400"));
}

/// TE-09, OB-01: some servers quote what they refuse.
#[test]
fn echoed_token_is_redacted() {
    let actor = ActorToken::new(Secret::new("actor-t0ken"), TokenType::JWT, "a#1");
    let request = for_service_b(&[]).with_actor(actor);
    let token = request.subject().subject_token().expose().to_owned();
    let quoted = format!("token {token} by actor-t0ken refused");
    for body in [
        format!(r#"{{"error":"invalid_grant","error_description":"{quoted}"}}"#),
        format!(r#"{{"error":"{quoted}"}}"#),
        quoted.clone(),
    ] {
        let error = Rfc8693::new()
            .response(&grant(&request), &http_response(400, body), NOW)
            .unwrap_err();
        let message = format!("{error} {error:?} {:?}", error.oauth_code());
        assert!(!message.contains(&token[..20]), "{message}");
        assert!(!message.contains("actor-t0ken"), "{message}");
    }
}

/// TE-08
#[test]
fn requested_pause_is_capped() {
    let after = |value: &str| {
        let mut response = http_response(429, "");
        let value = HeaderValue::from_str(value).unwrap();
        response.headers_mut().insert(header::RETRY_AFTER, value);
        Rfc8693::new()
            .response(&grant(&for_service_b(&[])), &response, NOW)
            .unwrap_err()
            .retry_after()
    };
    for (value, seconds) in [
        ("0", Some(0)),
        ("7", Some(7)),
        (" 7 ", Some(7)),
        ("300", Some(300)),
        ("301", Some(300)),
        ("18446744073709551616", Some(300)),
        ("99999999999999999999999999", Some(300)),
        ("-1", None),
        ("+7", None),
        ("1.5", None),
        ("", None),
        ("soon", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", Some(300)),
    ] {
        assert_eq!(after(value), seconds.map(Duration::from_secs), "{value}");
    }
    assert_eq!(refusal(503, "").retry_after(), None);
}

#[test]
fn rejected_token_is_found_by_word() {
    let (actor, subject) = (Some(RefusedToken::Actor), Some(RefusedToken::Subject));
    for (code, description, expected) in [
        ("invalid_actor_token", "", actor),
        ("actor-not-allowed", "", actor),
        ("two_factor_required", "", None),
        ("multifactor_required", "", None),
        ("factor", "Multi-factor authentication is required", None),
        ("invalid_request", "The actor_token is invalid", actor),
        ("invalid_request", "ActorToken: expired", actor),
        ("invalid_grant", "Multi-factor authentication", None),
        ("invalid_grant", "multifactor authentication", None),
        ("invalid_grant", "Extractor failed", None),
        ("invalid_grant", "The subject's session has ended", subject),
        ("invalid_grant", "Invalid subject_token", subject),
        ("invalid_grant", "subjective", None),
        ("invalid_grant", "The factor of the subject", subject),
        ("invalid_grant", "The subject names no such actor", None),
    ] {
        let body = format!(r#"{{"error":"{code}","error_description":"{description}"}}"#);
        let refused = refusal(400, &body).refused_token();
        assert_eq!(refused, expected, "{body}");
    }
}
