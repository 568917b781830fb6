//! Proofs for a nested router, which strips a prefix from the path.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::middleware::map_request;
use axum::routing::get;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use obo::BearerAuthLayer;
use obo_tests::expected::{Got, PROOF};
use obo_tests::servers::got;
use tokio::net::TcpListener;

use super::world::{BoundWorld, Settings, proven};
use crate::case::Case;
use crate::places::Way;
use crate::score::Score;

async fn origin(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    OriginalUri(original): OriginalUri,
    request: Request,
) -> Request {
    obo_axum::with_origin(request, peer, &original)
}

/// Starts a router inside of `/api`, with or without the original path.
async fn start(layer: BearerAuthLayer, shows_origin: bool) -> SocketAddr {
    let orders = Router::new().route("/orders/{id}", get(|| async {}).post(|| async {}));
    let orders = orders.layer(layer);
    let orders = match shows_origin {
        true => orders.layer(map_request(origin)),
        false => orders,
    };
    let app = Router::new().nest("/api", Router::new().nest("/v2", orders));
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, service).await });
    address
}

/// DP-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn original_path_is_proven() {
    let settings = Settings {
        base_url: "https://a.example/edge",
        ..Settings::ACCEPT
    };
    let world = BoundWorld::start(settings).await;
    let mut score = Score::of("nested routers");
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<bytes::Bytes>>();
    let holder = world.holder(Way::all()[0]);
    for shows_origin in [true, false] {
        let server = settings.server(world.at.issuer(), "", world.clock.clone());
        let address = start(BearerAuthLayer::new(server), shows_origin).await;
        score.family(if shows_origin { "original" } else { "stripped" });
        let full = "https://a.example/edge/api/v2/orders/7";
        // What a router without the origin takes for the path.
        let stripped = "https://a.example/edge/orders/7";
        let good = if shows_origin { full } else { stripped };
        let mut urls = vec![
            (good.to_owned(), None),
            (good.replace("orders", "%6frders"), None),
            (good.replace("/orders", "/x/../orders"), None),
            (format!("{good}?a=b#c"), None),
        ];
        let wrong = [
            if shows_origin { stripped } else { full },
            "https://a.example/orders/7",
            "https://a.example/api/v2/orders/7",
            "https://a.example/edge/v2/orders/7",
            "https://a.example/edge/api/orders/7",
            "https://a.example/api/v2/edge/orders/7",
            "https://a.example/edge/api/v2/orders/8",
            "https://a.example/edge/api/v2/orders/{id}",
            "https://a.example/edge/api/v2/orders/7/",
            "https://a.example/edge/api/v2%2Forders/7",
        ];
        for url in wrong {
            let code = match url.contains('{') {
                true => "proof_malformed_uri",
                false => "proof_other_uri",
            };
            urls.push((url.to_owned(), Some(code)));
        }
        for (url, code) in urls {
            let token = holder.token();
            let proof = holder.proof(&token).text_claim("htu", &url).text();
            let sent = proven(&token, proof);
            let case = match code {
                Some(code) => Case::request(&url, sent.clone(), Some(PROOF)).because(code),
                None => Case::request(&url, sent.clone(), None),
            };
            score.cases(std::iter::once(&case));
            let mut request = sent.to("/api/v2/orders/7").to_request(None);
            *request.uri_mut() = format!("http://{address}{}", request.uri())
                .parse()
                .unwrap();
            let response: Got = got(client.request(request).await.unwrap()).await;
            score.response(&case, "axum", None, (response, None));
        }
    }
    world.places.check_reached(0, 0, &mut score);
    score.settle();
}
