//! Keys before the first request, the readiness probe, and the status of keys.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use obo::authorization_server::KeyStatus;
use obo::{Rejection, ResourceServer, Trust};
use tokio::runtime::Handle;
use tokio::time::{Instant, advance};

use crate::guarded::{Guarded, builder_a, service_a};
use crate::issuer::{FakeIssuer, JWKS, OPENID, Reply};
use obo_test_support::{Log, listen};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// A server that trusts both issuers.
fn trusting(one: &FakeIssuer, other: &FakeIssuer) -> ResourceServer {
    let builder = builder_a(one.known()).trust(other.known());
    builder.build().unwrap()
}

fn status(server: &ResourceServer) -> KeyStatus {
    let mut statuses = server.key_status();
    let status = statuses.next().unwrap();
    assert!(statuses.next().is_none());
    status
}

fn unavailable(refused: Result<(), Rejection>) -> (String, Duration) {
    match refused.unwrap_err() {
        Rejection::Unavailable {
            problem,
            retry_after,
        } => (problem, retry_after),
        other => panic!("not 503: {other}"),
    }
}

/// BT-18
#[tokio::test(start_paused = true)]
async fn ready_server_delays_no_request() {
    let (one, other) = (
        FakeIssuer::new().await,
        FakeIssuer::named("https://other.example").await,
    );
    let server = trusting(&one, &other);
    server.ready().await.unwrap();
    assert_eq!((one.fetches(), other.fetches()), (1, 1));
    let guarded = Guarded::new(obo::BearerAuthLayer::new(server.clone()));
    for idp in [&one, &other] {
        let token = idp.token().mint();
        assert_eq!(guarded.status(&token).now_or_never(), Some(200));
    }
    server.ready().await.unwrap();
    assert_eq!((one.fetches(), other.fetches()), (1, 1), "they are cached");
}

/// BT-18
#[tokio::test(start_paused = true)]
async fn unready_server_names_its_issuer() {
    let (one, other) = (
        FakeIssuer::new().await,
        FakeIssuer::named("https://other.example").await,
    );
    let server = trusting(&one, &other);
    other.reply(JWKS, Reply::Status(500));
    let (problem, retry_after) = unavailable(server.ready().await);
    assert!(problem.starts_with("https://other.example: "), "{problem}");
    assert_eq!(retry_after, Duration::from_millis(500));
    other.heal();
    unavailable(server.ready().await);
    assert_eq!(other.fetches(), 1, "within the pause");
    advance(Duration::from_millis(500)).await;
    server.ready().await.unwrap();
    assert_eq!((one.fetches(), other.fetches()), (1, 2));
}

/// BT-18
#[tokio::test(start_paused = true)]
async fn readiness_is_bounded_in_time() {
    let idp = FakeIssuer::new().await;
    for path in [OPENID, JWKS] {
        let server = service_a(idp.server());
        idp.heal();
        idp.reply(path, Reply::Hang);
        let (started, before) = (Instant::now(), idp.requests().len());
        for refused in join_all((0..50).map(|_| server.ready())).await {
            unavailable(refused);
        }
        assert_eq!(started.elapsed().as_secs(), 5, "{path}");
        let requests = idp.requests().split_off(before);
        assert_eq!(requests.iter().filter(|url| *url == path).count(), 1);
    }
}

/// JW-24
#[tokio::test(start_paused = true)]
async fn discovery_and_keys_share_deadline() {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.server());
    idp.reply(OPENID, Reply::Hang);
    let started = Instant::now();
    let slow = async {
        idp.arrived(1).await;
        advance(Duration::from_secs(3)).await;
        idp.heal();
        idp.reply(JWKS, Reply::Hang);
    };
    let (refused, ()) = tokio::join!(server.ready(), slow);
    unavailable(refused);
    assert_eq!((started.elapsed().as_secs(), idp.fetches()), (5, 1));
}

/// JW-23
#[tokio::test(start_paused = true)]
async fn stale_set_is_ready_while_usable() {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.known());
    server.ready().await.unwrap();
    idp.reply(JWKS, Reply::Status(500));
    advance(Duration::from_secs(300)).await;
    server.ready().await.unwrap();
    assert_eq!(idp.fetches(), 2, "it was tried");
    advance(Duration::from_secs(24 * 3600)).await;
    unavailable(server.ready().await);
}

