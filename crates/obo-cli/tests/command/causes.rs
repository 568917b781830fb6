//! Common mistakes. Each test runs one command and finds the cause, and what to change.

#![allow(clippy::disallowed_methods, reason = "a clock that is off")]

use std::time::{Duration, SystemTime};

use serde_json::json;
use snapbox::{assert_data_eq, str};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn issuer_with_a_slash_too_many() {
    let world = World::new().await;
    let text = std::fs::read_to_string(world.service()).unwrap();
    let config = world.file("slash.toml", &text.replace(world.idp.issuer(), "ISSUER/"));
    let ran = world.run(&["doctor", "-c", &config], "").await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ ISSUER/ discovery discovery of ISSUER/ failed: issuer: the discovery document is of another issuer: it has "ISSUER", and "ISSUER/" is configured; they differ only in the slash at the end; configure the issuer exactly as the server spells it
→ write the issuer in the file as the server spells it
? client service-a at ISSUER/ no usable token for audience "stock": discovery of ISSUER/ failed: issuer: the discovery document is of another issuer: it has "ISSUER", and "ISSUER/" is configured; they differ only in the slash at the end; configure the issuer exactly as the server spells it
exit code 1

"#]]
    );
    let ran = world.run(&["inspect", "-c", &config], &world.alice()).await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ issuer issuer is not trusted; `iss` must equal one of these, character by character: ISSUER/; the token's issuer differs only in the slash at the end from the trusted ISSUER/
→ write the issuer in FOLDER/slash.toml as the token has it: "ISSUER"
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_audience() {
    let world = World::new().await;
    let token = world.idp.user("alice").audience("billing").mint();
    let ran = world
        .run(&["inspect", "--online", "-c", &world.service()], &token)
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ audience token is addressed to "billing" and not to this service; expected audience service-a; `Trust::audience` (`audiences` in a file) accepts another name of this service
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_off_by_90_seconds() {
    let world = World::new().await;
    world.idp.set_clock_offset(95);
    let token = world.alice();
    let ran = world
        .run(&["inspect", "--online", "-c", &world.service()], &token)
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ issued at token claims to be issued [..] in the future, leeway 60s; compare the clocks of this machine and of the issuer
→ `obo doctor` compares the clocks
exit code 1

"#]]
    );
}

const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k1",
    "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// An issuer whose clock is 90 s behind, with more members of its document. Returns its URL.
pub(crate) async fn late_issuer(more: serde_json::Value) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let mut document = json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") });
    let members = document.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    let document = document.to_string();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 2048];
            let read = stream.read(&mut head).await.unwrap();
            let is_keys = head[..read].starts_with(b"GET /jwks");
            let body = if is_keys { KEYS } else { &document };
            let date = SystemTime::now() - Duration::from_secs(90);
            let date = httpdate::fmt_http_date(date);
            let head = format!("HTTP/1.1 200 OK\r\ndate: {date}\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all((head + body).as_bytes()).await;
        }
    });
    issuer
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_of_the_issuer_is_compared() {
    let world = World::new().await;
    let issuer = late_issuer(json!({})).await;
    let file = format!(
        "[resource_server]\naudiences = [\"a\"]\nissuers = [{{ issuer = \"{issuer}\" }}]\n"
    );
    let ran = world
        .run(&["doctor", "-c", &world.file("late.toml", &file)], "")
        .await;
    let wrong = ran.wrong().replace(&issuer, "LATE");
    assert_data_eq!(
        wrong,
        str![[r#"
✗ LATE clock this host is 1m [..] ahead of the server
→ correct the clock that is wrong (NTP); tokens are refused beyond the leeway
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn key_set_without_a_usable_key() {
    let world = World::new().await;
    let keys = json!({ "keys": [
        { "kty": "oct", "k": "AAAA", "kid": "mac" },
        { "kty": "RSA", "use": "enc", "n": "AQAB", "e": "AQAB" },
    ] });
    world.idp.replace_jwks(Some(keys.to_string()));
    let ran = world.run(&["doctor", "-c", &world.service()], "").await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ ISSUER keys ISSUER/jwks: the set has 2 keys and none is usable: keys[0] has a private member, so anyone could sign with it; keys[1] has a `use` other than `sig`
→ publish a signing key that this library supports: RS256 to PS512, ES256, ES384, EdDSA
exit code 1

"#]]
    );
    let one = json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] });
    world.idp.replace_jwks(Some(one.to_string()));
    let ran = world.run(&["doctor", "-c", &world.service()], "").await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ ISSUER keys ISSUER/jwks: the set has 1 key, and it is not usable: keys[0] has a private member, so anyone could sign with it
→ publish a signing key that this library supports: RS256 to PS512, ES256, ES384, EdDSA
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_client_secret() {
    let world = World::new().await;
    let _ = world.idp.client("service-a").secret("another");
    let ran = world.run(&["doctor", "-c", &world.service()], "").await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ client service-a at ISSUER no usable token for audience "stock": the token endpoint refused with status 401 Unauthorized: client authentication failed; this service is client "service-a" of ISSUER: compare its identifier, its method of authentication and its secret or key with the registration there (invalid_client)
→ correct `id` and secret or key in [client], or register them at the authorization server
exit code 1

"#]]
    );
}

