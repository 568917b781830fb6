//! The certificates to which tokens are bound, and where they are found.

use http::{HeaderMap, Request, Response};
use obo::binding::{BoundTokens, CertificateHeader, ClientCertificate, PeerAddress};
use obo::{BearerAuthLayer, ResourceServer};
use serde_json::json;

use crate::bound_tokens::{Bound, base64url};
use crate::guarded::challenges;

/// MT-01, MT-02
#[tokio::test]
async fn certificate_of_connection_must_fit() {
    let bound = Bound::start().await;
    let guarded = bound.guarded(BoundTokens::new().certificates());
    let (own, other) = (
        ClientCertificate::from_der(b"own"),
        ClientCertificate::from_der(b"other"),
    );
    let token = bound.token(json!({ "x5t#S256": base64url(own.thumbprint()) }));
    let send = async |certificate: Option<ClientCertificate>| {
        let mut request = crate::guarded::with_line(format!("Bearer {token}"));
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        guarded.send(request).await
    };
    assert_eq!(send(Some(own)).await.status(), 200);
    for wrong in [Some(other), None] {
        let response = send(wrong).await;
        assert_eq!(response.status(), 401, "{wrong:?}");
        assert_eq!(challenges(&response), [r#"Bearer error="invalid_token""#]);
    }
    // A plain token that came over mutual TLS stays a plain one.
    let mut plain = crate::guarded::with_line(format!("Bearer {}", bound.plain()));
    plain.extensions_mut().insert(own);
    assert_eq!(guarded.send(plain).await.status(), 200);
    assert!(!guarded.last().unwrap().binding().is_bound());
}

/// MT-04, MT-05
#[tokio::test]
async fn header_counts_from_listed_proxies() {
    let bound = Bound::start().await;
    let der = [0x30, 0x03, 0x02, 0x01, 0x05];
    let certificate = ClientCertificate::from_der(&der);
    let token = bound.token(json!({ "x5t#S256": base64url(certificate.thumbprint()) }));
    let header = CertificateHeader::ClientCert;
    let tokens = BoundTokens::new().certificate_header(header, ["10.1.0.0/16", "::1"]);
    let guarded = bound.guarded(tokens);
    let value = format!(
        ":{}:",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der)
    );
    let send = async |from: Option<&str>, lines: &[&str]| {
        let mut request = crate::guarded::with_line(format!("Bearer {token}"));
        for line in lines {
            request
                .headers_mut()
                .append("client-cert", line.parse().unwrap());
        }
        if let Some(from) = from {
            request
                .extensions_mut()
                .insert(PeerAddress(from.parse().unwrap()));
        }
        guarded.send(request).await.status().as_u16()
    };
    for from in ["10.1.2.3", "::1", "::ffff:10.1.2.3"] {
        assert_eq!(send(Some(from), &[&value]).await, 200, "{from}");
    }
    for from in [Some("10.2.0.1"), Some("::2"), None] {
        assert_eq!(send(from, &[&value]).await, 401, "{from:?}");
    }
    assert_eq!(send(Some("::1"), &[]).await, 401);
    assert_eq!(send(Some("::1"), &[&value, &value]).await, 400);
    assert_eq!(send(Some("::1"), &["%3A"]).await, 400);
}

/// MT-04
#[test]
fn networks_of_proxies_are_checked() {
    let header = CertificateHeader::ClientCert;
    let build = |tokens: BoundTokens| {
        let server = ResourceServer::builder("service-a").trust("https://idp.example");
        server.bound_tokens(tokens).build()
    };
    for (wrong, problem) in [
        (vec!["10.1.0.0/33"], "is no network"),
        (vec!["::ffff:10.0.0.0/129"], "is no network"),
        (vec![""], "is no network"),
        (vec![], "is empty"),
        (vec!["0.0.0.0/0"], "every address (0.0.0.0/0)"),
        (vec!["10.1.2.3/0"], "every address (0.0.0.0/0)"),
        (vec!["::1", "::/0"], "every address (::/0)"),
        (vec!["::ffff:0:0/96"], "every address (0.0.0.0/0)"),
        (
            vec!["128.0.0.0/1", "0.0.0.0/1"],
            "every address (0.0.0.0/0)",
        ),
    ] {
        let tokens = BoundTokens::new().certificate_header(header, &wrong);
        let error = build(tokens).unwrap_err();
        assert_eq!(error.field(), "bound_tokens.from");
        assert!(error.problem().contains(problem), "{wrong:?}: {error}");
    }
    build(BoundTokens::new().danger_certificate_header_from_anywhere(header)).unwrap();
}

/// MT-04
#[tokio::test]
async fn mapped_addresses_are_those_of_ipv4() {
    let bound = Bound::start().await;
    let der = [0x30, 0x03, 0x02, 0x01, 0x05];
    let own = ClientCertificate::from_der(&der);
    let token = bound.token(json!({ "x5t#S256": base64url(own.thumbprint()) }));
    let header = CertificateHeader::ClientCert;
    let send = async |tokens: BoundTokens, peer: Option<&str>| {
        let mut request = crate::guarded::with_line(format!("Bearer {token}"));
        let line = ":MAMCAQU=:".parse().unwrap();
        request.headers_mut().insert("client-cert", line);
        let peer = peer.map(|peer| PeerAddress(peer.parse().unwrap()));
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        bound.guarded(tokens).send(request).await.status().as_u16()
    };
    for network in ["10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:a00:0/104"] {
        let from = |peer| {
            let tokens = BoundTokens::new().certificate_header(header, [network]);
            send(tokens, Some(peer))
        };
        for peer in ["10.1.2.3", "::ffff:10.1.2.3"] {
            assert_eq!(from(peer).await, 200, "{peer} in {network}");
        }
        for peer in [
            "11.1.2.3",
            "::ffff:11.1.2.3",
            "::10.1.2.3",
            "64:ff9b::a01:203",
        ] {
            assert_eq!(from(peer).await, 401, "{peer} in {network}");
        }
    }
    let single = BoundTokens::new().certificate_header(header, ["::ffff:10.1.2.3"]);
    assert_eq!(send(single.clone(), Some("10.1.2.3")).await, 200);
    assert_eq!(send(single, Some("10.1.2.4")).await, 401);
    let anywhere = BoundTokens::new().danger_certificate_header_from_anywhere(header);
    for peer in [Some("10.1.2.3"), Some("2001:db8::1"), None] {
        assert_eq!(send(anywhere.clone(), peer).await, 200, "{peer:?}");
    }
}

/// MT-04
#[tokio::test]
async fn spoofed_header_goes_no_further() {
    let bound = Bound::start().await;
    let tokens = BoundTokens::new().certificate_header(CertificateHeader::ClientCert, ["::1"]);
    let server = bound.server(tokens);
    let seen = |from: &'static str| {
        let layer = BearerAuthLayer::new(server.clone()).allow_anonymous();
        async move {
            let inner = tower::service_fn(|request: Request<()>| async move {
                let headers: &HeaderMap = request.headers();
                let has = headers.contains_key("client-cert").to_string();
                Ok::<_, std::convert::Infallible>(Response::new(has))
            });
            let mut request = Request::get("/")
                .header("client-cert", ":MAMCAQU=:")
                .body(())
                .unwrap();
            request
                .extensions_mut()
                .insert(PeerAddress(from.parse().unwrap()));
            let service = tower::ServiceBuilder::new().layer(layer).service(inner);
            tower::ServiceExt::oneshot(service, request)
                .await
                .unwrap()
                .into_body()
        }
    };
    assert_eq!(seen("::1").await, "true");
    assert_eq!(seen("::2").await, "false");
}
