//! Mistakes in files: each has its place, and no secret is shown.

use snapbox::{assert_data_eq, str};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_key_has_its_place() {
    let world = World::new().await;
    let text = std::fs::read_to_string(world.service()).unwrap();
    let config = world.file("wrong.toml", &text.replace("uri = ", "url = "));
    let ran = world.run(&["doctor", "-c", &config], "").await;
    assert_eq!(ran.code, 1);
    assert_data_eq!(
        ran.err,
        str![[r#"
error: destinations[0].url: unknown field `url`, expected one of `uri`, `audience`, `audiences`, `resource`, `resources`, `or_named`, `scopes`, `required_scopes`, `dialect`, `bind`, `danger_plaintext`, `danger_any_audience`
  --> FOLDER/wrong.toml:14:1
   |
14 | url
   | ^^^

"#]]
    );
    let config = world.file("syntax.toml", &text.replace("[client]", "[client"));
    let ran = world.run(&["doctor", "-c", &config], "").await;
    assert_data_eq!(
        ran.err,
        str![[r#"
error: line 6: unclosed table, expected `]`
 --> FOLDER/syntax.toml:6:1
  |
6 |
  | ^

"#]]
    );
    let ran = world.run(&["--json", "doctor", "-c", &config], "").await;
    assert_data_eq!(
        ran.out,
        str![[r#"
{"error":"FOLDER/syntax.toml: line 6: unclosed table, expected `]`","exit_code":1,"place":"FOLDER/syntax.toml:6:1"}

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_file_is_unknown() {
    let world = World::new().await;
    let ran = world
        .run(&["doctor", "-c", &world.path("none.toml")], "")
        .await;
    assert_eq!(ran.code, 2);
    assert_data_eq!(
        ran.err,
        str![[r#"
error: FOLDER/none.toml cannot be read: No such file or directory (os error 2)

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_in_wrong_place_is_hidden() {
    let world = World::new().await;
    let text = std::fs::read_to_string(world.service()).unwrap();
    for (from, to) in [
        (
            "client_secret_basic = \"s3cret\"",
            "client_secret_basic = { env = \"s3cret\" }",
        ),
        ("audiences = [\"service-a\"]", "audiences = \"s3cret\""),
        (
            "client_secret_basic = \"s3cret\"",
            "tls_client_auth = \"s3cret\"",
        ),
    ] {
        let config = world.file("secret.toml", &text.replace(from, to));
        // `run` fails if the secret is printed.
        let ran = world.run(&["doctor", "-c", &config], "").await;
        assert_eq!(ran.code, 1, "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_file_has_places_too() {
    let world = World::new().await;
    let text = "{\n  \"resource_server\": {\n    \"audience\": [\"service-a\"]\n  }\n}\n";
    let config = world.file("wrong.json", text);
    let ran = world.run(&["doctor", "-c", &config], "").await;
    assert_data_eq!(
        ran.err,
        str![[r#"
error: resource_server.audience: unknown field `audience`, expected one of `audiences`, `issuers`, `token_cache_bytes`
 --> FOLDER/wrong.json:3:6
  |
3 |      audience
  |      ^^^^^^^^

"#]]
    );
    let config = world.file("syntax.json", &text.replace("[", ""));
    let ran = world.run(&["doctor", "-c", &config], "").await;
    assert_data_eq!(
        ran.err,
        str![[r#"
error: line 3 column 28: expected `,` or `}`
 --> FOLDER/syntax.json:3:28
  |
3 |[..]
  |                            ^

"#]]
    );
    let ran = world.run(&["--json", "doctor", "-c", &config], "").await;
    assert_data_eq!(
        ran.out,
        str![[r#"
{"error":"FOLDER/syntax.json: line 3 column 28: expected `,` or `}`","exit_code":1,"place":"FOLDER/syntax.json:3:28"}

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn file_of_another_form_is_named() {
    let world = World::new().await;
    let config = world.file("gateway.json", r#"{"listen": "127.0.0.1:0", "routes": []}"#);
    let ran = world.run(&["doctor", "-c", &config], "").await;
    assert!(ran.code == 1 && ran.err.contains("is TOML"), "{ran:?}");
    let config = world.file("service.yaml", "resource_server: {}");
    for command in ["doctor", "gateway", "idp"] {
        let ran = world.run(&[command, "-c", &config], "").await;
        assert!(
            ran.code == 2 && ran.err.contains("reads TOML, or JSON"),
            "{ran:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn secret_as_key_is_hidden() {
    let world = World::new().await;
    let text = std::fs::read_to_string(world.service()).unwrap();
    let secret = "Qx7-PvT2s3cretZ9";
    for (from, to) in [
        (
            "client_secret_basic = \"s3cret\"",
            format!("\"{secret}\" = true"),
        ),
        ("audience = \"stock\"", format!("\"{secret}\" = true")),
        ("[exchange]", format!("[\"{secret}\"]\na = 1\n[exchange]")),
        ("\" }]", format!("\", algorithms = [\"{secret}/+\"] }}]")),
        ("\" }]", format!("\", profile = \"{secret}\" }}]")),
        ("\" }]", format!("\", leeway = \"{secret}\" }}]")),
    ] {
        let config = world.file("secret.toml", &text.replace(from, &to));
        // `run` fails if the secret is printed.
        let ran = world.run(&["doctor", "-c", &config], "").await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains("not shown, because"), "{ran:?}");
    }
}

/// A gateway's file without a mistake.
const GATEWAY: &str = r#"
listen = "127.0.0.1:0"

[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "https://idp.example.com" }]

[client]
id = "service-a"
client_secret_basic = "s3cret"

[shared]
redis = "redis://127.0.0.1:1"
key_ring = [{ id = "k1", file = "ring-k1" }]

[[routes]]
path = "/me"

[[routes]]
path = "/stock/{*rest}"
upstream = "https://stock.example"
exchange = { issuer = "https://idp.example.com", audience = "stock" }
"#;

#[tokio::test(flavor = "multi_thread")]
async fn check_names_value_and_change() {
    let world = World::new().await;
    let check = async |text: &str| {
        let config = world.file("mistake.toml", text);
        world.run(&["check", "-c", &config, "GET", "/me"], "").await
    };
    let ran = check(GATEWAY).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for (from, to, expected) in [
        (
            "com\" }]",
            "com/.well-known/openid-configuration\" }]",
            "resource_server.issuers[0].issuer: is the URL of a discovery document; write \"https://idp.example.com\"",
        ),
        (
            "com\" }]",
            "com\", leeway = \"2h\" }]",
            "resource_server.issuers[0].leeway: 2h is more than 5m; fix the clock instead",
        ),
        (
            "com\" }]",
            "com\", max_age = \"0s\" }]",
            "resource_server.issuers[0].max_age: 0s is not between 60s and 24h",
        ),
        (
            "com\" }]",
            "com\", introspection = true }]",
            "issuers[0].introspection: invalid type: boolean `true`, expected a table",
        ),
        (
            "com\" }]",
            "com\", introspection = { for = \"opaque\" } }]",
            "introspection.for: unknown variant `opaque`, expected one of `all_tokens`",
        ),
        (
            "idp.example.com\" }]",
            "other.example.com\", introspection = { for = \"opaque_tokens\" } }]",
            "issuers[0].introspection.client: is missing: this service has no client at https://other.example.com",
        ),
        (
            "= [\"service-a\"]",
            "= []",
            "resource_server.audiences: is empty; write what tokens for this service have in `aud`",
        ),
        (
            "127.0.0.1:0",
            "localhost",
            "listen: \"localhost\" is not an IP address with a port; write one such as \"127.0.0.1:8080\"",
        ),
        (
            "audience = \"stock\" }",
            "audience = \"stock\", bind = \"dpop\" }",
            "routes[1].exchange.bind: needs a key; write `dpop_key = { key = \"dpop.pem\", alg = \"ES256\" }`",
        ),
        (
            "audience = \"stock\" }",
            "audience = \"stock\", actor = \"me\" }",
            "routes[1].exchange.actor: unknown source \"me\", expected \"client_credentials\" or a table",
        ),
        (
            "client_secret_basic = \"s3cret\"",
            "private_key_jwt = { key = \"key.pem\", alg = \"ES255\" }",
            "client.private_key_jwt.alg: unknown algorithm \"ES255\"",
        ),
        (
            "https://stock",
            "http://stock",
            "routes[1].upstream: \"http://stock.example\" is plain http",
        ),
        (
            "key_ring",
            "deadline = \"6s\"\nkey_ring",
            "shared.deadline: 6s is not between 1ms and 5s",
        ),
        (
            "key_ring",
            "revocation = { strict = \"1s\" }\nkey_ring",
            "shared.revocation.strict: 1s is too short, expected at least 5s",
        ),
    ] {
        let text = GATEWAY.replacen(from, to, 1);
        assert_ne!(text, GATEWAY, "{from}");
        let ran = check(&text).await;
        assert!(ran.code == 1 && ran.err.contains(expected), "{to}: {ran:?}");
    }

    // A secret that is only where the service runs is no mistake of the file.
    let secret = "client_secret_basic = { file = \"/no/such/file\" }";
    let ran = check(&GATEWAY.replace("client_secret_basic = \"s3cret\"", secret)).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.plain().contains("secrets not read"), "{ran:?}");
}
