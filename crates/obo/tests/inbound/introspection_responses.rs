//! Introspection at a raw TCP server with invalid, partial or missing responses, with the default
//! client.

use obo::BearerAuthLayer;

use crate::guarded::{Guarded, INVALID_TOKEN, challenges};
use crate::introspecting::code;
use crate::raw_endpoint::{RawEndpoint, good, http, ok};

/// IN-02, IN-03, BT-18
#[tokio::test]
async fn unusable_response_is_503() {
    let good = good();
    for (response, why) in [
        ("220 mail ready\r\n".to_owned(), "no HTTP"),
        (
            ok(&good).replace("content-length: ", "content-length: 9"),
            "cut",
        ),
        (ok(&good[..good.len() / 2]), "half"),
        (ok(""), "empty"),
        (ok("null"), "null"),
        (ok("[]"), "an array"),
        (ok("<html>active</html>"), "HTML"),
        (ok("{}"), "no `active`"),
        (ok(r#"{"error":"invalid_client"}"#), "an error"),
        (ok(&good.replace("true", "null")), "`active` is null"),
        (
            ok(&good.replace(r#""active":true,"#, "")),
            "`active` is missing",
        ),
        (ok(&good.replace("true", r#""true""#)), "a string"),
        (ok(&good.replace("true", "1")), "a number"),
        (ok(&good.replacen('{', r#"{"active":true,"#, 1)), "twice"),
        (ok(&" ".repeat(256 * 1024 + 1)), "too long"),
        (http("201 Created", &good), "201"),
        (
            http("302 Found\r\nlocation: /elsewhere", &good),
            "a redirect",
        ),
        (
            http("400 Bad Request", r#"{"error":"unsupported_token_type"}"#),
            "400",
        ),
        (
            http("400 Bad Request", r#"{"active":false}"#),
            "400, inactive",
        ),
        (http("401 Unauthorized", &good), "401"),
        (http("403 Forbidden", &good), "403"),
        (http("404 Not Found", &good), "404"),
        (http("429 Too Many Requests", &good), "429"),
        (http("500 Internal Server Error", &good), "500"),
        (http("502 Bad Gateway", "<html>"), "502"),
    ] {
        let endpoint = RawEndpoint::serving(response).await;
        let guarded = Guarded::new(BearerAuthLayer::new(endpoint.server()));
        let response = guarded.with("Bearer opaque").await;
        assert_eq!(response.status(), 503, "{why}");
        assert!(challenges(&response).is_empty(), "{why}");
        assert_eq!(guarded.admitted(), 0, "{why}");
    }
}

/// IN-03
#[tokio::test]
async fn response_must_be_json() {
    const JSON: &str = "content-type: application/json";
    for (content_type, expected) in [
        (JSON, "ok"),
        ("content-type: application/json; charset=utf-8", "ok"),
        ("content-type: Application/vnd.idp+JSON", "ok"),
        ("x: y", "introspection_unavailable"),
        ("content-type: text/html", "introspection_unavailable"),
        ("content-type: text/plain", "introspection_unavailable"),
        ("content-type: application/jwt", "introspection_unavailable"),
        (
            "content-type: application/token-introspection+jwt",
            "introspection_unavailable",
        ),
    ] {
        let response = ok(&good()).replace(JSON, content_type);
        let endpoint = RawEndpoint::serving(response).await;
        let outcome = code(&endpoint.server(), "opaque").await;
        assert_eq!(outcome, expected, "{content_type}");
    }
    let page = ok(r#"{"active":false}"#).replace(JSON, "content-type: text/html");
    let endpoint = RawEndpoint::serving(page).await;
    let refused = endpoint.server().validate("opaque").await.unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("the content type of the response is not JSON"),
        "{refused}"
    );
}

/// IN-04, IN-05
#[tokio::test]
async fn negative_response_is_401() {
    let good = good();
    for (response, why) in [
        (r#"{"active":false}"#.to_owned(), "inactive"),
        (good.replace("true", "false"), "inactive"),
        (good.replace("service-a", "service-b"), "wrong_audience"),
        (
            good.replace("idp.example", "idp2.example"),
            "unknown_issuer",
        ),
        (good.replace("Bearer", "mac"), "not_an_access_token"),
        (good.replace("Bearer", "DPoP"), "binding_not_checked"),
        (good.replace(r#""sub":"alice","#, ""), "missing_claim"),
        (good.replace("alice", ""), "invalid_claim"),
        (good.replace("9000000000", "1700000000"), "expired"),
        (good.replace(r#""exp":9000000000,"#, ""), "missing_claim"),
        (good.replace(r#""aud":"service-a","#, ""), "missing_claim"),
        (good.replace("9000000000", "-1"), "invalid_claim"),
        (good.replace("9000000000", "1e999"), "invalid_claim"),
        (
            good.replace(r#""iat":1"#, r#""iat":9000000000"#),
            "issued_in_future",
        ),
        (
            good.replace(r#""iat":1"#, r#""nbf":9000000000,"iat":1"#),
            "not_yet_valid",
        ),
        (
            good.replace(r#""iat":1"#, r#""scope":["a"],"iat":1"#),
            "invalid_claim",
        ),
        (
            good.replace(r#""iat":1"#, r#""cnf":{"jkt":"k"},"iat":1"#),
            "binding_not_checked",
        ),
        (
            good.replace(r#""iat":1"#, r#""act":"service-b","iat":1"#),
            "invalid_claim",
        ),
        (
            good.replace("Bearer", "refresh_token"),
            "not_an_access_token",
        ),
        (good.replace("Bearer", "N_A"), "not_an_access_token"),
        (
            good.replacen('{', r#"{"sub":"bob","#, 1),
            "duplicate_member",
        ),
    ] {
        let endpoint = RawEndpoint::serving(ok(&response)).await;
        let server = endpoint.server();
        assert_eq!(code(&server, "opaque").await, why, "{response}");
        let guarded = Guarded::new(BearerAuthLayer::new(server));
        guarded.refuses("opaque", INVALID_TOKEN).await;
    }
}

#[tokio::test]
async fn unchanged_response_is_valid() {
    let endpoint = RawEndpoint::serving(ok(&good())).await;
    assert_eq!(code(&endpoint.server(), "opaque").await, "ok");
}
