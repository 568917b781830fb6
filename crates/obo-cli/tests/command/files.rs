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
