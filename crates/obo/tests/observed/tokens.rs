//! Records of obtained tokens, and how they are joined with the records of requests.

use obo::audit::{AuditSubjects, PseudonymKey};
use obo::{BearerAuthLayer, Caller, Issuer, ResourceServer};
use obo_test_support::{Log, has, soon};
use obo_testkit::TestIdp;
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::Instrument as _;

use crate::running::Running;
use crate::stub::{Stub, audience};

const OBTAINED: &str = "token obtained";

fn key() -> PseudonymKey {
    PseudonymKey::new([7; 32])
}

/// The value of a field in a line of the log.
fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    Some(rest.split_once('"').unwrap().0)
}

async fn server(idp: &TestIdp, name: &str, subjects: AuditSubjects) -> ResourceServer {
    let issuer = Issuer::new(idp.issuer()).unwrap();
    let server = ResourceServer::builder(audience(name)).trust(issuer);
    server.audit_subjects(subjects).build().unwrap()
}

/// Sends a request with a token to `server`, which admits it.
async fn request(server: &ResourceServer, token: &str) {
    let service = BearerAuthLayer::new(server.clone());
    let service = service.layer(service_fn(|_: http::Request<()>| async {
        Ok::<_, std::convert::Infallible>(http::Response::new(()))
    }));
    let request = http::Request::get("/").header("authorization", format!("Bearer {token}"));
    let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
}

