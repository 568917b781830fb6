//! Paths and preflights that need no token, and tables of rules.

use http::{Method, Request, header};
use obo::{BearerAuthLayer, Caller, ConfigError, Rejection, Rule, RuleTable};

use crate::guarded::{Guarded, INVALID_TOKEN, assert_refused, service_a};
use crate::issuer::FakeIssuer;

fn layer(idp: &FakeIssuer) -> BearerAuthLayer {
    BearerAuthLayer::new(service_a(idp.known()))
}

/// What a browser sends before a gRPC-Web call to another origin.
fn preflight() -> Request<()> {
    Request::options("/stock.Stock/Level")
        .header(header::ORIGIN, "https://app.example")
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            "authorization,x-grpc-web",
        )
        .body(())
        .unwrap()
}

#[tokio::test]
async fn bt_22_gr_09_a_preflight_passes_where_the_layer_allows_it() {
    let idp = FakeIssuer::new().await;
    let closed = Guarded::new(layer(&idp));
    assert_refused(&closed.send(preflight()).await, 401, &["Bearer"], "closed");
    assert_eq!(closed.admitted(), 0);
    let open = Guarded::new(layer(&idp).allow_preflight());
    assert_eq!(open.send(preflight()).await.status(), 200);
    assert!(open.last().is_none());
}

#[tokio::test]
async fn bt_22_gr_09_what_is_no_preflight_needs_a_token() {
    let idp = FakeIssuer::new().await;
    let open = Guarded::new(layer(&idp).allow_preflight());
    for name in [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD] {
        let mut request = preflight();
        request.headers_mut().remove(&name);
        assert_refused(&open.send(request).await, 401, &["Bearer"], name.as_str());
    }
    for method in [Method::GET, Method::POST, Method::HEAD] {
        let mut request = preflight();
        *request.method_mut() = method.clone();
        assert_refused(&open.send(request).await, 401, &["Bearer"], method.as_str());
    }
    let mut request = preflight();
    request
        .headers_mut()
        .insert(header::AUTHORIZATION, "Bearer x".parse().unwrap());
    assert_refused(
        &open.send(request).await,
        401,
        &[INVALID_TOKEN],
        "bad token",
    );
    assert_eq!(open.admitted(), 0);
}

#[tokio::test]
async fn bt_22_only_the_whole_path_is_open() {
    let idp = FakeIssuer::new().await;
    let open = Guarded::new(layer(&idp).public_paths(["/public", "/a/b"]).unwrap());
    let get = |path: &str| Request::get(path).body(()).unwrap();
    for path in [
        "/public",
        "/public?x=/admin",
        "/a/b",
        "https://a.example/a/b",
    ] {
        assert_eq!(open.send(get(path)).await.status(), 200, "{path}");
    }
    let admitted = open.admitted();
    for path in [
        "/public/",
        "/public/admin",
        "/public/../admin",
        "/publicx",
        "/publi",
        "/PUBLIC",
        "//public",
        "/admin/../public",
        "/%70ublic",
        "/a%2Fb",
        "/a//b",
        "/a/b/..;/c",
        "/admin?/public",
        "/",
    ] {
        assert_refused(&open.send(get(path)).await, 401, &["Bearer"], path);
    }
    assert_eq!(open.admitted(), admitted);
}

#[tokio::test]
async fn bt_22_a_path_may_be_open_to_one_method_alone() {
    let idp = FakeIssuer::new().await;
    let open = Guarded::new(layer(&idp).public_paths(["GET /docs"]).unwrap());
    let to = |method: Method| Request::builder().method(method).uri("/docs");
    for method in [Method::GET, Method::HEAD] {
        let response = open.send(to(method.clone()).body(()).unwrap()).await;
        assert_eq!(response.status(), 200, "{method}");
    }
    for method in [Method::POST, Method::DELETE, Method::OPTIONS] {
        let response = open.send(to(method.clone()).body(()).unwrap()).await;
        assert_refused(&response, 401, &["Bearer"], method.as_str());
    }
    assert_eq!(open.admitted(), 2);
}

#[tokio::test]
async fn bt_22_an_open_path_has_no_caller_of_another_layer() {
    let idp = FakeIssuer::new().await;
    let caller: Caller = Guarded::by(idp.known()).caller(&idp.token().mint()).await;
    let open = Guarded::new(layer(&idp).public_paths(["/healthz"]).unwrap());
    let mut request = Request::get("/healthz").body(()).unwrap();
    request.extensions_mut().insert(caller);
    assert_eq!(open.send(request).await.status(), 200);
    assert!(open.last().is_none());
}

#[tokio::test]
async fn bt_22_gr_09_a_path_that_is_none_or_listed_twice_is_a_configuration_error() {
    let idp = FakeIssuer::new().await;
    let public = |paths: &[&str]| layer(&idp).public_paths(paths).map(drop);
    let rules = |paths: &[&str]| {
        let rules = paths.iter().map(|path| (path, Rule::user()));
        RuleTable::new(rules).map(drop)
    };
    let open = |paths: &[&str]| {
        let table = RuleTable::new([("/a", Rule::user())]).unwrap();
        table.public_paths(paths).map(drop)
    };
    let field = |built: Result<(), ConfigError>| built.unwrap_err().field().to_owned();
    for bad in [
        &["/b", "/b"][..],
        &["healthz"],
        &["/a/*"],
        &["/b?x"],
        &["//b"],
        &["/b/.."],
        &["get /b"],
        &["POST /b", "POST /b"],
    ] {
        assert_eq!(field(public(bad)), "public_paths", "{bad:?}");
        assert_eq!(field(rules(bad)), "rule_table", "{bad:?}");
        assert_eq!(field(open(bad)), "rule_table", "{bad:?}");
    }
    assert_eq!(field(open(&["/a"])), "rule_table");
    let twice = layer(&idp)
        .public_paths(["/a"])
        .unwrap()
        .public_paths(["/a"]);
    assert_eq!(field(twice.map(drop)), "public_paths");
}

#[test]
fn bt_22_a_table_is_checked_as_a_value_too() {
    let table = RuleTable::new([("/a", Rule::user())]).unwrap();
    let nobody: Option<&Caller> = None;
    for path in ["/a", "/b"] {
        let refused = table.check(&Method::GET, path, nobody);
        assert_eq!(refused, Err(Rejection::MissingCredentials));
    }
    let table = table.public_paths(["GET /b"]).unwrap();
    assert_eq!(table.check(&Method::GET, "/b", nobody), Ok(()));
    let refused = table.check(&Method::PUT, "/b", nobody);
    assert_eq!(refused, Err(Rejection::MissingCredentials));
}
