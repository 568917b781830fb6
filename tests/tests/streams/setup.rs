//! An axum server inside the layers, whose paused clock jumps to the next timer.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use obo::{BearerAuthLayer, ExpiryLayer, Issuer, ResourceServer};
use obo_testkit::TestIdp;
use tokio::net::TcpListener;

/// The token's lifetime and the policy's leeway.
pub(crate) const LIFE: Duration = Duration::from_secs(300 + 60);
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// Serves the routes inside both layers, and returns a token for them.
pub(crate) async fn serve(routes: Router) -> (SocketAddr, String) {
    let idp = TestIdp::start().await;
    let issuer = Issuer::new(idp.issuer()).unwrap();
    let server = ResourceServer::builder("service-a")
        .trust(issuer)
        .build()
        .unwrap();
    let token = idp.user("alice").audience("service-a").mint();
    // With cached keys, the only timer is that of the expiry.
    server.validate(&token).await.unwrap();
    tokio::time::pause();
    let routes = routes
        .layer(ExpiryLayer::new(server.clone()))
        .layer(BearerAuthLayer::new(server));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, token)
}
