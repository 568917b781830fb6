#![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

use super::*;

fn applied(config: &str, sent: &[&'static str], peer: &str) -> Vec<String> {
    let config: HeadersConfig = toml::from_str(config).unwrap();
    let mut headers = HeaderMap::new();
    for name in sent {
        headers.append(*name, HeaderValue::from_static("of-the-caller"));
    }
    let peer = (!peer.is_empty()).then(|| peer.parse().unwrap());
    config.build().unwrap().apply(&mut headers, peer);
    let lines = headers.iter();
    let lines = lines.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    lines
}

const CLAIMS: [&str; 36] = [
    "client-cert",
    "client_cert",
    "forwarded",
    "impersonate-user",
    "remote-user",
    "true-client-ip",
    "x-amzn-oidc-data",
    "x-amzn-oidc-identity",
    "x-auth-request-email",
    "x-auth-user",
    "x-client-cert-subject",
    "x-consumer-username",
    "x-forwarded",
    "x-forwarded-access-token",
    "x-forwarded-client-cert",
    "x-forwarded-email",
    "x-forwarded-for",
    "x-forwarded-groups",
    "x-forwarded-host",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-forwarded-user",
    "x-goog-iap-jwt-assertion",
    "x-http-method-override",
    "x-ms-client-principal",
    "x-original-host",
    "x-original-url",
    "x-real-ip",
    "x-remote-user",
    "x-rewrite-url",
    "x-ssl-client-verify",
    "x-user",
    "x-user-id",
    "x_forwarded_for",
    "x_original_url",
    "x_user",
];

#[test]
fn claims_of_callers_are_stripped_by_default() {
    let lines = applied("", &CLAIMS, "192.0.2.7");
    assert_eq!(
        lines,
        [
            "forwarded: for=192.0.2.7;proto=http",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-proto: http",
        ]
    );
    assert!(applied("forwarding = \"strip\"", &CLAIMS, "192.0.2.7").is_empty());
}

#[test]
fn headers_that_claim_nothing_pass() {
    let plain = [
        "accept",
        "cookie",
        "x-api-key",
        "x-request-id",
        "x-user-agent",
    ];
    let lines = applied("forwarding = \"strip\"", &plain, "192.0.2.7");
    assert_eq!(lines.len(), plain.len(), "{lines:?}");
    let lines = applied(
        "forwarding = \"strip\"\ncookies = \"strip\"",
        &plain,
        "192.0.2.7",
    );
    assert!(!lines.iter().any(|line| line.starts_with("cookie")));
}

#[test]
fn each_kind_passes_by_its_own_setting() {
    let sent = ["x-forwarded-for", "x-user"];
    assert_eq!(
        applied("forwarding = \"danger_pass\"", &sent, "192.0.2.7"),
        ["x-forwarded-for: of-the-caller"]
    );
    let identity = "forwarding = \"strip\"\nidentity = \"danger_pass\"";
    assert_eq!(
        applied(identity, &sent, "192.0.2.7"),
        ["x-user: of-the-caller"]
    );
}

#[test]
fn origin_says_what_callers_asked_for() {
    let origin = "origin = \"https://api.example.com:8443\"";
    assert_eq!(
        applied(origin, &["x-forwarded-host"], "::ffff:192.0.2.7"),
        [
            "forwarded: for=192.0.2.7;host=\"api.example.com:8443\";proto=https",
            "x-forwarded-for: 192.0.2.7",
            "x-forwarded-host: api.example.com:8443",
            "x-forwarded-proto: https",
        ]
    );
    let lines = applied("", &[], "2001:db8::1");
    assert_eq!(lines[0], "forwarded: for=\"[2001:db8::1]\";proto=http");
    for wrong in [
        "api",
        "ftp://a",
        "https://a/b",
        "https://a?b",
        "https://me@a",
    ] {
        let config: HeadersConfig = toml::from_str(&format!("origin = \"{wrong}\"")).unwrap();
        assert_eq!(config.build().unwrap_err().field(), "origin", "{wrong}");
    }
}
