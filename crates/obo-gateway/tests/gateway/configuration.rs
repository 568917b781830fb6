//! Files with mistakes, and their errors.

use obo_gateway::{Config, Gateway, StartError};
use obo_testkit::TestIdp;

const GOOD: &str = r#"
listen = "127.0.0.1:0"
[resource_server]
audiences = ["orders"]
issuers = [{ issuer = "http://127.0.0.1:9/a", profile = "lenient", leeway = "30s" }]
[client]
id = "service-a"
client_secret_basic = "top-s3cret"
[[routes]]
path = "/orders/{*rest}"
upstream = "http://127.0.0.1:9/base"
exchange = { issuer = "http://127.0.0.1:9/a", audience = "service-b" }
[[routes]]
path = "/protected"
actors = ["svc-a"]
"#;

async fn error(file: &str) -> String {
    let error = match Config::parse(file) {
        Err(error) => error,
        Ok(config) => match Gateway::start(config).await.map(drop) {
            Err(StartError::Config(error)) => error,
            other => panic!("{file}: {other:?}"),
        },
    };
    error.to_string()
}

#[tokio::test]
async fn mistake_names_its_place() {
    assert!(Gateway::start(Config::parse(GOOD).unwrap()).await.is_ok());
    for (good, bad, expected) in [
        ("listen = \"127.0.0.1:0\"", "listen = 80", "listen: "),
        ("listen = \"127.0.0.1:0\"", "", "missing field `listen`"),
        ("[resource_server]", "[resource_serve]", "resource_serve"),
        ("[client]", "[client", "line 6: "),
        ("\"orders\"", "\"\"", "resource_server.audiences[0]: "),
        ("[\"orders\"]", "[]", "resource_server.audiences: is empty"),
        (
            "lenient",
            "mystery",
            "resource_server.issuers[0].profile: unknown profile \"mystery\", expected one of",
        ),
        (
            "\"30s\"",
            "\"30 parsecs\"",
            "resource_server.issuers[0].leeway: ",
        ),
        ("\"30s\"", "\"30d\"", "resource_server.issuers[0].leeway: "),
        (
            "leeway",
            "leewy",
            "resource_server.issuers[0].leewy: unknown field",
        ),
        (
            "http://127.0.0.1:9/a\", profile",
            "http://idp.example/a\", profile",
            "resource_server.issuers[0].issuer: ",
        ),
        (
            "client_secret_basic",
            "client_secret_basc",
            "client.client_secret_basc: unknown field",
        ),
        (
            "client_secret_basic = \"top-s3cret\"",
            "",
            "client: has no client authentication method",
        ),
        (
            "\"top-s3cret\"",
            "{ env = \"NO_SUCH_VARIABLE_OF_OURS\" }",
            "client.client_secret_basic.env: ",
        ),
        (
            "[client]\nid = \"service-a\"\nclient_secret_basic = \"top-s3cret\"",
            "",
            "routes[0].exchange.issuer: needs a [client]",
        ),
        (
            "/orders/{*rest}",
            "/orders/{id}.json",
            "routes[0].path: \"/orders/{id}.json\" has the segment \"{id}.json\", which is not a parameter",
        ),
        ("/orders/{*rest}", "/orders/*", "routes[0].path: "),
        ("/orders/{*rest}", "orders", "routes[0].path: "),
        ("/orders/{*rest}", "//{*rest}", "routes[0].path: "),
        ("/orders/{*rest}", "/a/../{*rest}", "routes[0].path: "),
        ("/orders/{*rest}", "/:a/{*rest}", "routes[0].path: "),
        (
            "/orders/{*rest}",
            "/protected",
            "routes[1].path: another route has the path \"/protected\"",
        ),
        (
            "/protected",
            "/{tenant}/open",
            "routes: \"/orders/open\" may be read as \"/orders/{*rest}\" and as \"/{tenant}/open\"",
        ),
        (
            "http://127.0.0.1:9/base",
            "http://stock.example/base",
            "routes[0].upstream: ",
        ),
        (
            "http://127.0.0.1:9/base",
            "http://127.0.0.1:9/base?x",
            "routes[0].upstream: must have neither query",
        ),
        (
            "http://127.0.0.1:9/base",
            "http://127.0.0.1:9/a%2fb",
            "routes[0].upstream: ",
        ),
        ("http://127.0.0.1:9/base", "stock", "routes[0].upstream: "),
        (
            "upstream = \"http://127.0.0.1:9/base\"",
            "",
            "routes[0].upstream: is missing",
        ),
        ("exchange = {", "# {", "routes[0].exchange: is missing"),
        (
            "audience = \"service-b\"",
            "dialect = \"okta\"",
            "routes[0].exchange.audience: is missing",
        ),
        (
            "audience = \"service-b\"",
            "audience = \"service-b\", dialect = \"mine\"",
            "routes[0].exchange.dialect: ",
        ),
        (
            "audience = \"service-b\"",
            "audience = \"service-b\", scopes = [\"a b\"]",
            "routes[0].exchange.scopes: ",
        ),
        (
            "audience = \"service-b\"",
            "audiences = []",
            "routes[0].exchange.audience: is missing",
        ),
        (
            "audience = \"service-b\"",
            "audience = \"service-b\", audiense = []",
            "routes[0].exchange.audiense: unknown field",
        ),
        (
            "[\"svc-a\"]",
            "[]",
            "routes[1].actors: the list is empty or has an empty name",
        ),
        (
            "[\"svc-a\"]",
            "[7]",
            "routes[1].actors[0]: a name, or { iss, sub }",
        ),
        (
            "[\"svc-a\"]",
            "[{ sub = \"svc-a\" }]",
            "routes[1].actors[0]: ",
        ),
        ("actors = [\"svc-a\"]", "scopes = []", "routes[1].scopes: "),
        (
            "actors = [\"svc-a\"]",
            "scope = [\"a\"]",
            "routes[1].scope: unknown field",
        ),
        (
            "actors = [\"svc-a\"]",
            "issuers = []",
            "routes[1].issuers: is empty",
        ),
        (
            "actors = [\"svc-a\"]",
            "issuers = [\"http://127.0.0.1:9/b\"]",
            "routes[1].issuers: \"http://127.0.0.1:9/b\" is not an issuer of the [resource_server]",
        ),
        (
            "actors = [\"svc-a\"]",
            "timeout = \"1s\"",
            "routes[1].upstream: is missing",
        ),
        (
            "actors = [\"svc-a\"]",
            "timeout = \"0s\"",
            "routes[1].timeout: ",
        ),
    ] {
        let file = GOOD.replacen(good, bad, 1);
        assert_ne!(file, GOOD, "{good}");
        let error = error(&file).await;
        assert!(error.contains(expected), "{bad:?}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[test]
fn route_is_checked_at_parse() {
    for (good, bad, places) in [
        (
            "path = \"/protected\"",
            "path = \"/protected\"\nupstraem = \"http://127.0.0.1:9\"",
            [
                "routes[1].upstraem: unknown field `upstraem`",
                "`scopes`, ",
                "`upstream`, ",
            ],
        ),
        (
            "audience = \"service-b\"",
            "audiense = \"service-b\"",
            [
                "routes[0].exchange.audiense: unknown field",
                "`audience`, ",
                "`token_endpoint`, ",
            ],
        ),
        (
            "[[routes]]\npath = \"/protected\"",
            "[probes]\nready = \"/protected\"\n[[routes]]\npath = \"/protected\"",
            ["routes[1].path: is the path of `probes.ready` too", "", ""],
        ),
        (
            "listen = \"127.0.0.1:0\"",
            "listen = \"127.0.0.1:0\"\nlimits = { idle = \"0s\" }",
            ["limits.idle: is zero; write a duration such as", "", ""],
        ),
    ] {
        let file = GOOD.replacen(good, bad, 1);
        assert_ne!(file, GOOD, "{good}");
        let error = Config::parse(&file).unwrap_err().to_string();
        assert!(error.starts_with(places[0]), "{error}");
        assert!(places.iter().all(|part| error.contains(part)), "{error}");
        // The gateway adds this key itself; it is not a key of the file.
        assert!(!error.contains("`uri`"), "{error}");
    }
}

#[tokio::test]
async fn introspection_mistake_names_place() {
    let introspecting = |how: &str| {
        let file = GOOD.replace("leeway = \"30s\"", &format!("introspection = {{ {how} }}"));
        assert_ne!(file, GOOD);
        file
    };
    assert!(
        Gateway::start(Config::parse(&introspecting("")).unwrap())
            .await
            .is_ok()
    );
    for (how, expected) in [
        ("for = \"some\"", "for: unknown variant"),
        ("max_age = \"2h\"", "max_age: "),
        ("max_age = 60", "max_age: "),
        ("concurrency = 0", "concurrency: "),
        ("concurrency = -1", "concurrency: "),
        ("require_signed = \"yes\"", "require_signed: "),
        ("endpoint = \"http://idp.example/introspect\"", "endpoint: "),
        ("endpoint = \"introspect\"", "endpoint: "),
        ("allow_missing_expiry = true", "allow_missing_expiry: "),
        (
            "accept_missing_audience = true",
            "accept_missing_audience: unknown field",
        ),
        (
            "client = { id = \"a\" }",
            "client: has no client authentication method",
        ),
        (
            "client = { id = \"\", client_secret_basic = \"top-s3cret\" }",
            "client.id: ",
        ),
        (
            "client = { id = \"a\", client_secret = \"top-s3cret\" }",
            "client.client_secret: ",
        ),
        ("client = \"top-s3cret\"", "client: "),
    ] {
        let error = error(&introspecting(how)).await;
        let expected = format!("resource_server.issuers[0].introspection.{expected}");
        assert!(error.contains(&expected), "{how}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }

    // Neither the issuer nor the file has a client.
    let (file, _) = GOOD.split_once("[client]").unwrap();
    let file = file.replace("leeway = \"30s\"", "introspection = {}") + "[[routes]]\npath = \"/a\"";
    let message = error(&file).await;
    let expected = "resource_server.issuers[0].introspection.client: is missing";
    assert!(message.contains(expected), "{message}");

    let two = "}, { issuer = \"http://127.0.0.1:9/b\", introspection = {} ";
    let two = introspecting("").replace(
        "introspection = {  } ",
        &format!("introspection = {{}} {two}"),
    );
    // The client of the file is for one authorization server only.
    let message = error(&two).await;
    let expected = "resource_server.issuers[1].introspection.client: is missing";
    assert!(message.contains(expected), "{message}");
    let own = "{ client = { id = \"b\", client_secret_basic = \"s3cret\" } } ";
    let two = two.replace(
        "9/b\", introspection = {} ",
        &format!("9/b\", introspection = {own}"),
    );
    let message = error(&two).await;
    let expected = "resource_server.issuers[1].introspection: opaque tokens are already introspected at http://127.0.0.1:9/a";
    assert!(message.contains(expected), "{message}");
}

const AT_B: &str = r#"
[[routes]]
path = "/b/{*rest}"
upstream = "http://127.0.0.1:9/base"
exchange = { issuer = "http://127.0.0.1:9/b", audience = "service-b" }
"#;

#[tokio::test]
async fn second_issuer_requires_a_client() {
    let message = error(&format!("{GOOD}{AT_B}")).await;
    for expected in [
        "routes[2].exchange.issuer: ",
        "at http://127.0.0.1:9/a and at http://127.0.0.1:9/b",
        "issuer = \"http://127.0.0.1:9/a\"",
        "[[clients]] with `issuer = \"http://127.0.0.1:9/b\"`",
    ] {
        assert!(message.contains(expected), "{message}");
    }

    // A client with its issuer.
    let of_a = GOOD.replace("[client]", "[client]\nissuer = \"http://127.0.0.1:9/a\"");
    let message = error(&format!("{of_a}{AT_B}")).await;
    let expected = "routes[2].exchange.issuer: there is no client for http://127.0.0.1:9/b";
    assert!(message.contains(expected), "{message}");

    // A client for another authorization server than the exchange.
    let of_c = GOOD.replace("[client]", "[client]\nissuer = \"http://127.0.0.1:9/c\"");
    let message = error(&of_c).await;
    let expected = "routes[0].exchange.issuer: there is no client for http://127.0.0.1:9/a";
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn routes_agree_on_subject_issuers() {
    let also = "audience = \"service-c\", subject_issuers = [\"http://127.0.0.1:9/b\"] }";
    let second = AT_B
        .replace("9/b\"", "9/a\"")
        .replace("audience = \"service-b\" }", also);
    let message = error(&format!("{GOOD}{second}")).await;
    let expected = "routes[2].exchange.subject_issuers: differs from an earlier route";
    assert!(message.contains(expected), "{message}");
}

#[tokio::test]
async fn foreign_introspection_needs_client() {
    let of_b = "}, { issuer = \"http://127.0.0.1:9/b\", introspection = {} }]";
    for file in [
        GOOD.replace(" }]\n[client]", &format!("{of_b}\n[client]")),
        GOOD.replace(
            " }]\n[client]",
            &format!("{of_b}\n[client]\nissuer = \"http://127.0.0.1:9/a\""),
        ),
    ] {
        assert_ne!(file, GOOD);
        let message = error(&file).await;
        let expected = "resource_server.issuers[1].introspection.client: is missing: this service has no client \
                    at http://127.0.0.1:9/b";
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn client_has_issuer_and_is_unique() {
    let client = |issuer: &str| {
        format!("[[clients]]\n{issuer}\nid = \"b\"\nclient_secret_basic = \"top-s3cret\"\n")
    };
    let b = client("issuer = \"http://127.0.0.1:9/b\"");
    let two = format!("{GOOD}{AT_B}{b}");
    assert!(Gateway::start(Config::parse(&two).unwrap()).await.is_ok());
    for (file, expected) in [
        (
            format!("{GOOD}{}", client("")),
            "clients[0].issuer: is missing",
        ),
        (
            format!("{two}{b}"),
            "clients[1].issuer: http://127.0.0.1:9/b has two clients",
        ),
        (
            format!("{GOOD}{}", client("issuer = \"idp\"")),
            "clients[0]",
        ),
        (
            two.replace("client_secret_basic = \"top-s3cret\"\n", "\n"),
            "client: has no client authentication method",
        ),
    ] {
        let message = error(&file).await;
        assert!(message.contains(expected), "{message}");
        assert!(!message.contains("s3cret"), "{message}");
    }
}

#[tokio::test]
async fn misplaced_secret_is_not_quoted() {
    for bad in [
        GOOD.replace(
            "[client]\nid = \"service-a\"\nclient_secret_basic =",
            "client =",
        ),
        GOOD.replace("id = \"service-a\"", "id = 7"),
        GOOD.replace(
            "client_secret_basic = \"top-s3cret\"",
            "client_secret_basic = \"top-s3cret",
        ),
        GOOD.replace(
            "client_secret_basic = \"top-s3cret\"",
            "client_secret_basic = [\"top-s3cret\"]",
        ),
        GOOD.replace("actors = [\"svc-a\"]", "require_actor = \"top-s3cret\""),
        GOOD.replace("listen = \"127.0.0.1:0\"", "listen = \"top-s3cret\""),
        GOOD.replace(
            "leeway = \"30s\"",
            "introspection = { for = \"top-s3cret\" }",
        ),
    ] {
        let error = error(&bad).await;
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn only_eager_issuer_prevents_startup() {
    let idp = TestIdp::start().await;
    let eager = GOOD.replace("profile = \"lenient\"", "lazy = false");
    let start = |file: &str| Gateway::start(Config::parse(file).unwrap());
    let error = start(&eager).await.map(drop).unwrap_err();
    assert!(matches!(error, StartError::Keys(_)), "{error:?}");
    assert!(
        error.to_string().contains("http://127.0.0.1:9/a"),
        "{error}"
    );
    let reachable = eager.replace("http://127.0.0.1:9/a", idp.issuer());
    assert!(start(&reachable).await.is_ok());
    assert_eq!((idp.jwks_requests(), idp.token_requests()), (1, 0));
}

#[tokio::test]
async fn example_file_is_valid() {
    let file = include_str!("../../../../examples/gateway.toml");
    let config = Config::parse(file).unwrap();
    Gateway::start(config).await.unwrap();
}
