//! Rules by the matched route of a router.

use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::get;
use obo::{RequireLayer, Rule, RuleTable};
use obo_testkit::TestIdp;

use crate::app::{INSUFFICIENT, alice, bearer, call, trust, with_token, without_token};

/// BT-22
#[tokio::test]
async fn rule_follows_matched_path() {
    let idp = TestIdp::start().await;
    let table = RuleTable::builder()
        .route("GET /orders/{id}", Rule::scopes(["read"]))
        .route("/api/stock/{sku}", Rule::scopes(["stock"]))
        .public("/docs")
        .otherwise(Rule::scopes(["any"]));
    let table = table.build().unwrap();
    let public = table.public_paths();
    let rules = RequireLayer::by_route(table, |extensions| {
        extensions.get::<MatchedPath>().map(MatchedPath::as_str)
    });
    let ok = || get(async || "well");
    let nested = Router::new().route("/stock/{sku}", ok());
    let router = Router::new()
        .route("/orders/{id}", ok())
        .route("/orders/{id}/lines", ok())
        .route("/docs", ok())
        .nest("/api", nested)
        .fallback(async || "no route")
        .layer(rules)
        .layer(bearer(trust(&idp)).public_paths(public));
    for (path, needed) in [
        ("/orders/7", "read"),
        ("/orders/a%2Fb", "read"),
        ("/orders/7/lines", "any"),
        ("/api/stock/7", "stock"),
    ] {
        let token = |scope: &str| alice(&idp).scope(scope).mint();
        let got = call(&router, with_token(path, &token(needed))).await;
        assert_eq!((got.status.as_u16(), &*got.body), (200, "well"), "{path}");
        let got = call(&router, with_token(path, &token("other"))).await;
        assert_eq!(got.status, 403, "{path}");
    }
    assert_eq!(call(&router, without_token("/docs")).await.body, "well");
    // Without a route a request is denied, also if there is a rule for all other paths.
    let all = alice(&idp).scope("read stock any").mint();
    for path in ["/orders/7/", "/Orders/7", "/elsewhere", "/api/stock/"] {
        let got = call(&router, with_token(path, &all)).await;
        got.assert_refused(403, Some(INSUFFICIENT));
    }
}
