//! The audit records of three services, joined into chains.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use http::{Request, Response, StatusCode};
use obo::trace::{PropagateLayer, TraceContextLayer};
use obo::{
    BearerAuthLayer, Client, ClientSecretBasic, RequireLayer, ResourceServer, Rule, TokenExchange,
};
use obo_audit::{Chain, Hop, JsonLines, Log, Outcome, Source, join};
use obo_testkit::TestIdp;
use serde_json::Value;
use tower::util::BoxCloneService;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};
use tracing_subscriber::layer::SubscriberExt as _;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

type Service = BoxCloneService<Request<()>, Response<()>, Infallible>;

/// A service that calls `next` on behalf of its caller, if there is one.
fn service(
    idp: &TestIdp,
    name: &'static str,
    rule: Rule,
    next: Option<(&'static str, Service)>,
) -> Service {
    let issuer = obo::Issuer::new(idp.issuer()).unwrap();
    let server = ResourceServer::builder(name)
        .trust(issuer.clone())
        .build()
        .unwrap();
    let client = Client::new(name, ClientSecretBasic::new("secret"));
    let exchange = TokenExchange::builder(issuer, client).build().unwrap();
    let calls = next.map(|(next, service)| {
        let to = exchange
            .to(format!("https://{next}.example").as_str(), next)
            .unwrap();
        let layers = ServiceBuilder::new().layer(to).layer(PropagateLayer::new());
        layers.service(service)
    });
    let inner = service_fn(move |request: Request<()>| {
        let calls = calls.clone();
        async move {
            let Some(calls) = calls else {
                return Ok(Response::new(()));
            };
            let caller = request.extensions().get::<obo::Caller>().unwrap();
            let call = Request::get("https://service-b.example/call")
                .body(())
                .unwrap();
            let call = match name {
                "service-a" => call,
                _ => Request::get("https://service-c.example/call")
                    .body(())
                    .unwrap(),
            };
            let response = calls.on_behalf_of(caller).oneshot(call).await;
            let status = response.map_or(StatusCode::BAD_GATEWAY, |response| response.status());
            let mut response = Response::new(());
            *response.status_mut() = status;
            Ok::<_, Infallible>(response)
        }
    });
    let service = ServiceBuilder::new()
        .layer(TraceContextLayer::new())
        .layer(BearerAuthLayer::new(server))
        .layer(RequireLayer::new(rule).unwrap())
        .service(inner);
    BoxCloneService::new(service)
}

/// Each service writes a log of its own. Here all of them run in one process, so a record belongs
/// to the service that is the audience of its request or the client of its exchange.
fn by_service(lines: &str) -> Vec<String> {
    let lines = lines.lines().map(|line| {
        let mut record: Value = serde_json::from_str(line).unwrap();
        let service = record["audience"].as_str().or(record["client_id"].as_str());
        let service = service.unwrap_or("service-b").to_owned();
        record["service"] = service.into();
        record.to_string() + "\n"
    });
    lines.collect()
}

fn chains(lines: &[String]) -> Vec<Chain> {
    let mut log = Log::default();
    log.read("log", lines.concat().as_bytes());
    assert!(log.problems.is_empty(), "{:?}", log.problems);
    join(log.records)
}

#[test]
fn three_services_records_join() {
    let lines = Lines::default();
    let writer: Box<dyn Write + Send> = Box::new(lines.clone());
    let layer = JsonLines::new("all", Mutex::new(writer));
    let subscriber = tracing_subscriber::registry().with(layer);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            let idp = TestIdp::start().await;
            idp.client("service-a")
                .secret("secret")
                .may_exchange_to("service-b");
            idp.client("service-b")
                .secret("secret")
                .may_exchange_to("service-c");
            let c = service(&idp, "service-c", Rule::scopes(["prices:read"]), None);
            let b = service(
                &idp,
                "service-b",
                Rule::actors(["service-a"]),
                Some(("service-c", c)),
            );
            let a = service(&idp, "service-a", Rule::no_actor(), Some(("service-b", b)));
            let token = idp
                .user("alice")
                .audience("service-a")
                .scope("orders:read")
                .mint();
            let request = || {
                let request =
                    Request::get("/orders").header("authorization", format!("Bearer {token}"));
                a.clone().oneshot(request.body(()).unwrap())
            };
            assert_eq!(request().await.unwrap().status(), 403);
            assert_eq!(request().await.unwrap().status(), 403);
        });
    });
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    eprintln!("{text}");
    let mut lines = by_service(&text);
    let found = chains(&lines);
    for chain in &found {
        eprintln!("{}", obo_audit::Tree::new(chain).detailed(true));
    }
    lines.reverse();
    assert_eq!(chains(&lines), found);
    assert_eq!(found.len(), 2);
    for (chain, source) in found.iter().zip([Source::Exchange, Source::Cache]) {
        assert!(chain.trace_id.is_some());
        let hops: Vec<&Hop> = chain.hops().collect();
        let services: Vec<_> = hops.iter().map(|hop| &*hop.service).collect();
        assert_eq!(services, ["service-a", "service-b", "service-c"]);
        let outcomes: Vec<_> = hops.iter().map(|hop| hop.outcome).collect();
        assert_eq!(
            outcomes,
            [Outcome::Allowed, Outcome::Allowed, Outcome::Refused]
        );
        assert_eq!(hops[2].actors, ["service-b", "service-a"]);
        for hop in &hops[1..] {
            assert_eq!(hop.obtained.as_ref().unwrap().source, source);
        }
        assert!(
            hops.iter()
                .all(|hop| hop.gap.is_none() && hop.subject == hops[0].subject)
        );
    }
}
