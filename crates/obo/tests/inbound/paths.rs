//! Paths and preflights that need no token, and tables of rules.

use http::{Method, Request, header};
use obo::bearer::PublicPaths;
use obo::require::RuleTableBuilder;
use obo::{BearerAuthLayer, Caller, ConfigError, Rejection, RequireLayer, Rule, RuleTable};

use crate::guarded::{Guarded, INVALID_TOKEN, assert_refused, service_a};
use crate::issuer::FakeIssuer;

fn layer(idp: &FakeIssuer) -> BearerAuthLayer {
    BearerAuthLayer::new(service_a(idp.known()))
}

fn open_to(idp: &FakeIssuer, paths: &[&str]) -> BearerAuthLayer {
    layer(idp).public_paths(PublicPaths::new(paths).unwrap())
}

/// The preflight of a browser before a gRPC-Web call to another origin.
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

/// BT-22, GR-09
#[tokio::test]
async fn preflight_passes_where_allowed() {
    let idp = FakeIssuer::new().await;
    let closed = Guarded::new(layer(&idp));
    assert_refused(&closed.send(preflight()).await, 401, &["Bearer"], "closed");
    assert_eq!(closed.admitted(), 0);
    let open = Guarded::new(layer(&idp).allow_preflight());
    assert_eq!(open.send(preflight()).await.status(), 200);
    assert!(open.last().is_none());
}

