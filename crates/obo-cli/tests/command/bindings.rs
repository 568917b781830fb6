//! Bound tokens: what the commands say of settings, of servers, and of a token.

use obo_testkit::{TestAlg, TestKey};
use serde_json::json;
use snapbox::{assert_data_eq, str};

use crate::causes::late_issuer;
use crate::world::World;

const GATEWAY: &str = r#"
listen = "127.0.0.1:8080"

[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "ISSUER" }]

[client]
id = "service-a"
client_secret_basic = "s3cret"
DPOP_KEY

[binding]
BINDING

[[routes]]
path = "/orders/{*rest}"
require_bound = true
upstream = "http://127.0.0.1:9"
exchange = { issuer = "ISSUER", audience = "stock" }

[[routes]]
path = "/{*rest}"
"#;

/// A gateway with these keys of `[binding]`.
fn gateway(world: &World, binding: &str) -> String {
    let text = GATEWAY.replace("DPOP_KEY", "");
    world.file("gateway.toml", &text.replace("BINDING", binding))
}

const ACCEPT: &str = "base_url = \"https://a.example/v1/\"\ndpop = \"accept\"";

#[tokio::test(flavor = "multi_thread")]
async fn bound_route_without_binding_is_wrong() {
    let world = World::new().await;
    for (binding, change) in [
        (
            "",
            "→ write `base_url` and `dpop = \"accept\"` into [binding], or `certificate`",
        ),
        (
            "base_url = \"https://a.example\"",
            "→ write `base_url` and `dpop = \"accept\"` into [binding], or `certificate`",
        ),
    ] {
        let config = gateway(&world, binding);
        let ran = world.run(&["doctor", "-c", &config], "").await;
        let wrong = "✗ binding a bound token is required by route /orders/{*rest}, and none is accepted: each request \
                     is refused with 401";
        let shown = ran.plain();
        assert!(shown.contains(wrong) && shown.contains(change), "{shown}");
        let ran = world
            .run(&["check", "-c", &config, "GET", "/orders/7"], "")
            .await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(
            ran.plain().contains("required by this route, and"),
            "{ran:?}"
        );
        // The other route is not concerned.
        let ran = world.run(&["check", "-c", &config, "GET", "/me"], "").await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let config = world.service();
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text.replace("issuers = [{ ", "issuers = [{ require_bound = true, ");
    let config = world.file("issuer.toml", &text);
    let ran = world
        .run(&["check", "-c", &config, "GET", "/orders/7"], "")
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ binding a bound token is required by issuer ISSUER, and none is accepted: each request is refused with 401
→ add [binding] with `base_url` and `dpop = "accept"`, or with `certificate`
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_without_effect_are_noted() {
    let world = World::new().await;
    let text = "base_url = \"https://a.example\"\nnonce = true\ncertificate = { header = \"client-cert\", from = [\"127.0.0.1\"] }";
    let config = gateway(&world, text);
    let ran = world.run(&["check", "-c", &config, "GET", "/me"], "").await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✓ route /{*rest} requires a valid token
· bound token not required
· binding `base_url` has no effect, because `dpop` is "off": tokens that are bound to a key are refused
→ write `dpop = "accept"`, or remove `base_url`
· binding `nonce` has no effect, because `dpop` is "off": tokens that are bound to a key are refused
→ write `dpop = "accept"`, or remove `nonce`
· upstream none: the gateway responds with the claims of the caller
exit code 0

"#]]
    );
    // Without a URL no proof could be checked, so it does not build.
    let config = gateway(&world, "dpop = \"accept\"");
    let ran = world.run(&["check", "-c", &config, "GET", "/me"], "").await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.err
            .contains("binding.base_url: is missing, and `dpop` needs it"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn request_shows_its_proof() {
    let world = World::new().await;
    let config = gateway(&world, ACCEPT);
    let ran = world
        .run(&["check", "-c", &config, "POST", "/orders/7"], "")
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✓ route /orders/{*rest} requires a bound token
· bound token required by this route
· proof `htm` is POST, and `htu` is https://a.example/v1/orders/7
· binding `base_url` is https://a.example/v1/, and the gateway listens on http://127.0.0.1:8080
→ a proxy with TLS must be in front and keep the paths: proofs for http://127.0.0.1:8080 are refused
· binding used proofs are known to one process: without [shared], replicas do not share them
→ with several replicas, add [shared]: else a proof works once at each of them
· upstream the gateway requests http://127.0.0.1:9/7
· route /{*rest} matches too, but `/orders/{*rest}` is more specific
exit code 0

"#]]
    );
    let ran = world.run(&["check", "-c", &config, "GET", "/me"], "").await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✓ route /{*rest} requires a valid token
· bound token not required
· proof `htm` is GET, and `htu` is https://a.example/v1/me
· binding `base_url` is https://a.example/v1/, and the gateway listens on http://127.0.0.1:8080
→ a proxy with TLS must be in front and keep the paths: proofs for http://127.0.0.1:8080 are refused
· binding used proofs are known to one process: without [shared], replicas do not share them
→ with several replicas, add [shared]: else a proof works once at each of them
· upstream none: the gateway responds with the claims of the caller
exit code 0

"#]]
    );
    let ran = world
        .run(&["--json", "check", "-c", &config, "GET", "/me"], "")
        .await;
    let json: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["htu"], "https://a.example/v1/me");
    assert_eq!(json["requires_bound"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_listener_is_noted() {
    let world = World::new().await;
    let noted = async |binding: &str| {
        let config = gateway(&world, &format!("{binding}\ndpop = \"accept\""));
        let ran = world.run(&["check", "-c", &config, "GET", "/me"], "").await;
        ran.plain().contains("listens on http://127.0.0.1:8080")
    };
    assert!(noted("base_url = \"https://a.example\"").await);
    assert!(noted("base_url = \"http://127.0.0.1:9090\"").await);
    assert!(noted("base_url = \"http://[::1]:8080\"").await);
    assert!(!noted("base_url = \"http://127.0.0.1:8080/v1\"").await);
    assert!(!noted("base_url = \"http://localhost:8080\"").await);
}

/// The token is right under `dpop = "require"`, and a proof is of a request.
#[tokio::test(flavor = "multi_thread")]
async fn missing_proof_does_not_refuse() {
    let world = World::new().await;
    let require = ACCEPT.replace("accept", "require");
    let config = gateway(&world, &require);
    let key = TestKey::generate(TestAlg::Es256);
    let token = world.idp.user("alice").audience("service-a");
    let bound = token.bound_to(&key).mint();
    let ran = world
        .run(&["inspect", "--online", "-c", &config], &bound)
        .await;
    let shown = ran.plain();
    let (_, shown) = shown.split_once("✓ signature").unwrap();
    assert_data_eq!(
        shown.to_owned(),
        str![[r#"
 verified by the key rs256-[..]
✓ verdict accepted, for the user alice, from a sender that proves the binding by a proof (DPoP), which was not checked here
· rule /orders/{*rest} passes: a bound token
· rule /{*rest} passes: a valid token
exit code 0

"#]]
    );
    let arguments = ["check", "-c", &config, "GET", "/orders/7", "--token", "-"];
    let ran = world.run(&arguments, &bound).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.plain().contains("✓ a bound token the token has it"),
        "{ran:?}"
    );
    let ran = world
        .run(&["doctor", "-c", &config, "--token", "-"], &bound)
        .await;
    assert!(
        ran.plain().contains("the caller's token was exchanged"),
        "{ran:?}"
    );

    // A plain one never passes.
    for command in [
        &["inspect", "--online", "-c", &config][..],
        &arguments,
        &["doctor", "-c", &config, "--token", "-"],
    ] {
        let ran = world.run(command, &world.alice()).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        let why = "verdict token is not bound to a key or certificate";
        let change = "→ `dpop = \"require\"` in [binding] demands it";
        let shown = ran.plain();
        assert!(shown.contains(why) && shown.contains(change), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_for_proofs_is_checked() {
    let world = World::new().await;
    let pem = TestKey::generate(TestAlg::Es256).private_pem();
    let key = world.file("dpop.pem", &pem);
    let text = |alg: &str, bind: &str| {
        let line = format!("dpop_key = {{ key = \"{key}\", alg = \"{alg}\" }}");
        let text = GATEWAY.replace("DPOP_KEY", &line);
        let text = text.replace("BINDING", ACCEPT);
        world.file(
            "keyed.toml",
            &text.replace("\"stock\"", &format!("\"stock\"{bind}")),
        )
    };
    let doctor = async |config: &str| world.run(&["doctor", "-c", config], "").await;
    let bind = ", bind = \"dpop\"";
    let ran = doctor(&text("ES256", bind)).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let right = "✓ client key for DPoP at ISSUER usable, for ES256, which the server accepts";
    assert!(ran.plain().contains(right), "{ran:?}");
    let ran = doctor(&text("ES256", "")).await;
    assert!(
        ran.plain().contains("DPoP at ISSUER has no effect"),
        "{ran:?}"
    );

    let other = late_issuer(json!({ "dpop_signing_alg_values_supported": ["RS256", "EdDSA"] }));
    let config = text("ES256", bind);
    let file = std::fs::read_to_string(&config).unwrap();
    let file = file.replace(world.idp.issuer(), &other.await);
    let ran = doctor(&world.file("other.toml", &file)).await;
    let wrong = "is for ES256, and the server accepts proofs with RS256, EdDSA";
    assert!(ran.wrong().contains(wrong), "{ran:?}");

    let ran = doctor(&text("RS256", bind)).await;
    assert_eq!(ran.code, 1);
    assert_data_eq!(
        ran.err.lines().next().unwrap().to_owned(),
        str![
            "error: client.dpop_key.key: not a PEM private key for RS256: found `PRIVATE KEY`, whose first key has another type or curve; expected PKCS#8 (`BEGIN PRIVATE KEY`)"
        ]
    );
    world.file("dpop.pem", "s3cret");
    let ran = doctor(&text("ES256", bind)).await;
    assert_data_eq!(
        ran.err.lines().next().unwrap().to_owned(),
        str![
            "error: client.dpop_key.key: not a PEM private key for ES256: found no line `-----BEGIN …-----`; expected PKCS#8 (`BEGIN PRIVATE KEY`)"
        ]
    );
    std::fs::remove_file(&key).unwrap();
    let ran = doctor(&text("ES256", bind)).await;
    assert_data_eq!(
        ran.err.lines().next().unwrap().to_owned(),
        str![
            "error: client.dpop_key.key: the file cannot be read: No such file or directory (os error 2)"
        ]
    );
    let config = gateway(&world, ACCEPT);
    let without = std::fs::read_to_string(&config).unwrap();
    let config = world.file(
        "unkeyed.toml",
        &without.replace("\"stock\"", "\"stock\", bind = \"dpop\""),
    );
    let ran = doctor(&config).await;
    assert_data_eq!(
        ran.err.lines().next().unwrap().to_owned(),
        str![[
            r#"error: routes[0].exchange.bind: needs a key; write `dpop_key = { key = "dpop.pem", alg = "ES256" }` into the client for ISSUER"#
        ]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn server_without_bindings_is_noted() {
    let world = World::new().await;
    let issuer = late_issuer(json!({})).await;
    let file = format!(
        "[resource_server]\naudiences = [\"a\"]\nissuers = [{{ issuer = \"{issuer}\" }}]\n\
         [binding]\n{ACCEPT}\ncertificate = \"connection\"\n"
    );
    let config = world.file("without.toml", &file);
    let ran = world.run(&["doctor", "-c", &config], "").await;
    let shown = ran.plain().replace(&issuer, "SERVER");
    for (member, change) in [
        ("dpop_signing_alg_values_supported", "→ enable DPoP"),
        (
            "tls_client_certificate_bound_access_tokens",
            "→ enable tokens that are bound to cert",
        ),
    ] {
        let lacks = format!("· SERVER binding the metadata has no `{member}`");
        assert!(shown.contains(&lacks) && shown.contains(change), "{shown}");
    }
}
