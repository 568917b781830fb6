//! The memory that a cached token takes in addition to its own bytes.

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::Full;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::exchange::CacheBounds;
use obo::exchange::TokenSource;
use obo::{
    Audience, AuthorizationServer, Caller, Client, ClientSecretBasic, Issuer, ResourceServer,
    TokenExchange,
};
use tokio::runtime::Builder;
use tower::service_fn;

const TOKEN: usize = 1500;

pub(crate) fn print() {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    for (users, services) in [(100_000, 1), (5000, 20), (1000, 200)] {
        let callers = runtime.block_on(callers(users));
        let targets: Vec<_> = (0..services)
            .map(|n| Audience::new(format!("service-{n}")).unwrap())
            .collect();
        let exchange = exchange(&callers);
        let fill = || runtime.block_on(fill(&exchange, &callers, &targets));
        let taken = allocation_counter::measure(fill).bytes_current;
        let entries = (users * services) as i64;
        let over = taken / entries - TOKEN as i64;
        println!(
            "cached, {users} users of {services} services: {over} bytes per token over its own (<= 200)"
        );
        // No token was evicted.
        let last = exchange.token(callers.first().unwrap(), targets.first().unwrap().clone());
        assert_eq!(runtime.block_on(last).unwrap().source(), TokenSource::Cache);
    }
}

async fn callers(many: usize) -> Vec<Caller> {
    let idp = obo_testkit::TestIdp::start().await;
    let issuer = Issuer::new(idp.issuer()).unwrap();
    let server = ResourceServer::builder("service-a")
        .trust(issuer)
        .build()
        .unwrap();
    let mut callers = Vec::with_capacity(many);
    for n in 0..many {
        let token = idp.user(&format!("user-{n}")).audience("service-a").mint();
        callers.push(server.validate(&token).await.unwrap());
    }
    callers
}

fn exchange(callers: &[Caller]) -> TokenExchange {
    let token = "a".repeat(TOKEN);
    let body = format!(
        r#"{{"access_token":"{token}","token_type":"Bearer","expires_in":3600,
        "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}}"#
    );
    let body = Bytes::from(body);
    let http = HttpService::new(service_fn(move |_: Request<Bytes>| {
        let response = Response::builder()
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body.clone()))
            .unwrap();
        async { Ok::<_, std::convert::Infallible>(response) }
    }));
    let metadata = ServerMetadata::new(None, Some("https://idp.example/token")).unwrap();
    let issuer = callers.first().unwrap().issuer().clone();
    let server = AuthorizationServer::builder(issuer)
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    let secret = ClientSecretBasic::new("s3cret");
    let bounds = CacheBounds::new().bytes(8 * 1024 * 1024 * 1024);
    TokenExchange::builder(server, Client::new("service-a", secret))
        .cache(bounds)
        .build()
        .unwrap()
}

async fn fill(exchange: &TokenExchange, callers: &[Caller], targets: &[Audience]) {
    for target in targets {
        for caller in callers {
            exchange.token(caller, target.clone()).await.unwrap();
        }
    }
}
