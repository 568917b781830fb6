//! The trace context of a request: in its records, and in the requests that it causes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, Request, Response, header};
use obo::trace::{PropagateLayer, Trace, TraceContextLayer};
use obo::{BearerAuthLayer, Caller, OnBehalfOf};
use obo_test_support::{Log, has};
use tower::{Layer as _, Service, ServiceBuilder, ServiceExt as _, service_fn};

use crate::running::Running;
use crate::stub::audience;

const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

type Seen = Arc<Mutex<Vec<HeaderMap>>>;

/// A client that records the headers of what it sends.
fn recording(
    seen: &Seen,
) -> impl Service<Request<()>, Response = Response<()>, Error = Infallible, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let seen = Arc::clone(seen);
    service_fn(move |request: Request<()>| {
        seen.lock().unwrap().push(request.headers().clone());
        async { Ok(Response::new(())) }
    })
}

fn incoming(running: &Running, parent: Option<&str>) -> Request<()> {
    let token = running.idp.user("alice").audience("service-a").mint();
    let mut request = Request::get("/").header(header::AUTHORIZATION, format!("Bearer {token}"));
    if let Some(parent) = parent {
        request = request.header("traceparent", parent);
        request = request.header("tracestate", "a=1, b=2");
    }
    request.body(()).unwrap()
}

/// Handles a request by a call on behalf of its caller, with or without the layer of the client.
async fn handle(running: &Running, layer: TraceContextLayer, request: Request<()>) -> Seen {
    let seen = Seen::default();
    let client = PropagateLayer::new().layer(recording(&seen));
    let layered = running
        .exchange
        .to("https://b.example", audience("service-b"));
    let client: OnBehalfOf<_> = layered.unwrap().layer(client);
    let service = ServiceBuilder::new()
        .layer(layer)
        .layer(BearerAuthLayer::new(running.server.clone()))
        .service(service_fn(move |request: Request<()>| {
            let caller: Caller = request.extensions().get().cloned().unwrap();
            let client = client.on_behalf_of(&caller);
            async move {
                let request = Request::get("https://b.example/").body(()).unwrap();
                client.oneshot(request).await.unwrap();
                Ok::<_, Infallible>(Response::new(()))
            }
        }));
    service.oneshot(request).await.unwrap();
    seen
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str().unwrap());
    assert_eq!(values.next(), None);
    value
}

/// What the authorization server received at a path that ends with `end`.
fn received(running: &Running, end: &str) -> Vec<HeaderMap> {
    let requests = running.idp.requests().into_iter();
    let requests = requests.filter(|request| request.path.ends_with(end));
    requests.map(|request| request.headers).collect()
}

/// OB-04, OB-08
#[tokio::test]
async fn context_is_recorded_and_sent() {
    let (log, _guard) = Log::capture();
    let running = Running::start().await;
    let request = incoming(&running, Some(PARENT));
    let seen = handle(&running, TraceContextLayer::new(), request).await;
    for record in [r#"record="request""#, r#"record="token""#] {
        has(&log.lines(record)[0], &[&format!("trace_id=\"{ID}\"")]);
    }
    let sent = seen.lock().unwrap().clone();
    let keys = received(&running, "/jwks");
    let documents = received(&running, "/.well-known/openid-configuration");
    let exchanges = received(&running, "/token");
    assert!(!keys.is_empty() && !documents.is_empty() && exchanges.len() == 1);
    let mut spans = Vec::new();
    for headers in sent.iter().chain(&keys).chain(&documents).chain(&exchanges) {
        let parent = text(headers, "traceparent").unwrap();
        let (trace, rest) = parent.strip_prefix("00-").unwrap().split_once('-').unwrap();
        let (span, flags) = rest.split_once('-').unwrap();
        assert_eq!((trace, flags), (ID, "01"));
        assert_ne!(span, "00f067aa0ba902b7");
        assert!(!spans.contains(&span.to_owned()), "{spans:?}");
        spans.push(span.to_owned());
        assert_eq!(text(headers, "tracestate"), Some("a=1,b=2"));
    }
}

