//! A request, the exchange of its token and its call in one trace of OpenTelemetry.
//!
//! Run: `cargo run --example opentelemetry`
//!
//! Prints: `the exchange and the call are in one trace`

use std::collections::HashMap;

use axum::{Router, routing::get};
use http::{HeaderMap, HeaderName, Request, Response};
use obo::trace::{PropagateLayer, TraceContextLayer};
use obo::{BearerAuthLayer, Client, ClientSecretBasic, ResourceServer, TokenExchange};
use obo_axum::Authenticated;
use obo_examples::{BoxError, send, text};
use obo_testkit::TestIdp;
use opentelemetry::{propagation::TextMapPropagator, trace::TracerProvider};
use opentelemetry_sdk::{propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
use tower_http::trace::TraceLayer;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;

const STOCK: &str = "https://stock.corp.example";

/// Writes the headers of the current span.
fn inject(headers: &mut HeaderMap) {
    let (mut written, context) = (HashMap::new(), tracing::Span::current().context());
    TraceContextPropagator::new().inject_context(&context, &mut written);
    for (name, value) in written {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), value.try_into()) {
            headers.insert(name, value);
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // Add an exporter to it, such as that of `opentelemetry-otlp`.
    let tracer = SdkTracerProvider::default().tracer("service-a");
    let layer = tracing_opentelemetry::layer().with_tracer(tracer);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;

    let idp = TestIdp::start().await;
    let client = idp.client("service-a").secret("s3cret");
    client.may_exchange_to("service-b");
    // Any client; this one responds with the header that it would send.
    let stock = PropagateLayer::new().layer(service_fn(async |request: Request<String>| {
        let parent = request.headers().get("traceparent");
        Ok::<_, std::convert::Infallible>(Response::new(format!("{parent:?}")))
    }));
    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(idp.issuer(), client).build()?;
    let stock = exchange.to(STOCK, "service-b")?.layer(stock);
    let level = move |Authenticated(caller): Authenticated| {
        let stock = stock.on_behalf_of(&caller);
        async {
            let request = Request::get(STOCK).body(String::new())?;
            Ok::<_, obo_axum::Error>(text(stock.oneshot(request).await?).await?)
        }
    };
    let server = ResourceServer::builder("service-a").trust(idp.issuer());
    let layers = ServiceBuilder::new()
        .layer(TraceLayer::new_for_http())
        .layer(TraceContextLayer::new().propagator(inject))
        .layer(BearerAuthLayer::new(server.build()?));
    let app = Router::new().route("/level", get(level)).layer(layers);
    let token = idp.user("alice").audience("service-a").mint();
    let (_, sent) = send(&app, "GET /level", &token).await?;

    let exchanged = idp.requests().pop().ok_or("no request")?.headers;
    let parent = exchanged.get("traceparent").ok_or("no header")?.to_str()?;
    assert!(sent.contains(parent.split('-').nth(1).ok_or("no trace")?));
    println!("the exchange and the call are in one trace");
    Ok(())
}