/// OB-08, OB-06
#[tokio::test]
async fn sources_are_recorded_per_call() {
    let (log, _guard) = Log::capture();
    let running = Running::start().await;
    let token = running.idp.user("alice").audience("service-a");
    let token = token.actor("service-c").mint();
    let caller = running.server.validate(&token).await.unwrap();
    let call = |name: &'static str| {
        let call = running.exchange.token(&caller, audience("service-b"));
        call.instrument(tracing::info_span!("call_of", name))
    };
    let (one, other) = tokio::join!(call("one"), call("other"));
    let issued = one.unwrap();
    other.unwrap();
    call("three").await.unwrap();

    let records = log.lines(OBTAINED);
    let [exchanged, shared, cached] = &*records else {
        panic!("{records:#?}");
    };
    for (record, level, source, name) in [
        (exchanged, "INFO", "exchange", "one"),
        (shared, "DEBUG", "shared", "other"),
        (cached, "DEBUG", "cache", "three"),
    ] {
        let span = format!("call_of{{name=\"{name}\"}}");
        has(record, &[level, "obo::audit", r#"record="token""#, &span]);
        let jti = caller.token_id();
        assert_eq!(field(record, "source"), Some(source));
        assert_eq!(field(record, "target_audience"), Some("service-b"));
        assert_eq!(field(record, "issuer"), Some(running.idp.issuer()));
        assert_eq!(field(record, "actor"), Some("service-c"));
        assert_eq!(field(record, "client_id"), Some("service-a"));
        assert_eq!(field(record, "caller_jti"), jti);
        assert_eq!(field(record, "caller_digest"), None);
        assert_eq!(
            field(record, "issued_jti"),
            issued.token().token_id().as_deref()
        );
        assert_eq!(record.contains("seconds="), source != "cache");
        for secret in ["alice", &token, issued.token().expose()] {
            assert!(!record.contains(secret), "{record}");
        }
    }
}

/// OB-06
#[tokio::test]
async fn records_of_two_services_are_joined() {
    let (log, _guard) = Log::capture();
    let running = Running::start().await;
    let a = server(&running.idp, "service-a", AuditSubjects::keyed(key())).await;
    let b = server(&running.idp, "service-b", AuditSubjects::keyed(key())).await;
    let token = running.idp.user("alice").audience("service-a").mint();
    request(&a, &token).await;
    let caller = a.validate(&token).await.unwrap();
    let issued = running.exchange.token(&caller, audience("service-b"));
    request(&b, issued.await.unwrap().token().expose()).await;

    let requests = log.lines(r#"record="request""#);
    let obtained = &log.lines(OBTAINED)[0];
    assert_eq!(field(&requests[0], "jti"), field(obtained, "caller_jti"));
    assert_eq!(field(&requests[1], "jti"), field(obtained, "issued_jti"));
    assert!(field(obtained, "issued_jti").is_some());
    let subject = field(obtained, "subject").unwrap();
    assert_eq!(subject, key().of(&caller));
    for request in &requests {
        assert_eq!(field(request, "subject"), Some(subject));
    }
}

/// OB-06
#[tokio::test]
async fn tokens_without_jti_have_a_digest() {
    let (log, _guard) = Log::capture();
    let stub = Stub::start().await;
    let token = "0paque-t0ken-of-the-user".to_owned();
    let caller: Caller = stub.caller("alice").await;
    let subjects = AuditSubjects::keyed(key());
    let exchange = stub.builder().audit_subjects(subjects).build().unwrap();
    exchange.token(&caller, audience("b")).await.unwrap();
    let issued = field(&log.lines(OBTAINED)[0], "issued_digest").map(str::to_owned);
    // The service that is called has the same key, and records the digest of the same token.
    assert_eq!(issued, Some(key().of_token("t0ken-of-the-stub")));
    assert_eq!(field(&log.lines(OBTAINED)[0], "issued_jti"), None);

    let idp = TestIdp::start().await;
    idp.client("service-a").secret("s3cret");
    let client = obo::Client::new("service-a", obo::ClientSecretBasic::new("s3cret"));
    let introspection = obo::Introspection::new(client);
    let trust = obo::Trust::new(idp.issuer()).profile(obo::Profile::LENIENT);
    let trust = trust.introspect(introspection);
    let server = ResourceServer::builder("service-a").trust(trust);
    let server = server.audit_subjects(AuditSubjects::keyed(key()));
    let opaque = idp
        .user("alice")
        .audience("service-a")
        .without("jti")
        .mint_opaque();
    let server = server.build().unwrap();
    // The `jti` of an opaque token comes from its introspection.
    let with_jti = idp.user("alice").audience("service-a").mint_opaque();
    request(&server, &with_jti).await;
    let record = log.lines(r#"record="request""#).pop().unwrap();
    assert!(field(&record, "jti").is_some(), "{record}");
    let digest = key().of_token(&with_jti);
    assert_eq!(field(&record, "token_digest"), Some(&*digest));
    request(&server, &opaque).await;
    let record = log.lines(r#"record="request""#).pop().unwrap();
    assert_eq!(field(&record, "jti"), None);
    assert_eq!(
        field(&record, "token_digest"),
        Some(&*key().of_token(&opaque))
    );
    assert!(!log.text().contains(&opaque) && !log.text().contains(&token));
}

/// OB-03
#[tokio::test]
async fn plain_subjects_only_on_request() {
    let (log, _guard) = Log::capture();
    let running = Running::start().await;
    let plain = AuditSubjects::default().plain();
    let server = server(&running.idp, "service-a", plain).await;
    let token = running.idp.user("alice").audience("service-a").mint();
    request(&server, &token).await;
    let caller = server.validate(&token).await.unwrap();
    // The exchange follows the server that validated the caller's token.
    let exchange = running.exchange.token(&caller, audience("service-b"));
    exchange.await.unwrap();
    for record in [r#"record="request""#, OBTAINED] {
        assert_eq!(field(&log.lines(record)[0], "subject"), Some("alice"));
    }
}

/// OB-08
#[tokio::test]
async fn own_tokens_have_no_caller() {
    let (log, _guard) = Log::capture();
    let stub = Stub::start().await;
    stub.exchange.app_only_token(audience("b")).await.unwrap();
    let record = &log.lines(OBTAINED)[0];
    has(
        record,
        &["INFO", r#"source="exchange""#, r#"client_id="service-a""#],
    );
    for absent in ["subject", "issuer", "caller_jti", "caller_digest", "actor"] {
        assert_eq!(field(record, absent), None, "{record}");
    }
}

/// OB-08
#[tokio::test]
async fn renewed_token_is_recorded() {
    let (log, _guard) = Log::capture();
    let stub = Stub::start().await;
    let caller = stub.caller("alice").await;
    tokio::time::pause();
    stub.exchange.token(&caller, audience("b")).await.unwrap();
    // In the last quarter of its time, 240 s, it is renewed in the background.
    tokio::time::advance(std::time::Duration::from_secs(230)).await;
    stub.exchange.token(&caller, audience("b")).await.unwrap();
    soon("a renewal", async {
        while log.lines("token exchanged").len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let sources = [
        r#"source="exchange""#,
        r#"source="cache""#,
        r#"source="exchange""#,
    ];
    let records = log.lines(OBTAINED);
    assert_eq!(records.len(), 3, "{records:#?}");
    for (record, source) in records.iter().zip(sources) {
        has(record, &[source]);
    }
}
