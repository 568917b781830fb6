#![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

use super::*;
use obo_config::Settings;

fn applied(config: &str, sent: &[&'static str], peer: &str) -> Vec<String> {
    let config: CallerHeaders = toml::from_str(config).unwrap();
    let mut headers = HeaderMap::new();
    for name in sent {
        headers.append(*name, HeaderValue::from_static("of-the-caller"));
    }
    let peer = (!peer.is_empty()).then(|| peer.parse().unwrap());
    config.apply(&mut headers, peer);
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
fn caller_claims_are_stripped() {
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
fn identity_headers_are_stripped() {
    let identity = [
        "cf-access-authenticated-user-email",
        "cf-access-jwt-assertion",
        "cf-client-cert-sha256",
        "client-cert-chain",
        "eppn",
        "iv-user",
        "mellon-name-id",
        "oam-remote-user",
        "oidc-access-token",
        "oidc_claim_sub",
        "remote-email",
        "remote-groups",
        "remote-name",
        "remote-user",
        "shib-identity-provider",
        "shib_session_id",
        "sm_user",
        "ssl-client-subject-dn",
        "ssl_client_s_dn",
        "tailscale-user-login",
        "teleport-jwt-assertion",
        "x-amzn-oidc-accesstoken",
        "x-amzn-request-context",
        "x-apigateway-api-userinfo",
        "x-auth-request-user",
        "x-authentik-username",
        "x-authenticated-userid",
        "x-authorization",
        "x-claim-sub",
        "x-consumer-id",
        "x-endpoint-api-userinfo",
        "x-forwarded-tls-client-cert",
        "x-forwarded-tls-client-cert-info",
        "x-goog-authenticated-user-email",
        "x-hasura-admin-secret",
        "x-hasura-role",
        "x-identity",
        "x-jwt",
        "x-jwt-assertion",
        "x-ms-client-principal-name",
        "x-ms-token-aad-id-token",
        "x-pomerium-claim-email",
        "x-pomerium-jwt-assertion",
        "x-proxy-user",
        "x-remote-group",
        "x-shib-user",
        "x-ssl-client-cert",
        "x-sso-user",
        "x-token-user-email",
        "x-user.name",
        "x-userinfo",
        "x-vouch-idp-claims-groups",
        "x-vouch-user",
        "x-webauth-user",
        "x.webauth.user",
        "x_webauth_user",
    ];
    // These are not fields about the path of the request either.
    for forwarding in ["strip", "danger_pass"] {
        let config = format!("forwarding = \"{forwarding}\"");
        assert_eq!(applied(&config, &identity, ""), [""; 0], "{forwarding}");
    }
}

#[test]
fn address_headers_claim_no_identity() {
    let sent = ["x-remote-addr", "x-remote-ip", "x-proxyuser-ip"];
    let config = "forwarding = \"strip\"\nidentity = \"danger_pass\"";
    assert_eq!(applied(config, &sent, ""), [""; 0]);
}

#[test]
fn headers_that_claim_nothing_pass() {
    let plain = [
        "accept",
        "accept-language",
        "baggage",
        "cache-control",
        "cookie",
        "dnt",
        "if-match",
        "idempotency-key",
        "origin",
        "range",
        "referer",
        "sec-fetch-mode",
        "smart-home",
        "traceparent",
        "tracestate",
        "user-agent",
        "x-amz-content-sha256",
        "x-amzn-trace-id",
        "x-api-key",
        "x-api-version",
        "x-b3-traceid",
        "x-cloud-trace-context",
        "x-correlation-id",
        "x-csrf-token",
        "x-device-id",
        "x-goog-api-client",
        "x-goog-user-project",
        "x-grpc-web",
        "x-hub-signature-256",
        "x-ms-client-request-id",
        "x-ms-version",
        "x-request-id",
        "x-requested-with",
        "x-session-id",
        "x-tenant-id",
        "x-trace-id",
        "x-user-agent",
        "x-xsrf-token",
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
fn each_kind_has_its_own_setting() {
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
fn origin_is_sent_as_requested_host() {
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
        let file: Settings = toml::from_str(&format!("origin = \"{wrong}\"")).unwrap();
        let error = file.read::<CallerHeaders>().unwrap_err();
        assert_eq!(error.field(), "origin", "{wrong}");
    }
}

#[test]
fn proof_is_removed_whatever_identity_is() {
    let config = "identity = 'danger_pass'\nforwarding = 'danger_pass'";
    let sent = ["dpop", "d_pop", "client-cert", "client_cert", "x-user"];
    let kept = "client-cert: of-the-caller client_cert: of-the-caller d_pop: of-the-caller x-user: of-the-caller";
    assert_eq!(applied(config, &sent, "").join(" "), kept);

    let mut config: CallerHeaders = toml::from_str(config).unwrap();
    let binding = "certificate = { header = 'client-cert', from = ['127.0.0.1'] }";
    let binding = toml::from_str(binding).unwrap();
    config.hide_certificate(Some(&binding));
    let mut headers = HeaderMap::new();
    for name in sent {
        headers.append(name, HeaderValue::from_static("of-the-caller"));
    }
    config.apply(&mut headers, None);
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["d_pop", "x-user"]);
}
