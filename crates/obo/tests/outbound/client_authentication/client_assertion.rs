//! Assertions that a platform signs: service account tokens and JWT-SVIDs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use obo::client::{ClientAssertion, ClientAuth as _};
use obo::error::ExchangeErrorKind;
use obo::token_endpoint::{ErrorClass, TokenEndpointError};
use obo::{Client, ClientSecretBasic, Secret};
use obo_testkit::{Endpoint, Fault, TestAlg, TestKey, TokenBuilder};

use super::{exchange, exchanged, file, fresh, methods, token};
use crate::setup::Setup;

const SPIFFE_ID: &str = "spiffe://corp.example/ns/shop/sa/service-a";
const ACCOUNT: &str = "system:serviceaccount:shop:service-a";

/// A platform that signs for the workload `sub`, which is the client `service-a`.
fn platform(setup: &Setup, sub: &str) -> impl Fn() -> TokenBuilder {
    let key = TestKey::generate(TestAlg::Es256);
    let client = setup.idp.client("service-a");
    client.workload(sub, key.public_jwk("p"));
    let token = setup.idp.service("x").without("client_id").typ(Some("JWT"));
    let token = token.issuer("https://platform.example").kid(Some("p"));
    let token = token.claim("sub", sub).audience(setup.idp.issuer());
    let token = token.sign_with(&key);
    move || token.clone()
}

/// CA-15
#[tokio::test]
async fn file_is_read_for_each_exchange() {
    let setup = Setup::start().await;
    let issue = platform(&setup, ACCOUNT);
    let path = file("projected-token", b"");
    for number in ["1", "2"] {
        let current = issue().claim("number", number).mint();
        fs::write(&path, format!("{current}\n")).unwrap();
        let auth = ClientAssertion::from_file(&path);
        let asked = exchanged(&setup, "service-a", auth).await;
        assert_eq!(methods(&asked), ["assertion"]);
        let of_jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert_eq!(asked.params("client_assertion_type"), [of_jwt]);
        assert_eq!(asked.params("client_assertion"), [current]);
    }
}

/// CA-15, SP-05
#[tokio::test]
async fn next_attempt_uses_renewed_token() {
    let setup = Setup::start().await;
    let issue = platform(&setup, SPIFFE_ID);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let tokens = [0, 1].map(|number| issue().claim("number", number).mint());
    let given = tokens.clone();
    let auth = ClientAssertion::from_fn(move || {
        let number = counted.fetch_add(1, Ordering::SeqCst);
        let svid = Secret::new(given[number].as_str());
        async move {
            tokio::task::yield_now().await;
            Ok(svid)
        }
    });
    let client = Client::new("service-a", auth.jwt_spiffe());
    setup.idp.fault_once(Endpoint::Token, Fault::Status(500));
    token(&setup, &client).await.unwrap();
    let sent: Vec<String> = setup
        .idp
        .requests()
        .iter()
        .filter_map(|asked| asked.param("client_assertion"))
        .map(str::to_owned)
        .collect();
    assert_eq!(sent, tokens);
}

/// SP-01
#[tokio::test]
async fn jwt_svid_has_its_own_type() {
    let setup = Setup::start().await;
    let svid = platform(&setup, SPIFFE_ID)().mint();
    let path = file("svid", svid.as_bytes());
    let auth = ClientAssertion::from_file(path).jwt_spiffe();
    let asked = exchanged(&setup, "service-a", auth).await;
    let of_spiffe = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
    assert_eq!(asked.params("client_assertion_type"), [of_spiffe]);
    assert_eq!(asked.params("client_assertion"), [svid]);
    assert_eq!(asked.param("client_id"), None);
}

/// SP-01
#[tokio::test]
async fn foreign_jwt_svid_is_not_sent() {
    let setup = Setup::start().await;
    let issue = platform(&setup, SPIFFE_ID);
    for wrong in [
        issue().audience("https://other.example"),
        issue().without("aud"),
        issue().claim("aud", setup.idp.token_endpoint()),
    ] {
        let path = file("svid-of-others", wrong.mint().as_bytes());
        let auth = ClientAssertion::from_file(path).jwt_spiffe();
        let client = Client::new("service-a", auth);
        let error = token(&setup, &client).await.unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
        assert!(
            error.to_string().contains("as its only audience"),
            "{error}"
        );
    }
    assert_eq!(setup.idp.token_requests(), 0);
}

/// CA-13
#[tokio::test]
async fn client_id_is_sent_if_set() {
    let setup = Setup::start().await;
    let path = file(
        "token-of-account",
        platform(&setup, ACCOUNT)().mint().as_bytes(),
    );
    let auth = ClientAssertion::from_file(path);
    let asked = exchanged(&setup, "service-a", auth.clone()).await;
    assert_eq!(asked.param("client_id"), None);
    let asked = exchanged(&setup, "service-a", auth.with_client_id()).await;
    assert_eq!(asked.params("client_id"), ["service-a"]);
}

