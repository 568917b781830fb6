//! `[client] certificate`: what the commands say of the files and of the authorization server.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use obo_testkit::TestIdp;
use rcgen::{CertificateParams, KeyPair};

use crate::world::World;

const GATEWAY: &str = r#"
listen = "127.0.0.1:0"

[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "AUTHORIZATION_SERVER" }]

[client]
id = "service-a"
issuer = "AUTHORIZATION_SERVER"
tls_client_auth = true
certificate = { chain = "CHAIN", key = "KEY", roots = "ROOTS" }

[[routes]]
path = "/stock"
upstream = "https://stock.example"
exchange = { issuer = "AUTHORIZATION_SERVER", audience = "stock", bind = "certificate" }
"#;

fn gateway(world: &World, issuer: &str) -> String {
    let text = GATEWAY.replace("AUTHORIZATION_SERVER", issuer);
    let text = text.replace("CHAIN", &world.path("own.pem"));
    let text = text.replace("KEY", &world.path("own.key"));
    world.file(
        "gateway.toml",
        &text.replace("ROOTS", &world.path("roots.pem")),
    )
}

/// Writes a certificate that is valid for these days from now.
#[allow(
    clippy::disallowed_methods,
    reason = "the command compares it with the clock of this host"
)]
fn issue(world: &World, days: Range<i64>) {
    let now = SystemTime::now() + Duration::from_secs(60);
    let at = |days: i64| {
        let distance = Duration::from_secs(days.unsigned_abs() * 86_400);
        match days < 0 {
            true => now - distance,
            false => now + distance,
        }
    };
    let mut params = CertificateParams::new(["service-a".to_owned()]).unwrap();
    params.not_before = at(days.start).into();
    params.not_after = at(days.end).into();
    let key = KeyPair::generate().unwrap();
    let own = params.self_signed(&key).unwrap().pem();
    world.file("own.pem", &own);
    world.file("own.key", &key.serialize_pem());
    world.file("roots.pem", &own);
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_uses_the_client_certificate() {
    let world = World::new().await;
    let idp = TestIdp::builder().mutual_tls().start().await;
    let client = idp.client("service-a").tls_client_auth("service-a");
    client.may_exchange_to("stock").may_request("stock");
    let own = idp.certificate("service-a");
    world.file("own.pem", &own.pem());
    world.file("own.key", own.key_pem());
    world.file("roots.pem", &idp.authority_pem());
    let config = gateway(&world, idp.issuer());
    let ran = world.run(&["doctor", "-c", &config], "").await;
    let check = format!("client certificate at {}", idp.issuer());
    let shown = ran.plain();
    assert_eq!(ran.code, 0, "{shown}");
    for line in [
        format!("✓ client service-a at {} authenticates", idp.issuer()),
        format!("✓ {check} the key fits; valid until 4096-01-01T00:00:00Z, in "),
        format!("✓ {check} the server offers tls_client_auth"),
        format!("· {check} presented at https://localhost:"),
        format!("✓ {check} the server binds tokens to it"),
    ] {
        assert!(shown.contains(&line), "{line}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_what_servers_lack() {
    let world = World::new().await;
    issue(&world, -1..90);
    let config = gateway(&world, world.idp.issuer());
    let shown = world.run(&["doctor", "-c", &config], "").await.plain();
    for line in [
        "the server lists no authentication by certificate, but client_secret_basic",
        "the metadata has no `mtls_endpoint_aliases`: presented at the usual endpoints",
        "the metadata has no `tls_client_certificate_bound_access_tokens`",
        "→ if tokens are not bound, enable tokens that are bound to certificates",
    ] {
        assert!(shown.contains(line), "{line}: {shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_shows_until_when_certificates_last() {
    let world = World::new().await;
    for (days, code, seen, change) in [
        (
            -1..15,
            0,
            "✓ client certificate at ISSUER the key fits; valid until ",
            "",
        ),
        (
            -1..13,
            0,
            "· client certificate at ISSUER the key fits; valid until ",
            "→ renew it soon",
        ),
        (
            -9..-1,
            1,
            "✗ client certificate at ISSUER expired at ",
            "→ renew the certificate",
        ),
        (
            1..90,
            1,
            "✗ client certificate at ISSUER not valid before ",
            "→ correct the clock",
        ),
    ] {
        issue(&world, days);
        let config = gateway(&world, "ISSUER");
        let check = ["check", "-c", &config, "GET", "/stock"];
        let ran = world.run(&check, "").await;
        let shown = ran.plain();
        assert_eq!(ran.code, code, "{shown}");
        assert!(shown.contains(seen) && shown.contains(change), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn key_of_another_certificate_is_wrong() {
    let world = World::new().await;
    issue(&world, -1..90);
    world.file("own.key", &KeyPair::generate().unwrap().serialize_pem());
    let config = gateway(&world, "ISSUER");
    let check = ["check", "-c", &config, "GET", "/stock"];
    let ran = world.run(&check, "").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let problem = "client.certificate.key: cannot be used";
    assert!(ran.err.contains(problem), "{ran:?}");
    // Where the key is not, the rest is checked.
    std::fs::remove_file(world.path("own.key")).unwrap();
    let ran = world.run(&check, "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let note = "client.certificate.key: the file cannot be read";
    assert!(ran.plain().contains(note), "{ran:?}");
}
