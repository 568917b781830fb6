//! Which routes and issuers require bound tokens.

use axum::body::Body;
use http::Request;
use obo_gateway::{Config, Gateway};
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof, TokenBuilder};

use crate::bound::{ACCEPT, BASE, Bound, get, schemes, serve};

/// MT-03
#[tokio::test]
async fn dpop_off_refuses_and_offers_nothing() {
    for binding in [
        "dpop = \"off\"",
        "certificate = { header = \"client-cert\", from = [\"::1\"] }",
    ] {
        let bound = Bound::start(binding).await;
        let proof = [bound.proof("/protected").make()];
        for scheme in ["DPoP", "Bearer"] {
            let request = bound.request(scheme, &bound.token, "/protected", &proof);
            let got = bound.world.send(request).await;
            assert_eq!(
                (got.status, schemes(&got)),
                (401, vec!["Bearer"]),
                "{scheme}"
            );
        }
        let plain = bound.world.alice().mint();
        assert_eq!(bound.world.get(&plain, "/protected").await.status, 200);
        assert_eq!(bound.world.get(&plain, "/bound").await.status, 401);
    }
}

#[tokio::test]
async fn required_proof_refuses_plain_token() {
    let bound = Bound::start("base_url = \"https://api.example/v1\"\ndpop = \"require\"").await;
    let got = bound
        .world
        .get(&bound.world.alice().mint(), "/protected")
        .await;
    assert_eq!((got.status, schemes(&got)), (401, vec!["DPoP"]));
    let request = Request::get(format!("http://{}/protected", bound.world.address));
    let got = bound.world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((got.status, schemes(&got)), (401, vec!["DPoP"]));
    let got = bound
        .send("/protected", &[bound.proof("/protected").make()])
        .await;
    assert_eq!(got.status, 200);
}

/// DP-15
#[tokio::test]
async fn bound_route_refuses_plain_token() {
    let bound = Bound::start(ACCEPT).await;
    let plain = bound.world.alice().mint();
    let got = bound.world.get(&plain, "/bound").await;
    assert_eq!((got.status, schemes(&got)), (401, vec!["Bearer", "DPoP"]));
    assert_eq!(bound.world.get(&plain, "/protected").await.status, 200);
    let request = Request::get(format!("http://{}/bound", bound.world.address));
    let got = bound.world.send(request.body(Body::empty()).unwrap()).await;
    assert_eq!((got.status, schemes(&got)), (401, vec!["Bearer", "DPoP"]));
    assert!(!format!("{:?}", got.headers).contains("error="));
    let got = bound.send("/bound", &[bound.proof("/bound").make()]).await;
    assert_eq!(got.status, 200);
}

/// BC-02
#[tokio::test]
async fn each_route_has_its_own_demand() {
    let routes = r#"
        [[routes]]
        path = "/part/{*rest}"
        require_bound = true
        upstream = "UPSTREAM"
        exchange = { issuer = "IDP", audience = "service-b" }

        [[routes]]
        path = "/part/open"
        upstream = "UPSTREAM"
        exchange = { issuer = "IDP", audience = "service-b" }

        [[routes]]
        path = "/bound.Stock/{*method}"
        require_bound = true
        upstream = "UPSTREAM"
        exchange = { issuer = "IDP", audience = "service-b" }
    "#;
    let certificate = "certificate = { header = \"client-cert\", from = [\"127.0.0.1\"] }";
    let bound = Bound::with(&format!("{ACCEPT}\n{certificate}"), routes).await;
    let (world, plain) = (&bound.world, bound.world.alice().mint());
    for (path, status) in [
        ("/part/7", 401),
        ("/part/open", 200),
        ("/part/open/7", 401),
        ("/part/Open", 404),
        ("/part/7?x=/part/open", 401),
        ("/orders/7", 200),
    ] {
        let got = world.get(&plain, path).await;
        assert_eq!(got.status, status, "{path}: {got:?}");
    }
    let call = world.call(&plain, "/bound.Stock/Level").await;
    assert_eq!((call.status, call.field("grpc-status")), (200, "16"));
    assert_eq!(schemes(&call), ["Bearer", "DPoP"]);
    let seen = world.upstream.seen().len();
    // Either binding is enough, but not a plain token over mutual TLS.
    let der = [0x30, 3, 2, 1, 7];
    let by_certificate = world.alice().bound_to_certificate(&der).mint();
    for (token, status) in [(&by_certificate, 200), (&plain, 401)] {
        let request = world.request_with(token, "GET", "/part/7");
        let request = request.header("client-cert", ":MAMCAQc=:");
        let got = world.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(got.status, status);
    }
    let proof = bound.proof("/part/7").make();
    assert_eq!(bound.send("/part/7", &[proof]).await.status, 200);
    let proof = bound.proof("/bound.Stock/Level").claim("htm", "POST");
    let call = bound.call("/bound.Stock/Level", &proof.make()).await;
    assert_eq!((call.status, call.field("grpc-status")), (200, ""));
    assert_eq!(world.upstream.seen().len(), seen + 3);
}

/// BC-02
#[tokio::test]
async fn each_issuer_has_its_own_demand() {
    let (strict, lax) = (TestIdp::start().await, TestIdp::start().await);
    let file = format!(
        "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"service-a\"]\n\
         issuers = [{{ issuer = \"{}\", require_bound = true }}, {{ issuer = \"{}\" }}]\n\
         [[routes]]\npath = \"/a\"\n[[routes]]\npath = \"/bound\"\nrequire_bound = true\n\
         [binding]\n{ACCEPT}",
        strict.issuer(),
        lax.issuer(),
    );
    let gateway = Gateway::start(Config::parse(&file).unwrap()).await.unwrap();
    let address = serve(gateway).await;
    let key = TestKey::generate(TestAlg::Es256);
    let token = |idp: &TestIdp| -> TokenBuilder { idp.user("alice").audience("service-a") };
    for (idp, path, plain_status) in [
        (&strict, "/a", 401),
        (&strict, "/bound", 401),
        (&lax, "/a", 200),
        (&lax, "/bound", 401),
    ] {
        let got = get(address, path, ("Bearer", &token(idp).mint()), None).await;
        assert_eq!(got.status, plain_status, "{path}: {got:?}");
        if plain_status == 401 {
            assert_eq!(schemes(&got), ["Bearer", "DPoP"]);
        }
        let bound = token(idp).bound_to(&key).mint();
        let proof = TestProof::new(&key, "GET", &format!("{BASE}{path}"));
        let proof = proof.token(&bound).make();
        let got = get(address, path, ("DPoP", &bound), Some(&proof)).await;
        assert_eq!(got.status, 200, "{path}: {got:?}");
    }
}
