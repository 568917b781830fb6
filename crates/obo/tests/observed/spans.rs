use obo::Audience;
use tracing::Instrument as _;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::running::Running;
use crate::stub::{Stub, audience};
use obo_test_support::listen;
use obo_test_support::{Log, has};

/// OB-04
#[tokio::test]
async fn server_requests_are_client_spans() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let running = Running::start().await;
    let token = running.idp.user("alice").audience("service-a").mint();
    let caller = running.server.validate(&token).await.unwrap();
    let to = |audience: &str| Audience::new(audience).unwrap();
    running
        .exchange
        .token(&caller, to("service-b"))
        .await
        .unwrap();
    running
        .exchange
        .token(&caller, to("service-z"))
        .await
        .unwrap_err();
    running.idp.stop();
    running
        .exchange
        .token(&caller, to("service-c"))
        .await
        .unwrap_err();

    let all = log.lines("http_client");
    // The requests of exchanges are inside their spans.
    let spans: Vec<_> = all
        .iter()
        .map(|line| line[line.find("http_client").unwrap()..].to_owned())
        .filter(|line| line.contains("close"))
        .collect();
    assert!(spans.len() >= 3, "{all:#?}");
    for span in &spans {
        has(
            span,
            &[
                r#"otel.kind="client""#,
                r#"server.address="127.0.0.1""#,
                "server.port=",
                r#"url.full="http://127.0.0.1:"#,
            ],
        );
        for secret in [&*token, "s3cret", "alice"] {
            assert!(!span.contains(secret), "{span}");
        }
    }
    let of = |path: &str| -> Vec<&String> {
        let path = format!("url.path=\"{path}\"");
        spans.iter().filter(|span| span.contains(&path)).collect()
    };
    let keys = of("/jwks");
    has(
        keys[0],
        &[
            r#"http.request.method="GET""#,
            "http.response.status_code=200",
        ],
    );
    assert!(!keys[0].contains("error.type"));
    let exchanges = of("/token");
    has(
        exchanges[0],
        &[r#"otel.name="POST""#, "http.response.status_code=200"],
    );
    let refused = ["http.response.status_code=400", r#"error.type="400""#];
    has(exchanges[1], &refused);
    let down = [r#"error.type="no_response""#, r#"otel.status_code="ERROR""#];
    has(exchanges[2], &down);
}

/// OB-04
#[tokio::test]
async fn key_fetch_runs_in_callers_span() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let running = Running::start().await;
    let token = running.idp.user("alice").audience("service-a").mint();
    let span = tracing::info_span!("incoming_call");
    let validated = running.server.validate(&token).instrument(span);
    validated.await.unwrap();
    for part in ["/.well-known/", "url.path=\"/jwks\"", "key set fetched"] {
        let lines = log.lines(part);
        assert!(!lines.is_empty(), "{part}");
        for line in &lines {
            assert!(line.contains("incoming_call"), "{line}");
        }
    }
}

/// OB-04
#[tokio::test]
async fn introspection_runs_in_callers_span() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let idp = obo_testkit::TestIdp::start().await;
    idp.client("service-a").secret("s3cret");
    let client = obo::Client::new("service-a", obo::ClientSecretBasic::new("s3cret"));
    let trust = obo::Trust::new(idp.issuer()).introspect(obo::Introspection::new(client));
    let server = obo::ResourceServer::builder("service-a").trust(trust);
    let server = server.build().unwrap();
    let token = idp.user("alice").audience("service-a").mint_opaque();
    let span = tracing::info_span!("incoming_call");
    server.validate(&token).instrument(span).await.unwrap();
    for part in [
        "/.well-known/",
        "url.path=\"/introspect\"",
        "token introspected",
    ] {
        let lines = log.lines(part);
        assert!(!lines.is_empty(), "{part}");
        for line in &lines {
            assert!(line.contains("incoming_call"), "{line}");
        }
    }
}

/// OB-04
#[tokio::test]
async fn exchange_runs_in_span_of_call() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let stub = Stub::start().await;
    let alice = stub.caller("alice").await;
    let exchange_for = async |target: &str| {
        let call = tracing::info_span!("call_of_the_test");
        let exchange = stub.exchange.token(&alice, audience(target));
        exchange.instrument(call).await
    };
    exchange_for("service-b").await.unwrap();
    exchange_for("service-b").await.unwrap();
    stub.respond((400, r#"{"error":"invalid_target"}"#));
    exchange_for("service-z").await.unwrap_err();

    let closed = |name: &str| -> Vec<String> {
        let lines = log.lines(name).into_iter();
        lines.filter(|line| line.contains(": close ")).collect()
    };
    let exchanges: Vec<_> = closed("token_exchange")
        .into_iter()
        .filter(|line| !line.contains("http_client"))
        .collect();
    let [exchanged, denied] = exchanges.as_slice() else {
        panic!("one for each exchange, none for a cached token: {exchanges:#?}");
    };
    let common = [r#"otel.name="token exchange""#, r#"otel.kind="internal""#];
    for (line, target) in [(exchanged, "service-b"), (denied, "service-z")] {
        has(line, &common);
        has(line, &[&format!("target_audience=\"{target}\"")]);
        has(line, &["call_of_the_test:token_exchange{"]);
        for secret in ["t0ken-of-the-stub", "s3cret", "alice"] {
            assert!(!line.contains(secret), "{line}");
        }
    }
    assert!(!exchanged.contains("error.type"), "{exchanged}");
    has(
        denied,
        &[
            r#"error.type="target_denied""#,
            r#"otel.status_code="ERROR""#,
        ],
    );
    let requests = closed("http_client");
    let inside = requests
        .iter()
        .filter(|line| line.contains("token_exchange{"));
    assert_eq!(inside.count(), 2, "{requests:#?}");
}