/// OB-04
#[tokio::test]
async fn trace_starts_unless_configured() {
    let (log, _guard) = Log::capture();
    let running = Running::start().await;
    let wrong = PARENT.to_uppercase();
    for parent in [None, Some(&*wrong)] {
        let request = incoming(&running, parent);
        let seen = handle(&running, TraceContextLayer::new(), request).await;
        let sent = seen.lock().unwrap()[0].clone();
        let parent = text(&sent, "traceparent").unwrap();
        assert!(parent.ends_with("-00") && parent.len() == 55, "{parent}");
        assert_eq!(text(&sent, "tracestate"), None);
        let record = log.take_lines(r#"record="request""#).pop().unwrap();
        has(&record, &[&format!("trace_id=\"{}\"", &parent[3..35])]);
        assert!(!parent.contains(ID));
    }
    let request = incoming(&running, None);
    let seen = handle(&running, TraceContextLayer::new().start_sampled(), request).await;
    assert!(
        text(&seen.lock().unwrap()[0], "traceparent")
            .unwrap()
            .ends_with("-01")
    );
    log.take_lines("");
    let request = incoming(&running, Some(&wrong));
    let seen = handle(&running, TraceContextLayer::new().never_start(), request).await;
    assert_eq!(text(&seen.lock().unwrap()[0], "traceparent"), None);
    let record = log.take_lines(r#"record="request""#).pop().unwrap();
    assert!(!record.contains("trace_id"), "{record}");
}

/// OB-04
#[tokio::test]
async fn propagator_writes_headers_in_the_span() {
    let (_log, _guard) = Log::capture();
    let running = Running::start().await;
    let spans = Arc::new(Mutex::new(Vec::new()));
    let written = Arc::clone(&spans);
    let layer = TraceContextLayer::new().propagator(move |headers| {
        let span = tracing::Span::current()
            .metadata()
            .map(|metadata| metadata.name());
        written.lock().unwrap().push(span);
        headers.insert("traceparent", PARENT.parse().unwrap());
        headers.insert("x-vendor", "1".parse().unwrap());
    });
    let mut request = incoming(&running, None);
    let other = PARENT.replace("4bf9", "0000").parse().unwrap();
    request.headers_mut().insert("traceparent", other);
    let seen = handle(&running, layer, request).await;
    let sent = seen.lock().unwrap().clone();
    let exchange = received(&running, "/token");
    for headers in sent.iter().chain(&exchange) {
        assert_eq!(text(headers, "traceparent"), Some(PARENT));
        assert_eq!(text(headers, "x-vendor"), Some("1"));
        assert_eq!(text(headers, "tracestate"), None);
    }
    // When the request arrives, discovery, keys, discovery of the exchange and its request, and
    // the call.
    let spans = spans.lock().unwrap().clone();
    assert_eq!(spans.first(), Some(&None));
    assert_eq!(spans.last(), Some(&None));
    let of_server = spans.iter().filter(|span| **span == Some("http_client"));
    assert_eq!(of_server.count(), spans.len() - 2);
    assert!(spans.len() >= 5, "{spans:?}");
}

/// OB-04
#[tokio::test]
async fn spawned_task_continues_in_scope() {
    let seen = Seen::default();
    let client = PropagateLayer::new().layer(recording(&seen));
    let service = TraceContextLayer::new().layer(service_fn(move |_: Request<()>| {
        let (trace, client) = (Trace::current().unwrap(), client.clone());
        assert_eq!(trace.trace_id(), ID);
        assert!(trace.is_sampled());
        async move {
            let call = client.oneshot(Request::new(()));
            let spawned = tokio::spawn(trace.scope(call));
            spawned.await.unwrap()
        }
    }));
    let request = Request::get("/")
        .header("traceparent", PARENT)
        .body(())
        .unwrap();
    service.oneshot(request).await.unwrap();
    assert!(
        text(&seen.lock().unwrap()[0], "traceparent")
            .unwrap()
            .contains(ID)
    );
    assert!(Trace::current().is_none());
}

/// OB-04
#[tokio::test]
async fn inner_layer_keeps_the_trace() {
    let service = ServiceBuilder::new()
        .layer(TraceContextLayer::new())
        .layer(outer_id())
        .layer(TraceContextLayer::new())
        .service(service_fn(|request: Request<()>| async move {
            let outer = &request.headers()["x-outer"];
            let inner = Trace::current().unwrap().trace_id();
            assert_eq!(outer.to_str().unwrap(), inner);
            Ok::<_, Infallible>(Response::new(()))
        }));
    service.oneshot(Request::new(())).await.unwrap();
}

/// Writes the identifier of the current trace into a header.
fn outer_id() -> tower::util::MapRequestLayer<fn(Request<()>) -> Request<()>> {
    tower::util::MapRequestLayer::new(|mut request| {
        let id = Trace::current().unwrap().trace_id();
        request.headers_mut().insert("x-outer", id.parse().unwrap());
        request
    })
}

/// OB-04
#[tokio::test]
async fn extension_names_the_trace_too() {
    let seen = Seen::default();
    // A proxy passes the request on with its extensions, in another task.
    let mut client = PropagateLayer::new().layer(recording(&seen));
    let service = TraceContextLayer::new().layer(service_fn(|request: Request<()>| async {
        Ok::<_, Infallible>(request)
    }));
    let request = Request::get("/")
        .header("traceparent", PARENT)
        .body(())
        .unwrap();
    let forwarded = service.oneshot(request).await.unwrap();
    client.call(forwarded).await.unwrap();
    let sent = seen.lock().unwrap()[0].clone();
    let parent = text(&sent, "traceparent").unwrap();
    assert!(parent.contains(ID) && parent != PARENT, "{parent}");
    // Without a trace the headers stay as they are.
    let request = Request::get("/")
        .header("traceparent", "as it was")
        .body(())
        .unwrap();
    client.call(request).await.unwrap();
    assert_eq!(
        text(&seen.lock().unwrap()[1], "traceparent"),
        Some("as it was")
    );
}
