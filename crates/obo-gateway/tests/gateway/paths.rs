//! Which upstream path a request reaches.

use crate::world::World;

/// The response to a request whose target is sent unchanged.
async fn status(world: &World, target: &str) -> String {
    let token = world.alice().mint();
    let request = format!(
        "GET {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
    );
    let got = world.raw(&request).await;
    got.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// BT-22
#[tokio::test]
async fn ambiguous_path_is_rejected() {
    let world = World::start().await;
    for route in ["/orders", "/plain"] {
        for odd in [
            "/..",
            "/../secret",
            "/x/../../secret",
            "/./x",
            "/%2e%2e/secret",
            "/.%2E/secret",
            "/x%2f..%2fsecret",
            "/x%2Fy",
            "/x%5c..",
            "/x\\..\\y",
            "//x",
            "/x//y",
            "/;/../x",
            "/..;/x",
            "/x;v=1",
            "/%00%2e",
            "/%61",
            "/..%e0%80%afsecret",
            "/%ed%a0%80",
            "/%ff",
            "/%252e%252e/x",
            "/%",
            "/%zz",
            "/x/..?a=b",
        ] {
            let status = status(&world, &format!("{route}{odd}")).await;
            assert!(["400", "404"].contains(&&*status), "{route}{odd}: {status}");
        }
    }
    for elsewhere in [
        "/x/../orders/1",
        "//orders/1",
        "/ORDERS/1",
        "/orders%2f1",
        "/%6frders/1",
        "/orders",
        "/orders/",
        "/Orders/1",
        "/order%c5%bf/1",
        "/ONE",
        "/one/",
        "*",
        "/orders\t/1",
    ] {
        let status = status(&world, elsewhere).await;
        assert!(["400", "404"].contains(&&*status), "{elsewhere}: {status}");
    }
    assert!(world.upstream.seen().is_empty());
    let alice = world.alice().mint();
    for path in ["/orders/..", "/plain/a%2fb"] {
        assert_eq!(
            world.call(&alice, path).await.field("grpc-status"),
            "3",
            "{path}"
        );
    }
    assert_eq!(world.idp.token_requests(), 0);
}

#[tokio::test]
async fn plain_path_is_appended_unchanged() {
    let world = World::start().await;
    for (sent, arrived) in [
        ("/orders/1", "/base/1"),
        ("/orders/1/", "/base/1/"),
        ("/orders/a%20b/%C3%a4?x=/../y", "/base/a%20b/%C3%a4?x=/../y"),
        ("/orders/a..b/.c", "/base/a..b/.c"),
        ("/orders/@evil.example:80/x", "/base/@evil.example:80/x"),
        ("/orders/http:%20x", "/base/http:%20x"),
        ("http://elsewhere.example/orders/2", "/base/2"),
        ("/plain/x/?q", "/x/?q"),
        ("/plain/@x", "/@x"),
        ("/one", "/"),
        ("/one?q", "/?q"),
    ] {
        assert_eq!(status(&world, sent).await, "200", "{sent}");
        let seen = world.upstream.seen().pop().unwrap();
        assert_eq!(seen.uri, *arrived, "{sent}");
        assert_ne!(seen.headers["host"], "a");
    }
}

/// BT-22
#[tokio::test]
async fn slash_does_not_bypass_exact_route() {
    let world = World::start().await;
    for near in [
        "/orders/admin/",
        "/orders/ADMIN",
        "/orders/Admin/",
        "/orders/admin/?x",
    ] {
        assert_eq!(status(&world, near).await, "404", "{near}");
    }
    assert_eq!(status(&world, "/orders/admin").await, "403");
    assert!(world.upstream.seen().is_empty());
    assert_eq!(status(&world, "/orders/admin/1").await, "200");
    let admin = world.alice().scope("admin").mint();
    assert_eq!(world.get(&admin, "/orders/admin").await.status, 200);
}

/// A route with a parameter, in addition to the wider `/orders/{*rest}`.
const PARAMETERS: &str = r#"
[[routes]]
path = "/orders/{id}/notes"
scopes = ["notes"]
upstream = "UPSTREAM/noted"
exchange = { issuer = "IDP", audience = "service-b" }

[[routes]]
path = "/tenants/{tenant}/stock/{sku}"
upstream = "UPSTREAM/of"
exchange = { issuer = "IDP", audience = "service-b" }
"#;

#[tokio::test]
async fn path_is_appended_from_parameter() {
    let world = World::configured(PARAMETERS).await;
    for (sent, arrived) in [
        ("/tenants/corp/stock/7?x", "/of/corp/stock/7?x"),
        ("/tenants/a%20b/stock/AB-7", "/of/a%20b/stock/AB-7"),
    ] {
        assert_eq!(status(&world, sent).await, "200", "{sent}");
        assert_eq!(world.upstream.seen().pop().unwrap().uri, *arrived, "{sent}");
    }
    let noted = world.alice().scope("notes").mint();
    assert_eq!(world.get(&noted, "/orders/7/notes").await.status, 200);
    let seen = world.upstream.seen().pop().unwrap();
    assert_eq!(seen.uri, "/noted/7/notes");
}

/// BT-22
#[tokio::test]
async fn wider_route_takes_no_near_path() {
    let world = World::configured(PARAMETERS).await;
    for (near, expected) in [
        ("/orders/7/notes", "403"),
        ("/orders/7/notes/", "404"),
        ("/orders/7/Notes", "404"),
        ("/Orders/7/notes", "404"),
        ("/tenants/corp/stock/", "404"),
        ("/tenants/corp/STOCK/7", "404"),
        ("/tenants/corp/stock/7/", "404"),
        ("/tenants/corp//stock/7", "400"),
        ("/tenants/corp/stock/7%2f8", "400"),
        ("/tenants/corp/stock/..", "400"),
        ("/tenants/corp/stock/7;v=1", "400"),
    ] {
        assert_eq!(status(&world, near).await, expected, "{near}");
    }
    assert!(world.upstream.seen().is_empty());
    assert_eq!(status(&world, "/orders/7/notes/8").await, "200");
}
