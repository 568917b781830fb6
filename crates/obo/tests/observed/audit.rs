use std::convert::Infallible;

use http::{Request, Response, header};
use obo::{BearerAuthLayer, Rejection};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::running::Running;
use obo_test_support::listen;
use obo_test_support::{Log, has};

/// OB-08, OB-06, OB-03
#[tokio::test]
async fn allow_and_deny_are_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let running = Running::start().await;
    let of = |user: &str| running.idp.user(user).audience("service-a");
    let allowed = of("alice").actor("service-c").actor("service-d");
    assert_eq!(running.call(Some(&allowed.mint())).await, 200);
    assert_eq!(running.call(Some(&of("alice").mint())).await, 403);
    assert_eq!(running.call(Some(&of("bob").mint())).await, 403);
    assert_eq!(running.call(Some("opaque")).await, 401);
    assert_eq!(running.call(None).await, 401);

    // A rule refuses after the layer has admitted the request.
    let events = log.lines("obo::audit");
    let [allow, _, by_rule, _, of_bob, no_token, nothing] = events.as_slice() else {
        panic!("{events:#?}");
    };
    let who = [
        &*format!("issuer=\"{}\"", running.idp.issuer()),
        r#"client_id="test-app""#,
        r#"audience="service-a""#,
        "jti=",
    ];
    let request = [r#"method="GET""#, r#"path="/orders""#];
    has(
        allow,
        &[
            r#"decision="allow""#,
            r#"actor="service-d""#,
            r#"prior_actors="service-c""#,
        ],
    );
    has(by_rule, &[r#"decision="deny""#, r#"code="actor_refused""#]);
    has(no_token, &[r#"code="malformed_token""#, "reason="]);
    has(nothing, &[r#"code="missing_credentials""#]);
    for event in [allow, by_rule, of_bob] {
        has(event, &who);
    }
    for event in [allow, by_rule, of_bob, no_token, nothing] {
        has(event, &request);
        for secret in ["alice", "bob", "opaque", "secret"] {
            assert!(!event.contains(secret), "{event}");
        }
    }
    assert_eq!(pseudonym(allow), pseudonym(by_rule));
    assert_ne!(pseudonym(allow), pseudonym(of_bob));
}

/// OB-08
#[tokio::test]
async fn request_without_caller_is_logged() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let running = Running::start().await;
    let layer = BearerAuthLayer::new(running.server).allow_anonymous();
    let service = layer.layer(service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new(()))
    }));
    service.oneshot(Request::new(())).await.unwrap();
    let events = log.lines("obo::audit");
    assert_eq!(events.len(), 1);
    has(&events[0], &[r#"decision="allow""#, r#"code="anonymous""#]);
}

/// OB-08
#[tokio::test]
async fn innermost_layer_logs_a_rejection() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let running = Running::start().await;
    let layer = BearerAuthLayer::new(running.server);
    let inner = layer.layer(service_fn(|request: Request<()>| async move {
        let refusal = Rejection::Actor("not today").response();
        let (method, headers) = (request.method(), request.headers());
        Ok::<Response<()>, Infallible>(refusal.to_response(method, headers))
    }));
    let token = running.idp.user("alice").audience("service-a").mint();
    let request = Request::put("/orders?secret=1")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(())
        .unwrap();
    let response = layer.layer(inner).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 403);
    // Outer layers see it too.
    let held = response.extensions().get::<Rejection>();
    assert_eq!(held, Some(&Rejection::Actor("not today")));

    let events = log.lines("obo::audit");
    assert_eq!(events.len(), 1, "{events:#?}");
    has(
        &events[0],
        &[
            r#"decision="deny""#,
            r#"code="actor_refused""#,
            "not today",
            r#"method="PUT""#,
            r#"path="/orders""#,
            r#"client_id="test-app""#,
        ],
    );
    assert!(!events[0].contains("secret"), "{}", events[0]);
}

fn pseudonym(event: &str) -> &str {
    let (_, rest) = event.split_once("subject=\"").unwrap();
    let (pseudonym, _) = rest.split_once('"').unwrap();
    assert_eq!(pseudonym.len(), 16);
    pseudonym
}