/// CA-15
#[tokio::test]
async fn unusable_assertion_is_not_sent() {
    let setup = Setup::start().await;
    let issue = platform(&setup, ACCOUNT);
    let expired = issue().expires_in(-1).mint();
    let whole = issue().mint();
    for (content, problem) in [
        (None, "cannot be read"),
        (Some(String::new()), "is empty"),
        (Some("\n".to_owned()), "is empty"),
        (Some("my-s3cret-password".to_owned()), "is not a JWT"),
        (
            Some(whole[..whole.len() / 2].replace('.', "")),
            "is not a JWT",
        ),
        (Some(format!("{whole}\n{whole}")), "is not a JWT"),
        (
            Some(format!("{whole}{}", "x".repeat(16 * 1024))),
            "is longer than 16 KiB",
        ),
        (Some("x".repeat(64 * 1024 + 1)), "is longer than 64 KiB"),
        (Some(expired), "has expired"),
    ] {
        let path = file("odd-token", whole.as_bytes());
        let auth = ClientAssertion::from_file(&path);
        let exchange = exchange(&setup, &Client::new("service-a", auth));
        match &content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let error = fresh(&setup, &exchange).await.unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
        let text = error.to_string();
        assert!(
            text.contains(problem) && text.contains("odd-token"),
            "{text}"
        );
        let quoted = content.filter(|content| content.len() > 8);
        assert!(
            quoted.is_none_or(|content| !text.contains(&content[..8])),
            "{text}"
        );
    }
    assert_eq!(setup.idp.token_requests(), 0);
}

#[test]
fn missing_file_fails_at_start() {
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    for (path, problem) in [
        (folder.join("no-such-token"), "no-such-token cannot be read"),
        (folder, "cannot be read"),
        (file("empty-token", b"\n"), "empty-token is empty"),
    ] {
        let error = ClientAssertion::from_file(path).check().unwrap_err();
        assert_eq!(error.field(), "client_assertion");
        assert!(error.to_string().contains(problem), "{error}");
    }
}

/// CA-12, CA-15
#[tokio::test]
async fn failure_class_decides_the_retry() {
    let setup = Setup::start().await;
    for (class, kind, calls) in [
        (ErrorClass::Transient, ExchangeErrorKind::Transient, 3),
        (
            ErrorClass::ClientMisconfigured,
            ExchangeErrorKind::ClientMisconfigured,
            1,
        ),
    ] {
        let called = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&called);
        let auth = ClientAssertion::from_fn(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { Err(TokenEndpointError::new(class, "no identity today")) }
        });
        let client = Client::new("service-a", auth);
        let error = token(&setup, &client).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("no identity today"), "{error}");
        assert_eq!(called.load(Ordering::SeqCst), calls);
    }
    assert_eq!(setup.idp.token_requests(), 0);
}

/// CA-15
#[tokio::test]
async fn foreign_platform_token_is_not_sent() {
    let setup = Setup::start().await;
    let issue = platform(&setup, ACCOUNT);
    let of_the_cluster = "https://kubernetes.default.svc";
    for (aud, wanted, is_sent) in [
        (setup.idp.issuer(), None, true),
        (&*setup.idp.token_endpoint(), None, true),
        (of_the_cluster, None, false),
        (setup.idp.issuer(), Some("api://exchange"), false),
        ("api://exchange", Some("api://exchange"), true),
    ] {
        let path = file("token-for", issue().claim("aud", aud).mint().as_bytes());
        let auth = ClientAssertion::from_file(path);
        let auth = match wanted {
            Some(wanted) => auth.audience(wanted),
            None => auth,
        };
        let before = setup.idp.token_requests();
        let client = Client::new("service-a", auth);
        let got = token(&setup, &client).await;
        assert_eq!(setup.idp.token_requests() > before, is_sent, "{aud}");
        if !is_sent {
            let error = got.unwrap_err();
            assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
            assert!(error.to_string().contains("is not addressed to"), "{error}");
        }
    }
    let none = file(
        "token-without-audience",
        issue().without("aud").mint().as_bytes(),
    );
    let auth = ClientAssertion::from_file(none);
    let client = Client::new("service-a", auth);
    token(&setup, &client).await.unwrap_err();
}

/// CA-12
#[tokio::test]
async fn replaced_proof_reaches_all_clones() {
    let setup = Setup::start().await;
    let client = Client::new("service-a", ClientSecretBasic::new("outdated"));
    let exchange = obo::TokenExchange::builder(
        obo::AuthorizationServer::from(crate::setup::issuer(&setup.idp)),
        client.clone(),
    )
    .build()
    .unwrap();
    let caller = setup.caller("alice").await;
    let target = || crate::setup::audience("service-b");
    let error = exchange.token(&caller, target()).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
    client
        .replace_auth(ClientSecretBasic::new(crate::setup::SECRET))
        .unwrap();
    exchange.token(&caller, target()).await.unwrap();
    client
        .replace_auth(ClientSecretBasic::new("of no use"))
        .unwrap();
    let kept = exchange.token(&caller, target()).await.unwrap();
    assert_eq!(kept.source(), obo::exchange::TokenSource::Cache);
}
