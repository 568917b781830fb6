//! What the file says about bound tokens.

use axum::body::Body;
use base64::Engine as _;
use http::{Request, header};
use obo_gateway::{Config, Gateway};
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof};

use crate::bound::{ACCEPT, BASE, serve};
use crate::world::World;

#[tokio::test]
async fn own_tls_is_a_mistake() {
    let file = "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"a\"]\n\
                issuers = [{ issuer = \"https://idp.example\" }]\n[[routes]]\npath = \"/a\"\n[binding]\n";
    let error = Config::parse(&format!("{file}certificate = \"connection\"")).unwrap_err();
    assert_eq!(error.field(), "binding.certificate");
    let config = Config::parse(&format!("{file}dpop = \"accept\"")).unwrap();
    let error = Gateway::start(config).await.map(drop).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("binding.base_url: is missing"),
        "{error}"
    );
}

/// DP-12
#[tokio::test]
async fn reload_keeps_used_proofs() {
    let idp = TestIdp::start().await;
    let config = |audiences: &str| {
        let file = format!(
            "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"service-a\"{audiences}]\n\
             issuers = [{{ issuer = \"{}\" }}]\n[[routes]]\npath = \"/a\"\n[binding]\n{ACCEPT}",
            idp.issuer()
        );
        Config::parse(&file).unwrap()
    };
    let gateway = Gateway::start(config("")).await.unwrap();
    let address = serve(gateway.clone()).await;
    let key = TestKey::generate(TestAlg::Es256);
    let token = idp
        .user("alice")
        .audience("service-a")
        .bound_to(&key)
        .mint();
    let proof = TestProof::new(&key, "GET", &format!("{BASE}/a"))
        .token(&token)
        .make();
    let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
    let client = client.build_http::<Body>();
    let status = || {
        let request = Request::get(format!("http://{address}/a"))
            .header(header::AUTHORIZATION, format!("DPoP {token}"))
            .header("dpop", &proof)
            .body(Body::empty());
        let response = client.request(request.unwrap());
        async { response.await.unwrap().status().as_u16() }
    };
    assert_eq!(status().await, 200);
    gateway.reload(config(", \"service-b\"")).await.unwrap();
    assert_eq!(status().await, 401);
}

/// DP-18, DP-24
#[tokio::test]
async fn route_proves_its_own_key() {
    let path = std::env::temp_dir().join(format!("obo-bconf-gateway-{}.pem", std::process::id()));
    let own = TestKey::generate(TestAlg::Es256);
    std::fs::write(&path, own.private_pem()).unwrap();
    let idp = TestIdp::start().await;
    let client = idp.client("service-a").secret("s3cret");
    client.may_exchange_to("service-b");
    let (upstream, url) = crate::upstream::Upstream::start().await;
    let config = |client: &str| {
        let issuer = idp.issuer();
        let exchange = format!("issuer = \"{issuer}\", audience = \"service-b\"");
        let file = format!(
            "listen = \"127.0.0.1:0\"\n[resource_server]\naudiences = [\"service-a\"]\n\
             issuers = [{{ issuer = \"{issuer}\" }}]\n[binding]\n{ACCEPT}\n\
             [client]\nid = \"service-a\"\nclient_secret_basic = \"s3cret\"\n{client}\n\
             [[routes]]\npath = \"/orders/{{*rest}}\"\nupstream = \"{url}/base\"\n\
             exchange = {{ {exchange}, bind = \"dpop\" }}\n\
             [[routes]]\npath = \"/plain\"\nupstream = \"{url}\"\nexchange = {{ {exchange} }}"
        );
        Config::parse(&file).unwrap()
    };
    let error = Gateway::start(config("")).await.map(drop).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("routes[0].exchange.bind: needs a key"),
        "{error}"
    );
    let key = format!(
        "dpop_key = {{ key = \"{}\", alg = \"ES256\" }}",
        path.display()
    );
    let gateway = Gateway::start(config(&key)).await.unwrap();
    std::fs::remove_file(path).unwrap();
    let address = serve(gateway).await;

    let key = TestKey::generate(TestAlg::Es256);
    let token = idp
        .user("alice")
        .audience("service-a")
        .bound_to(&key)
        .mint();
    let http = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new());
    let http = http.build_http::<Body>();
    let send = async |path: &str| {
        let proof = TestProof::new(&key, "GET", &format!("{BASE}{path}"))
            .token(&token)
            .make();
        let request = Request::get(format!("http://{address}{path}"))
            .header(header::AUTHORIZATION, format!("DPoP {token}"))
            .header("dpop", &proof)
            .body(Body::empty());
        (http.request(request.unwrap()).await.unwrap(), proof)
    };
    let mut proofs = Vec::new();
    for _ in 0..2 {
        let (response, sent) = send("/orders/7").await;
        assert_eq!(response.status(), 200);
        let seen = upstream.seen().pop().unwrap();
        assert!(
            seen.headers["authorization"]
                .to_str()
                .unwrap()
                .starts_with("DPoP ")
        );
        let lines: Vec<_> = seen.headers.get_all("dpop").iter().collect();
        assert_eq!(lines.len(), 1);
        let proof = lines[0].to_str().unwrap().to_owned();
        assert_ne!(proof, sent);
        let payload = proof.split('.').nth(1).unwrap();
        let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD
            .decode(payload)
            .unwrap();
        let payload: serde_json::Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(payload["htu"], format!("{url}/base/7"));
        proofs.push(proof);
    }
    // Each request has its own proof; the token is cached.
    assert_ne!(proofs[0], proofs[1]);
    assert_eq!(idp.token_requests(), 1);
    let (response, _) = send("/plain").await;
    assert_eq!(response.status(), 200);
    let seen = upstream.seen().pop().unwrap();
    assert!(
        seen.headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Bearer ")
    );
    assert!(!seen.headers.contains_key("dpop"));
}

/// PR-03
#[tokio::test]
async fn metadata_shows_what_is_required() {
    let certificate = "certificate = { header = \"client-cert\", from = [\"127.0.0.1\"] }";
    let (keys, certificates, required) = (
        "dpop_signing_alg_values_supported",
        "tls_client_certificate_bound_access_tokens",
        "dpop_bound_access_tokens_required",
    );
    for (issuer, binding, shown) in [
        ("", "dpop = \"off\"", vec![]),
        ("", ACCEPT, vec![keys]),
        ("", certificate, vec![certificates]),
        (", require_bound = true", ACCEPT, vec![keys, required]),
        (
            ", require_bound = true",
            &format!("{ACCEPT}\n{certificate}"),
            vec![keys, certificates],
        ),
        (
            "",
            &ACCEPT.replace("accept", "require"),
            vec![keys, required],
        ),
    ] {
        let more = format!(
            "[binding]\n{binding}\n[protected_resource]\nresource = \"https://api.example\""
        );
        let issuers = format!("{{ issuer = \"IDP\" {issuer} }}");
        let world = World::with(&issuers, &more).await;
        let path = "/.well-known/oauth-protected-resource";
        let request = Request::get(format!("http://{}{path}", world.address));
        let got = world.send(request.body(Body::empty()).unwrap()).await;
        let document = got.json();
        for name in [keys, certificates, required] {
            let is_shown = document.get(name).is_some();
            assert_eq!(is_shown, shown.contains(&name), "{binding}: {document}");
        }
        if shown.contains(&keys) {
            let algs = document[keys].as_array().unwrap();
            assert!(algs.contains(&"ES256".into()) && !algs.contains(&"none".into()));
        }
    }
}
