//! Which rule or route decides.

use snapbox::{assert_data_eq, str};

use crate::world::World;

const GATEWAY: &str = r#"
listen = "127.0.0.1:0"

[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "ISSUER" }]

[client]
id = "service-a"
client_secret_basic = "s3cret"

[[routes]]
path = "/orders/{*rest}"
scopes = ["orders:read"]
upstream = "http://127.0.0.1:9"
exchange = { issuer = "ISSUER", audience = "stock" }

[[routes]]
path = "/orders/{id}"
any_of = [{ roles = ["clerk"] }, { actors = ["web"], require_actor = true }]

[[routes]]
path = "/{*rest}"
"#;

#[tokio::test(flavor = "multi_thread")]
async fn route_that_applies_is_shown() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let ran = world
        .run(&["check", "-c", &config, "GET", "/orders/7"], "")
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✓ route /orders/{id} requires any of (role clerk | issuer ISSUER; actor web)
· upstream none: the gateway responds with the claims of the caller
· route /orders/{*rest} matches too, but `/orders/{id}` is more specific
· route /{*rest} matches too, but `/orders/{id}` is more specific
exit code 0

"#]]
    );
    let token = world.alice();
    let arguments = ["check", "-c", &config, "GET", "/orders/7", "--token", "-"];
    let ran = world.run(&arguments, &token).await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ any of (role clerk | issuer ISSUER; actor web) the subject is refused: it lacks a required role; the token has no actor
→ change the rule, or call with a token that has it
exit code 1

"#]]
    );
    let arguments = [
        "check",
        "-c",
        &config,
        "GET",
        "/orders/7/lines",
        "--token",
        "-",
    ];
    let ran = world.run(&arguments, &token).await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn path_without_rule_is_denied() {
    let world = World::new().await;
    let config = world.service();
    for path in ["/", "/Orders/7", "/orders/../x", "/items"] {
        let ran = world.run(&["check", "-c", &config, "GET", path], "").await;
        assert_eq!(ran.code, 1, "{path} {ran:?}");
    }
    let ran = world
        .run(&["check", "-c", &config, "GET", "/orders/7/"], "")
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ rule 403: denied: some server may read the path as a listed one, from which it differs by letter case, a slash at the end or an escape
→ call the listed path, or list this one too
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_rule_is_listed() {
    let world = World::new().await;
    let more = "\n[[rules]]\npath = \"/{*rest}\"\n[[rules]]\notherwise = true\nscopes = [\"x\"]\n";
    let text = std::fs::read_to_string(world.service()).unwrap();
    let config = world.file("otherwise.toml", &(text + more));
    let ran = world
        .run(&["check", "-c", &config, "GET", "/items"], "")
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✓ rule /{*rest} requires a valid token
· shadowed: /{*rest} `/{*rest}` does not apply to `/orders/{id}`, which is more specific and lists only GET; a request with another method is denied there; list it for `/orders/{id}` too
· unreachable: otherwise the rule of all other paths never applies: `/{*rest}` matches every path; remove one of them
exit code 0

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_destinations_are_tried() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let ran = world
        .run(&["doctor", "-c", &config, "--token", "-"], &world.alice())
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.contains("destination stock (http://127.0.0.1:9)"),
        "{ran:?}"
    );
    let ran = world
        .run(
            &["exchange", "-c", &config, "--to", "stock"],
            &world.alice(),
        )
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_request_line_is_named() {
    let world = World::new().await;
    let config = world.service();
    for (method, path, change) in [
        ("get", "/orders/7", "write GET: methods are case-sensitive"),
        (
            "GET",
            "orders/7",
            "write the path with a slash at its start: /orders/7",
        ),
        (
            "GET",
            "/items?page=2",
            "write the path without the query: /items",
        ),
        (
            "GET",
            "https://shop.example/items?page=2",
            "write the path without scheme and host: /items",
        ),
        ("GET", "/items", "add a rule for GET /items"),
    ] {
        let ran = world.run(&["check", "-c", &config, method, path], "").await;
        assert!(ran.code == 1 && ran.out.contains(change), "{ran:?}");
    }
}

/// A check sends nothing, so it runs where the secrets are not.
#[tokio::test(flavor = "multi_thread")]
async fn check_needs_no_secret() {
    let world = World::new().await;
    let own = "client_secret_basic = \"s3cret\"";
    let missing = "client_secret_basic = { file = \"/none/secret\" }";
    let more = "[audit]\npseudonym_key = { env = \"OBO_NO_SUCH_KEY\" }\n";
    let service = std::fs::read_to_string(world.service()).unwrap();
    let dialect = "[exchange]\ndialect = { extra_parameters = { k = { env = \"OBO_NO_SUCH_KEY\" } } }\n\
                   actor = { file = \"/none/actor\" }";
    let service = service.replace("[exchange]", dialect).replace(own, missing) + more;
    let config = world.file("bare.toml", &service);
    let token = world.alice();
    let arguments = ["check", "-c", &config, "GET", "/orders/7", "--token", "-"];
    let ran = world.run(&arguments, &token).await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
· secrets not read, which only introspection and exchanges need: FOLDER/bare.toml: client.client_secret_basic.file: /none/secret cannot be read: No such file or directory (os error 2)
✓ rule /orders/{id} requires issuer ISSUER; scope orders:read; any of (actor web | no actor)
✓ token accepted, for alice
✓ issuer ISSUER the token has it
✓ scope orders:read the token has it
✓ any of (actor web | no actor) the token has it
exit code 0

"#]]
    );
    let ran = world
        .run(&["inspect", "-c", &config, "--online"], &token)
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    // An exchange requires them.
    let ran = world
        .run(&["exchange", "-c", &config, "--to", "stock"], &token)
        .await;
    assert!(
        ran.code == 1 && ran.err.contains("cannot be read"),
        "{ran:?}"
    );
    // Introspection requires them too, and nothing is sent without.
    let introspected = service.replace("\" }]", "\", introspection = {} }]");
    let config = world.file(
        "introspected.toml",
        &introspected.replace("ISSUER", world.idp.issuer()),
    );
    let ran = world
        .run(&["inspect", "-c", &config, "--online"], &token)
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
? verdict introspection is not available: the secrets of the file were not read
→ run `obo doctor` with the same file
exit code 2

"#]]
    );
    assert_eq!(world.idp.introspection_requests(), 0);

    let gateway = world.file("gateway.toml", &GATEWAY.replace(own, missing));
    let ran = world
        .run(&["check", "-c", &gateway, "GET", "/orders/7/lines"], "")
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
· secrets not read, which only introspection and exchanges need: FOLDER/gateway.toml: client.client_secret_basic.file: /none/secret cannot be read: No such file or directory (os error 2)
✓ route /orders/{*rest} requires scope orders:read
· upstream the gateway requests http://127.0.0.1:9/7/lines
· route /{*rest} matches too, but `/orders/{*rest}` is more specific
exit code 0

"#]]
    );
}