/// OB-07
#[tokio::test(start_paused = true)]
async fn status_reports_age_without_fetching() {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.known());
    let nothing = status(&server);
    assert_eq!(nothing.issuer(), &idp.id());
    assert!(nothing.is_usable(), "the first token fetches them");
    assert_eq!((nothing.keys(), nothing.skipped()), (0, 0));
    assert_eq!((nothing.age(), nothing.last_error()), (None, None));

    let sound = idp.key_set();
    let odd = sound.replace(r#""keys":["#, r#""keys":[null,7,"#);
    idp.reply(JWKS, Reply::Body(odd));
    server.ready().await.unwrap();
    advance(Duration::from_secs(400)).await;
    let fetched = status(&server);
    assert!(fetched.is_usable());
    assert_eq!((fetched.keys(), fetched.skipped()), (1, 2));
    assert_eq!(fetched.age(), Some(Duration::from_secs(400)));
    assert_eq!(fetched.last_error(), None);

    idp.reply(JWKS, Reply::Status(500));
    server.ready().await.unwrap();
    let failing = status(&server);
    assert!(failing.is_usable());
    assert_eq!(failing.last_error(), Some("refused"));
    advance(Duration::from_secs(24 * 3600)).await;
    assert!(!status(&server).is_usable());
    assert_eq!(idp.fetches(), 2, "the status asks for nothing");
}