/// BT-22, GR-09
#[tokio::test]
async fn non_preflight_needs_a_token() {
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

/// BT-22
#[tokio::test]
async fn only_the_whole_path_is_open() {
    let idp = FakeIssuer::new().await;
    let open = Guarded::new(open_to(&idp, &["/public", "/a/b"]));
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

/// BT-22
#[tokio::test]
async fn path_may_open_one_method() {
    let idp = FakeIssuer::new().await;
    let open = Guarded::new(open_to(&idp, &["GET /docs"]));
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

/// BT-22
#[tokio::test]
async fn open_path_has_no_caller() {
    let idp = FakeIssuer::new().await;
    let caller: Caller = Guarded::by(idp.known()).caller(&idp.token().mint()).await;
    let open = Guarded::new(open_to(&idp, &["/healthz"]));
    let mut request = Request::get("/healthz").body(()).unwrap();
    request.extensions_mut().insert(caller);
    assert_eq!(open.send(request).await.status(), 200);
    assert!(open.last().is_none());
}

/// BT-22
#[test]
fn rule_table_returns_public_paths() {
    let table = RuleTable::builder()
        .route("POST /docs", Rule::user())
        .public("GET /docs")
        .public("/healthz")
        .build();
    let expected = PublicPaths::new(["/healthz", "GET /docs"]).unwrap();
    assert_eq!(table.unwrap().public_paths(), expected);
}

/// BT-22, GR-09
#[test]
fn invalid_path_entry_is_rejected() {
    let public = |paths: &[&str]| PublicPaths::new(paths).map(drop);
    let rules = |paths: &[&str]| {
        let empty = RuleTable::builder();
        let table = paths
            .iter()
            .fold(empty, |t, path| t.route(path, Rule::user()));
        table.build().map(drop)
    };
    let open = |paths: &[&str]| {
        let table = RuleTable::builder().route("/a", Rule::user());
        let table = paths.iter().fold(table, RuleTableBuilder::public);
        table.build().map(drop)
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
}

/// BT-22
#[test]
fn table_can_be_checked_directly() {
    let rules = RuleTable::builder().route("/a", Rule::user());
    let table = rules.clone().build().unwrap();
    let no_caller: Option<&Caller> = None;
    for path in ["/a", "/b"] {
        let refused = table.check(&Method::GET, path, no_caller);
        assert_eq!(refused, Err(Rejection::MissingCredentials));
    }
    let table = rules.public("GET /b").build().unwrap();
    assert_eq!(table.check(&Method::GET, "/b", no_caller), Ok(()));
    let refused = table.check(&Method::PUT, "/b", no_caller);
    assert_eq!(refused, Err(Rejection::MissingCredentials));
}

/// BT-13, BT-22
#[tokio::test]
async fn parameters_have_rules_by_method() {
    let idp = FakeIssuer::new().await;
    let scope = |scope: &str| Rule::scopes([scope]);
    let table = RuleTable::builder()
        .route("GET /orders/{id}", scope("read"))
        .route("POST /orders/{id}/lines", scope("write"))
        .route("/orders/{*rest}", scope("other"))
        .route("/orders/admin", scope("admin"))
        .route("/stock.Stock/{method}", scope("stock"))
        .public("/orders/help")
        .otherwise(scope("any"));
    let guarded = Guarded::by(idp.known()).requires_by(table.build().unwrap());
    let all = "read write other admin stock any";
    for (request, needed) in [
        ("GET /orders/7", Some("read")),
        ("HEAD /orders/7?x=/orders/help", Some("read")),
        ("POST /orders/7/lines", Some("write")),
        ("GET /orders/7/other", Some("other")),
        ("GET /orders/admin", Some("admin")),
        ("POST /stock.Stock/Level", Some("stock")),
        ("GET /elsewhere", Some("any")),
        ("GET /orders", None),
        ("GET /orders/", None),
        ("PUT /orders/7", None),
        ("GET /orders/7/lines", None),
        ("GET /orders/7/", None),
        ("GET /Orders/7", None),
        ("GET /orders/Admin", None),
        ("GET /orders/HELP", None),
        ("GET /orders/help/", None),
        ("POST /stock.Stock/", None),
        ("POST /stock.stock/Level", None),
        ("GET /orders/7%2f8", None),
        ("GET /orders//lines", None),
        ("GET /elsewhere/../orders/7", None),
    ] {
        let (method, path) = request.split_once(' ').unwrap();
        let status = async |scope: &str| {
            let token = idp.token().claim("scope", scope).mint();
            let request = Request::builder().method(method).uri(path);
            let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            guarded.send(request.body(()).unwrap()).await.status()
        };
        let others = |needed| all.replace(needed, "");
        match needed {
            Some(needed) => {
                assert_eq!(status(needed).await, 200, "{request}");
                assert_eq!(status(&others(needed)).await, 403, "{request}");
            }
            None => assert_eq!(status(all).await, 403, "{request}"),
        }
    }
}

/// BT-22
#[test]
fn overlapping_patterns_are_rejected() {
    let table = |entries: &[&str]| {
        let route = |t: RuleTableBuilder, entry: &&str| t.route(entry, Rule::user());
        entries.iter().fold(RuleTable::builder(), route).build()
    };
    let overlapping = ["GET /{a}/lines", "POST /orders/{id}"];
    let error = table(&overlapping).unwrap_err();
    assert_eq!(error.field(), "rule_table");
    for path in ["\"/{a}/lines\"", "\"/orders/{id}\"", "\"/orders/lines\""] {
        assert!(error.problem().contains(path), "{error}");
    }
    let resolved = [overlapping[0], overlapping[1], "/orders/lines"];
    table(&resolved).unwrap();
    table(&["GET /orders/{a}", "POST /orders/{b}"]).unwrap();
    for bad in ["/orders/:id", "/orders/{id}.json", "/a/{*rest}/b"] {
        assert_eq!(table(&[bad]).unwrap_err().field(), "rule_table", "{bad}");
    }
    let public = RuleTable::builder().public("/docs/{*rest}").build();
    assert_eq!(public.unwrap_err().field(), "rule_table");
}

/// The route that a router has matched.
#[derive(Clone)]
struct Route(&'static str);

/// BT-22
#[tokio::test]
async fn rule_follows_router_route() {
    let idp = FakeIssuer::new().await;
    let table = RuleTable::builder()
        .route("GET /orders/{id}", Rule::scopes(["read"]))
        .public("/healthz")
        .otherwise(Rule::user());
    let table = table.build().unwrap();
    let layer = RequireLayer::by_route(table, |extensions| {
        extensions.get::<Route>().map(|route| route.0)
    });
    let guarded = Guarded::by(idp.known()).requires_layer(layer);
    let status = async |method: &str, scope: &str, route: Option<&'static str>| {
        let token = idp.token().claim("scope", scope).mint();
        let request = Request::builder().method(method).uri("/orders/7");
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        let mut request = request.body(()).unwrap();
        if let Some(route) = route {
            request.extensions_mut().insert(Route(route));
        }
        guarded.send(request).await.status()
    };
    for (method, route, expected) in [
        ("GET", Some("/orders/{id}"), 200),
        ("PUT", Some("/orders/{id}"), 403),
        ("PUT", Some("/healthz"), 200),
        ("GET", Some("/other/{id}"), 200),
        ("GET", Some("/orders/{order}"), 403),
        ("GET", Some("/orders/{id}/"), 403),
        ("GET", Some("/Orders/{id}"), 403),
        ("GET", Some("/orders/{*rest}"), 403),
        ("GET", None, 403),
    ] {
        assert_eq!(status(method, "read", route).await, expected, "{route:?}");
    }
    assert_eq!(status("GET", "other", Some("/orders/{id}")).await, 403);
}
