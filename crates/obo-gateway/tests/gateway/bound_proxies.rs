//! Tokens that are bound to a certificate, which a proxy writes into a header.

use axum::body::Body;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Request;

use crate::bound::{Bound, schemes};
use crate::world::Got;

/// The smallest values of DER that read as certificates.
const OWN: &[u8] = &[0x30, 3, 2, 1, 7];
const OTHER: &[u8] = &[0x30, 3, 2, 1, 8];

fn certificate(from: &str) -> String {
    format!("certificate = {{ header = \"client-cert\", from = [\"{from}\"] }}")
}

fn encoded(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

/// MT-01, MT-02
#[tokio::test]
async fn certificate_of_proxy_is_compared() {
    let more = "[headers]\nidentity = \"danger_pass\"";
    let bound = Bound::with(&certificate("127.0.0.1/32"), more).await;
    let token = bound.world.alice().bound_to_certificate(OWN).mint();
    let send = |lines: &[String]| {
        let request = bound.world.request_with(&token, "GET", "/orders/7");
        let request = lines
            .iter()
            .fold(request, |request, line| request.header("client-cert", line));
        bound.world.send(request.body(Body::empty()).unwrap())
    };
    assert_eq!(send(&[encoded(OWN)]).await.status, 200);
    let seen = bound.world.upstream.only();
    assert!(!seen.headers.contains_key("client-cert"));
    for lines in [vec![encoded(OTHER)], vec![]] {
        let got = send(&lines).await;
        assert_eq!((got.status, schemes(&got)), (401, vec!["Bearer"]));
        assert!(got.field("www-authenticate").contains("invalid_token"));
    }
    // MT-05
    for lines in [vec![encoded(OWN), encoded(OWN)], vec!["%30%03".to_owned()]] {
        assert_eq!(send(&lines).await.status, 400);
    }
    assert_eq!(bound.world.upstream.seen().len(), 1);
}

/// MT-04
#[tokio::test]
async fn spoofed_certificate_is_ignored() {
    let more = "[headers]\nidentity = \"danger_pass\"";
    let bound = Bound::with(&certificate("10.0.0.0/8"), more).await;
    let token = bound.world.alice().bound_to_certificate(OWN).mint();
    let request = |token: &str, path: &str| {
        let request = bound.world.request_with(token, "GET", path);
        let request = request.header("client-cert", encoded(OWN));
        request.body(Body::empty()).unwrap()
    };
    assert_eq!(
        bound.world.send(request(&token, "/orders/7")).await.status,
        401
    );
    let plain = bound.world.alice().mint();
    assert_eq!(
        bound.world.send(request(&plain, "/orders/7")).await.status,
        200
    );
    assert_eq!(bound.world.send(request(&plain, "/open")).await.status, 200);
    for seen in bound.world.upstream.seen() {
        assert!(!seen.headers.contains_key("client-cert"));
    }
}

/// The header with which a proxy passes on `OWN`.
fn written(header: &str) -> String {
    let pem = format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        STANDARD.encode(OWN)
    );
    let escaped = pem
        .replace(' ', "%20")
        .replace('\n', "%0A")
        .replace('=', "%3D");
    match header {
        "client-cert" => encoded(OWN),
        "x-ssl-client-cert" => escaped,
        _ => format!("By=a;Cert=\"{escaped}\""),
    }
}

/// MT-04, MT-05
#[tokio::test]
async fn header_counts_from_listed_address_only() {
    for header in [
        "client-cert",
        "x-forwarded-client-cert",
        "x-ssl-client-cert",
    ] {
        for (from, is_listed) in [
            ("127.0.0.0/8", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.2", false),
            ("::1", false),
        ] {
            let binding = format!("certificate = {{ header = \"{header}\", from = [\"{from}\"] }}");
            // Not even with this.
            let more = "[headers]\nidentity = \"danger_pass\"\nforwarding = \"danger_pass\"";
            let bound = Bound::with(&binding, more).await;
            let world = &bound.world;
            let token = world.alice().bound_to_certificate(OWN).mint();
            let plain = world.alice().mint();
            for (token, path, status) in [
                (&token, "/orders/7", if is_listed { 200 } else { 401 }),
                (&plain, "/orders/7", 200),
                (&plain, "/open", 200),
            ] {
                let request = || {
                    let request = world.request_with(token, "GET", path);
                    let request = request.header(header, written(header));
                    // Some servers read it as the same field.
                    let request = request.header(header.replace('-', "_"), written(header));
                    request.body(Body::empty()).unwrap()
                };
                let got = world.send(request()).await;
                assert_eq!(got.status, status, "{header} {from} {path}: {got:?}");
                let other = world.http2.request(request()).await.unwrap();
                assert_eq!(
                    Got::of(other).await.status,
                    status,
                    "{header} {from} {path}"
                );
            }
            let seen = world.upstream.seen();
            assert_eq!(seen.len(), if is_listed { 6 } else { 4 });
            for seen in seen {
                let names = seen
                    .headers
                    .keys()
                    .map(|name| name.as_str().replace('_', "-"));
                assert!(
                    !names.into_iter().any(|name| name == header),
                    "{header} {from}"
                );
            }
        }
    }
}

/// MT-05
#[tokio::test]
async fn last_line_of_envoy_counts() {
    let binding = "certificate = { header = \"x-forwarded-client-cert\", from = [\"127.0.0.1\"] }";
    let bound = Bound::start(binding).await;
    let token = bound.world.alice().bound_to_certificate(OWN).mint();
    let own = written("x-forwarded-client-cert");
    let other = format!("Hash={}", "ab".repeat(32));
    let (both, swapped) = (format!("{other},{own}"), format!("{own},{other}"));
    for (lines, status) in [
        (&[&*own][..], 200),
        (&[&other, &own], 200),
        (&[&other, &both], 200),
        (&[&both], 200),
        (&[&own, &other], 401),
        (&[&swapped], 401),
        (&[&own, ""], 401),
        (&[], 401),
        (&[&own, "URI=a"], 400),
        (&["no pair", &own], 400),
    ] {
        let request = Request::get(format!("http://{}/protected", bound.world.address))
            .header("authorization", format!("Bearer {token}"));
        let request = lines.iter().fold(request, |request, line| {
            request.header("x-forwarded-client-cert", *line)
        });
        let got = bound.world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(got.status, status, "{lines:?}: {got:?}");
    }
}