/// A server with an eager and a lazy issuer.
fn eager_and_lazy(eager: &FakeIssuer, lazy: &FakeIssuer) -> ResourceServer {
    let builder = builder_a(Trust::new(eager.known()).eager());
    builder.trust(lazy.known()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn lazy_issuer_does_not_hold_readiness() {
    let (one, lazy) = (
        FakeIssuer::new().await,
        FakeIssuer::named("https://lazy.example").await,
    );
    let server = eager_and_lazy(&one, &lazy).start().await.unwrap();
    assert!(server.is_ready());
    assert!(server.key_status().all(|status| status.is_usable()));
    assert_eq!(lazy.requests().len(), 0, "no request needs them");
    let only_lazy = service_a(lazy.known());
    assert!(only_lazy.is_ready());
    assert_eq!(lazy.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn lazy_failure_keeps_readiness() {
    let (one, lazy) = (
        FakeIssuer::new().await,
        FakeIssuer::named("https://lazy.example").await,
    );
    let server = eager_and_lazy(&one, &lazy).start().await.unwrap();
    lazy.reply(JWKS, Reply::Status(500));
    server.validate(&lazy.token().mint()).await.unwrap_err();
    let usable: Vec<_> = server.key_status().map(|of| of.is_usable()).collect();
    assert_eq!(usable, [true, false]);
    assert!(server.is_ready());
}

#[tokio::test(start_paused = true)]
async fn eager_issuer_holds_readiness() {
    let idp = FakeIssuer::new().await;
    let server = service_a(Trust::new(idp.known()).eager());
    assert!(!server.key_status().any(|status| status.is_usable()));
    idp.reply(JWKS, Reply::Status(500));
    // The probe starts the fetch, but not again during the pause after a failure.
    for _ in 0..3 {
        assert!(!server.is_ready());
        idp.arrived(1).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(idp.fetches(), 1);
    idp.heal();
    advance(Duration::from_millis(500)).await;
    assert!(!server.is_ready());
    server.ready().await.unwrap();
    assert!(server.is_ready());
    idp.reply(JWKS, Reply::Status(500));
    advance(Duration::from_secs(25 * 3600)).await;
    assert!(!status(&server).is_usable());
    assert!(server.is_ready(), "an outage fails its tokens alone");
}

/// OB-07
#[tokio::test(start_paused = true)]
async fn each_failure_has_a_code() {
    let idp = FakeIssuer::new().await;
    for (path, reply, code) in [
        (OPENID, Reply::Status(503), "discovery_failed"),
        (OPENID, Reply::Hang, "discovery_failed"),
        (JWKS, Reply::Reset, "no_response"),
        (JWKS, Reply::Hang, "no_response"),
        (JWKS, Reply::Endless, "no_response"),
        (JWKS, Reply::Status(503), "refused"),
        (JWKS, Reply::Body("[]".to_owned()), "unusable_key_set"),
    ] {
        let server = service_a(idp.server());
        idp.reply(path, reply);
        unavailable(server.ready().await);
        assert_eq!(status(&server).last_error(), Some(code));
        idp.heal();
        advance(Duration::from_millis(500)).await;
        server.ready().await.unwrap();
        assert_eq!(status(&server).last_error(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn dropped_server_leaves_no_task() {
    let idp = FakeIssuer::new().await;
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for (path, server, requests) in [(JWKS, idp.known(), 1), (OPENID, idp.server(), 2)] {
        let server = service_a(server);
        idp.reply(path, Reply::Hang);
        assert!(server.ready().now_or_never().is_none());
        drop(server);
        idp.arrived(requests).await;
        assert!(tasks() > before, "{path}");
        advance(Duration::from_secs(5)).await;
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert_eq!(tasks(), before, "{path}");
    }
    idp.heal();
    let server = service_a(idp.server());
    server.ready().await.unwrap();
    let requests = idp.requests().len();
    drop(server);
    advance(Duration::from_secs(24 * 3600)).await;
    assert_eq!((tasks(), idp.requests().len()), (before, requests));
}

/// OB-07
#[tokio::test(start_paused = true)]
async fn skipped_keys_are_logged_once() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    let token = idp.token().mint();
    let with = |odd: &str| idp.key_set().replacen('[', &format!("[{odd},"), 1);
    idp.reply(JWKS, Reply::Body(with(r#"{"kty":"RSA","use":"enc"}"#)));
    let (log, _guard) = Log::capture();
    let logged = || {
        let text = log.text();
        let lines = text
            .lines()
            .filter(|line| line.contains("keys of the set skipped"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    for renewal in 1..=3 {
        assert_eq!(guarded.status(&token).await, 200);
        idp.arrived(renewal).await;
        advance(Duration::from_secs(301)).await;
    }
    let [line] = &logged()[..] else {
        panic!("{:?}", logged());
    };
    for part in [
        "INFO",
        "https://idp.example",
        "skipped=1",
        "keys[0]",
        "`use`",
    ] {
        assert!(line.contains(part), "{line}");
    }
    idp.reply(JWKS, Reply::Body(with("null")));
    assert_eq!(guarded.status(&token).await, 200);
    let again = logged();
    assert!(
        again.len() == 2 && again[1].contains("JSON object"),
        "{again:?}"
    );
    // A set whose keys are all used logs nothing.
    idp.heal();
    advance(Duration::from_secs(301)).await;
    assert_eq!(guarded.status(&token).await, 200);
    assert_eq!(logged().len(), 2);
}

/// JW-20
#[tokio::test(start_paused = true)]
async fn byte_order_mark_is_named() {
    let idp = FakeIssuer::new().await;
    let marked = format!("\u{feff}{}", idp.key_set());
    idp.reply(JWKS, Reply::Body(marked));
    let (problem, _) = unavailable(service_a(idp.known()).ready().await);
    assert!(problem.contains("byte-order mark"), "{problem}");
}

/// JW-20
#[tokio::test(start_paused = true)]
async fn keys_are_requested_by_media_type() {
    use http::header::ACCEPT;
    let idp = FakeIssuer::new().await;
    let seen: std::sync::Arc<std::sync::Mutex<Vec<(String, String)>>> = Default::default();
    let recorded = seen.clone();
    let keys = idp.key_set();
    let http = obo::authorization_server::HttpService::new(tower::service_fn(
        move |request: http::Request<bytes::Bytes>| {
            let accept = request.headers()[ACCEPT].to_str().unwrap().to_owned();
            recorded
                .lock()
                .unwrap()
                .push((request.uri().path().to_owned(), accept));
            let body = match request.uri().path() {
                "/jwks" => keys.clone(),
                _ => r#"{"issuer":"https://idp.example","jwks_uri":"https://idp.example/jwks"}"#
                    .to_owned(),
            };
            async {
                Ok::<_, std::convert::Infallible>(http::Response::new(http_body_util::Full::new(
                    bytes::Bytes::from(body),
                )))
            }
        },
    ));
    let server = obo::AuthorizationServer::builder(idp.id())
        .with_http(http)
        .build()
        .unwrap();
    service_a(server).ready().await.unwrap();
    let seen = seen.lock().unwrap();
    let [(_, discovery), (_, keys)] = &seen[..] else {
        panic!("{seen:?}");
    };
    assert!(
        discovery.starts_with("application/json") && discovery.contains("*/*"),
        "{discovery}"
    );
    let order = ["application/jwk-set+json", "application/json", "*/*"];
    let places = order.map(|kind| keys.find(kind).unwrap());
    assert!(places.is_sorted() && places[0] == 0, "{keys}");
}

/// Reads the status of the keys at each event, as a dashboard may do.
struct Reads(ResourceServer);

impl<S: tracing::Subscriber> Layer<S> for Reads {
    fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
        assert_eq!(self.0.key_status().count(), 1);
        self.0.is_ready();
    }
}

/// OB-07
#[test]
fn events_may_read_the_status() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build();
        runtime.unwrap().block_on(async {
            let idp = FakeIssuer::new().await;
            let skipped = r#"[{"kty":"RSA","use":"enc"},"#;
            let keys = idp.key_set().replacen('[', skipped, 1);
            idp.reply(JWKS, Reply::Body(keys));
            let server = service_a(idp.known());
            let subscriber = tracing_subscriber::registry().with(Reads(server.clone()));
            let _guard = listen(subscriber);
            server.ready().await.unwrap();
            done.send(status(&server).skipped()).unwrap();
        });
    });
    // A status that waits for itself would never return.
    let skipped = is_done.recv_timeout(Duration::from_secs(20));
    assert_eq!(skipped, Ok(1));
}
