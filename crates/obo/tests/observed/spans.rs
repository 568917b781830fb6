use obo::Audience;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::log::{Log, has};
use crate::running::Running;

#[tokio::test]
async fn ob_04_requests_to_the_authorization_server_are_client_spans() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
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

    let spans = log.lines("http_client");
    for span in &spans {
        has(
            span,
            &[r#"otel.kind="client""#, r#"server.address="127.0.0.1""#],
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
    let down = [r#"error.type="no_answer""#, r#"otel.status_code="ERROR""#];
    has(exchanges[2], &down);
}