/// The file of a service that introspects, with these settings.
pub(crate) fn introspecting(world: &World, settings: &str) -> String {
    let text = std::fs::read_to_string(world.service()).unwrap();
    let text = text.replace(
        "\" }]",
        &format!("\", introspection = {{ {settings} }} }}]"),
    );
    world.file("introspecting.toml", &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_secret_for_introspection() {
    let world = World::new().await;
    let _ = world
        .idp
        .client("introspector")
        .secret("another")
        .may_introspect("service-a");
    for purpose in ["revocation", "opaque_tokens", "all_tokens"] {
        let client = r#"client = { id = "introspector", client_secret_basic = "s3cret" }"#;
        let config = introspecting(&world, &format!("for = \"{purpose}\", {client}"));
        let ran = world.run(&["doctor", "-c", &config], "").await;
        assert_data_eq!(
            ran.wrong(),
            str![[r#"
✗ ISSUER introspection the introspection endpoint does not accept this client: 401 Unauthorized (invalid_client)
→ compare `id` and secret or key of the client (`introspection.client`, or else [client]) with the registration there, and let the client introspect tokens
exit code 1

"#]]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_introspection_is_unknown() {
    let world = World::new().await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = closed.local_addr().unwrap().to_string();
    drop(closed);
    let config = introspecting(
        &world,
        &format!("endpoint = \"http://{address}/introspect\""),
    );
    let ran = world.run(&["doctor", "-c", &config], "").await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
? ISSUER introspection error sending request for url (http://127.0.0.1:[..]/introspect): client error (Connect): tcp connect error: Connection refused (os error 111)
→ can this host reach the introspection endpoint? Then try again
exit code 2

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn exchange_that_is_not_allowed() {
    let world = World::new().await;
    let text = std::fs::read_to_string(world.service()).unwrap();
    let config = world.file("billing.toml", &text.replace("\"stock\"", "\"billing\""));
    let ran = world
        .run(&["doctor", "-c", &config, "--token", "-"], &world.alice())
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ destination billing (https://stock.corp.example) no usable token for audience "billing": the token endpoint refused with status 400 Bad Request: audience billing is not allowed for this client (invalid_target)
→ allow this client to exchange tokens for this audience and these scopes at the authorization server
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forgotten_destination() {
    let world = World::new().await;
    let config = world.service();
    for to in ["https://billing.corp.example/x", "billing"] {
        let ran = world
            .run(&["exchange", "-c", &config, "--to", to], &world.alice())
            .await;
        match to {
            "billing" => assert_data_eq!(
                ran.wrong(),
                str![[r#"
✗ exchange to billing no destination is named "billing"; configured: stock (https://stock.corp.example)
→ add it to [[destinations]] (a gateway: to [[routes]]), or write the name or URL of a configured one
exit code 1

"#]]
            ),
            _ => assert_data_eq!(
                ran.wrong(),
                str![[r#"
✗ exchange to https://billing.corp.example/x no usable token: https://billing.corp.example with path "/x" is not a configured destination; nothing is configured at this host, but at stock.corp.example; if tokens may go there, add a `Destination` (`[[destinations]]` in a file)
→ add it to [[destinations]] (a gateway: to [[routes]]), or write the name or URL of a configured one
exit code 1

"#]]
            ),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shadowed_rule() {
    let world = World::new().await;
    let more = "\n[[rules]]\npath = \"/orders/{*rest}\"\nmethods = [\"DELETE\"]\nscopes = [\"orders:write\"]\n";
    let text = std::fs::read_to_string(world.service()).unwrap();
    let config = world.file("shadow.toml", &(text + more));
    let ran = world
        .run(&["check", "-c", &config, "DELETE", "/orders/7"], "")
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
✗ rule /orders/{id} 403: denied: `/orders/{id}` is listed for GET only
→ add DELETE to the `methods` of `/orders/{id}`
· rule /orders/{*rest} matches too, but `/orders/{id}` is more specific
· shadowed: DELETE /orders/{*rest} `DELETE /orders/{*rest}` does not apply to `/orders/{id}`, which is more specific and lists only GET; a request with DELETE is denied there; list it for `/orders/{id}` too
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn service_is_not_in_actor_list() {
    let world = World::new().await;
    let token = world
        .idp
        .user("alice")
        .audience("service-a")
        .scope("orders:read");
    let token = token.actor("mobile").mint();
    let config = world.service();
    let arguments = ["check", "-c", &config, "GET", "/orders/7", "--token", "-"];
    let ran = world.run(&arguments, &token).await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ any of (actor web | no actor) the current actor is refused: it is not in the list of the rule; the current actor is mobile
→ change the rule, or call with a token that has it
exit code 1

"#]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_token() {
    let world = World::new().await;
    let token = world.alice();
    world.idp.revoke(&token);
    let _ = world.idp.client("service-a").may_introspect("service-a");
    let ran = world
        .run(
            &["exchange", "-c", &world.service(), "--to", "stock"],
            &token,
        )
        .await;
    assert_data_eq!(
        ran.wrong(),
        str![[r#"
✗ exchange to stock no usable token for audience "stock": the token endpoint refused with status 400 Bad Request: subject token refused: revoked (invalid_request)
→ the authorization server does not accept the caller's token: it was revoked, has expired, or is not addressed to this client; get a new one
exit code 1

"#]]
    );
    let opaque = world.idp.user("alice").audience("service-a").mint_opaque();
    world.idp.revoke(&opaque);
    for (purpose, token) in [
        ("revocation", &token),
        ("all_tokens", &token),
        ("opaque_tokens", &opaque),
        ("all_tokens", &opaque),
    ] {
        let config = introspecting(&world, &format!("for = \"{purpose}\""));
        let ran = world
            .run(&["inspect", "--online", "-c", &config], token)
            .await;
        assert_data_eq!(
            ran.wrong(),
            str![[r#"
✗ verdict the issuer says that the token is not active
→ the token was revoked, or its session has ended; get a new one
exit code 1

"#]]
        );
    }
}
