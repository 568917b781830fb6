//! What a refused token had, at DEBUG.

use http::{Request, Response, header};
use obo::{BearerAuthLayer, Issuer, ResourceServer, Trust};
use obo_test_support::{Log, has, listen};
use obo_testkit::{TestIdp, TokenBuilder};
use tower::{Layer as _, ServiceExt as _, service_fn};
use tracing::Instrument as _;

const REFUSED: &str = "token refused";

#[derive(serde::Deserialize)]
struct Tenant {
    #[expect(dead_code, reason = "only its type matters")]
    tenant: String,
}

struct Guarded(TestIdp, ResourceServer);

impl Guarded {
    async fn start() -> Self {
        let idp = TestIdp::start().await;
        let trust = Trust::new(Issuer::new(idp.issuer()).unwrap());
        let server = ResourceServer::builder("service-a");
        let server = server.trust(trust.claims::<Tenant>()).build().unwrap();
        Self(idp, server)
    }

    fn token(&self) -> TokenBuilder {
        let token = self.0.user("alice").audience("service-a");
        token.claim("tenant", "corp")
    }

    /// The line about a refused token, of a request in a span of its own.
    async fn line(&self, log: &Log, token: &str) -> String {
        let layer = BearerAuthLayer::new(self.1.clone());
        let service = layer.layer(service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::new(()))
        }));
        let request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
        let call = service.oneshot(request.body(()).unwrap());
        let response = call.instrument(tracing::info_span!("incoming")).await;
        assert!(response.unwrap().status().is_client_error());
        let lines = log.take_lines(REFUSED);
        assert_eq!(lines.len(), 1, "{lines:#?}");
        let line = lines[0].clone();
        has(&line, &["DEBUG", "incoming", "code=", "expected_issuer="]);
        for part in token.split('.').filter(|part| part.len() > 8) {
            assert!(!line.contains(part) && !line.contains("alice"), "{line}");
        }
        line
    }
}

/// OB-01, BT-19
#[tokio::test]
async fn claimed_and_expected_are_shown() {
    let (log, _guard) = Log::capture();
    let guarded = Guarded::start().await;
    let token = guarded.0.user("alice").audience("service-x");
    let token = token.audience("service-y").mint();
    let line = guarded.line(&log, &token).await;
    let issuer = guarded.0.issuer();
    has(
        &line,
        &[
            r#"code="wrong_audience""#,
            &format!(" issuer=\"{issuer}\""),
            &format!("expected_issuer=\"{issuer}\""),
            r#" audience="service-x service-y""#,
            r#"expected_audience="service-a""#,
        ],
    );
}

#[tokio::test]
async fn header_client_and_actor_are_shown() {
    let (log, _guard) = Log::capture();
    let guarded = Guarded::start().await;
    let token = guarded.token().actor("service-c").client_id("the-app");
    let line = guarded.line(&log, &token.kid(Some("key-9")).mint()).await;
    let fields = [
        r#"code="unknown_key""#,
        r#"kid="key-9""#,
        r#" typ="at+jwt""#,
        r#"expected_typ="at+jwt""#,
        r#" alg="#,
        r#"expected_alg="RS256"#,
        r#"client_id="the-app""#,
        r#"actor="service-c""#,
    ];
    has(&line, &fields);
}

#[tokio::test]
async fn slash_in_issuer_is_seen() {
    let (log, _guard) = Log::capture();
    let guarded = Guarded::start().await;
    let issuer = guarded.0.issuer().to_owned();
    let token = guarded.token().issuer(&format!("{issuer}/")).mint();
    let line = guarded.line(&log, &token).await;
    let claimed = format!(" issuer=\"{issuer}/\"");
    let expected = format!("expected_issuer=\"{issuer}\"");
    has(&line, &[r#"code="unknown_issuer""#, &claimed, &expected]);
}

#[tokio::test]
async fn time_off_is_in_seconds() {
    let (log, _guard) = Log::capture();
    let guarded = Guarded::start().await;
    let late = guarded.token().expires_in(-90).mint();
    let line = guarded.line(&log, &late).await;
    has(&line, &[r#"code="expired""#, "seconds_off=9", "leeway=60"]);
    let early = guarded.token().not_before(500).mint();
    let line = guarded.line(&log, &early).await;
    assert!(
        line.contains("seconds_off=500") || line.contains("seconds_off=499"),
        "{line}"
    );
}

#[tokio::test]
async fn missing_claims_are_named() {
    let (log, _guard) = Log::capture();
    let guarded = Guarded::start().await;
    let missing = guarded.token().without("client_id").mint();
    let line = guarded.line(&log, &missing).await;
    has(&line, &[r#"claim="client_id""#, r#"claim_type="missing""#]);
    let invalid = guarded.token().claim("scope", 7).mint();
    let line = guarded.line(&log, &invalid).await;
    has(&line, &[r#"claim="scope""#, r#"claim_type="number""#]);
    // The custom claims of the service.
    let missing = guarded.token().without("tenant").mint();
    let line = guarded.line(&log, &missing).await;
    has(
        &line,
        &[r#"code="custom_claims""#, "claim `tenant` is missing"],
    );
    let number = guarded.token().claim("tenant", 7).mint();
    let line = guarded.line(&log, &number).await;
    has(
        &line,
        &["claim `tenant` does not fit its field: it is a number"],
    );
}

/// OB-01
#[tokio::test]
async fn values_are_cut_and_cleaned() {
    let (log, _guard) = Log::capture();
    let guarded = Guarded::start().await;
    let long = "https://evil.example/".to_owned() + &"x".repeat(1000);
    let token = guarded.token().issuer(&long);
    let token = token.client_id("a\r\n\u{1b}[31mb").mint();
    let line = guarded.line(&log, &token).await;
    has(&line, &[&long[..128], r#"client_id="a[31mb""#]);
    assert!(!line.contains(&long[..129]), "{line}");
    let opaque = guarded.line(&log, "0paque-t0ken-of-alice-1").await;
    has(&opaque, &[r#"form="opaque""#]);
    assert!(!opaque.contains("0paque"), "{opaque}");
}

#[tokio::test]
async fn record_names_other_scheme() {
    let (log, _guard) = Log::capture();
    let guarded = Guarded::start().await;
    let layer = BearerAuthLayer::new(guarded.1.clone());
    for (credentials, named) in [
        ("Basic YWxpY2U6czNjcmV0", "Basic"),
        ("dpop YWxpY2U6czNjcmV0", "DPoP"),
        ("Corp YWxpY2U6czNjcmV0", "an unknown scheme"),
    ] {
        let service = layer.clone().layer(service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::new(()))
        }));
        let request = Request::get("/").header(header::AUTHORIZATION, credentials);
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 401);
        let record = log.take_lines("request refused").pop().unwrap();
        has(&record, &[&format!("another scheme ({named})")]);
        assert!(
            !record.contains("YWxp") && !record.contains("Corp"),
            "{record}"
        );
    }
}

/// OB-01
#[tokio::test]
async fn nothing_is_read_below_debug() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::INFO)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let guarded = Guarded::start().await;
    let token = guarded.token().issuer("https://evil.example").mint();
    guarded.1.validate(&token).await.unwrap_err();
    assert!(log.lines(REFUSED).is_empty() && !log.text().contains("evil"));
}
