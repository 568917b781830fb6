//! Extractors and layers of a router without an outer `BearerAuthLayer`: missing, or added too
//! early.

use std::sync::{Arc, Mutex, Once};

use axum::Router;
use axum::routing::{any, get};
use http::{HeaderValue, Method, header};
use obo::{BearerAuthLayer, ExpiryLayer, Issuer, RequireLayer, ResourceServer, Rule};
use obo_axum::{Authenticated, User};
use obo_testkit::TestIdp;
use tracing::dispatcher::DefaultGuard;

use crate::app::{alice, bearer, call, trust, with_token, without_token};

/// The log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn capture() -> (Self, DefaultGuard) {
        // A second subscriber, so that the thread of another test cannot disable the event.
        static SECOND: Once = Once::new();
        SECOND.call_once(|| {
            tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
        });
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = subscriber.with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn errors(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains("ERROR"));
        lines.map(str::to_owned).collect()
    }
}

async fn anyone(_: Authenticated) {}

async fn user(_: User) {}

async fn maybe(_: Option<Authenticated>) {}

fn routes() -> Router {
    Router::new()
        .route("/anyone", any(anyone))
        .route("/user", any(user))
        .route("/maybe", any(maybe))
}

const EXTRACTORS: [(&str, &str); 3] = [
    ("/anyone", "ran before Authenticated"),
    ("/user", "ran before User"),
    ("/maybe", "ran before Option<Authenticated>"),
];

#[tokio::test]
async fn extractor_without_layer_is_500() {
    let idp = TestIdp::start().await;
    let token = alice(&idp).mint();
    for (path, expected) in EXTRACTORS {
        for request in [with_token(path, &token), without_token(path)] {
            let (log, _guard) = Log::capture();
            call(&routes(), request).await.assert_refused(500, None);
            let errors = log.errors();
            let [error] = &*errors else {
                panic!("{errors:?}")
            };
            assert!(error.contains(expected), "{error}");
            assert!(error.contains("the layer added last runs first"), "{error}");
        }
        let mut call_of_grpc = with_token(path, &token);
        *call_of_grpc.method_mut() = Method::POST;
        let grpc = HeaderValue::from_static("application/grpc");
        call_of_grpc
            .headers_mut()
            .insert(header::CONTENT_TYPE, grpc);
        let got = call(&routes(), call_of_grpc).await;
        assert_eq!(got.headers["grpc-status"], "13", "{path}");
    }
}

#[tokio::test]
async fn layer_added_last_runs_first() {
    let idp = TestIdp::start().await;
    let token = alice(&idp).mint();
    let server = ResourceServer::builder("service-a")
        .trust(Issuer::new(idp.issuer()).unwrap())
        .build()
        .unwrap();
    let (bearer, expiry) = (
        BearerAuthLayer::new(server.clone()),
        ExpiryLayer::new(server),
    );
    let rule = RequireLayer::new(Rule::user()).unwrap();
    for (router, expected) in [
        (
            routes().layer(bearer.clone()).layer(expiry.clone()),
            Some("ExpiryLayer"),
        ),
        (
            routes().layer(bearer.clone()).layer(rule.clone()),
            Some("RequireLayer"),
        ),
        (routes().layer(expiry).layer(rule).layer(bearer), None),
    ] {
        let (log, _guard) = Log::capture();
        let got = call(&router, with_token("/anyone", &token)).await;
        assert_eq!(got.status, if expected.is_some() { 500 } else { 200 });
        let errors = log.errors();
        assert_eq!(errors.len(), expected.iter().count(), "{errors:?}");
        assert!(
            errors.iter().all(|error| error.contains(expected.unwrap())),
            "{errors:?}"
        );
    }
}

#[tokio::test]
async fn routes_without_layer_stay_closed() {
    let idp = TestIdp::start().await;
    let token = alice(&idp).mint();
    let inside = Router::new().route("/inside", get(anyone));
    let router = inside.route_layer(bearer(trust(&idp))).merge(routes());
    assert_eq!(
        call(&router, with_token("/inside", &token)).await.status,
        200
    );
    call(&router, with_token("/anyone", &token))
        .await
        .assert_refused(500, None);
}
