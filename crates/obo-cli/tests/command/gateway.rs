//! `obo gateway`: admin port, logs, reload and drain.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::idp::http;
use crate::world::World;

const GATEWAY: &str = r#"
listen = "127.0.0.1:0"

[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "ISSUER", lazy = false }]

[[routes]]
path = "/me"
"#;

/// How long a log line may take.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub(crate) struct Running {
    pub(crate) child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) listen: String,
    pub(crate) admin: String,
}

impl Running {
    pub(crate) async fn start(world: &World, config: &str) -> Self {
        Self::with(world, config, &[]).await
    }

    async fn with(world: &World, config: &str, more: &[&str]) -> Self {
        let arguments = ["--json", "gateway", "-c", config, "--admin", "127.0.0.1:0"];
        let arguments = [&arguments, more].concat();
        let mut child = world.command(&arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let started = logged(&mut lines, "gateway started").await;
        let text = |name: &str| started[name].as_str().unwrap().to_owned();
        let (listen, admin) = (text("listen"), text("admin"));
        Self {
            child,
            lines,
            listen,
            admin,
        }
    }

    /// Waits for a log line with this message.
    pub(crate) async fn logged(&mut self, message: &str) -> Value {
        logged(&mut self.lines, message).await
    }

    pub(crate) async fn get(&self, host: &str, path: &str, token: &str) -> String {
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        http(host, &request).await
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([signal, &id])
            .status();
        assert!(sent.unwrap().success());
    }
}

/// Waits for a log line with this message.
async fn logged(lines: &mut Lines<BufReader<ChildStdout>>, message: &str) -> Value {
    loop {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.expect(message).unwrap().expect(message);
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["message"] == message {
            return event;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_serves_probes_and_metrics() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let running = Running::start(&world, &config).await;
    let response = running.get(&running.listen, "/me", &world.alice()).await;
    assert!(
        response.starts_with("HTTP/1.1 200") && response.contains("alice"),
        "{response}"
    );
    for (path, body) in [
        ("/healthz", "ok"),
        ("/readyz", "ready"),
        ("/metrics", "obo_requests_total{"),
        ("/metrics", "# HELP obo_requests_total "),
    ] {
        let response = running.get(&running.admin, path, "").await;
        assert!(
            response.starts_with("HTTP/1.1 200") && response.contains(body),
            "{response}"
        );
    }
    // The gateway's own port has none of them.
    let response = running
        .get(&running.listen, "/metrics", &world.alice())
        .await;
    assert!(response.starts_with("HTTP/1.1 404"), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn audit_records_are_written() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let audit = world.path("audit.log");
    let more = ["--audit", &audit, "--service", "front"];
    let mut running = Running::with(&world, &config, &more).await;
    running.get(&running.listen, "/me", &world.alice()).await;
    running.get(&running.listen, "/me", "no-token").await;
    running.signal("-TERM");
    running.logged("gateway stopped").await;
    let ran = world.run(&["trace", &audit], "").await;
    let drawn = ["✓ front  GET /me", "✗ front  GET /me"];
    assert!(drawn.iter().all(|hop| ran.out.contains(hop)), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_file_is_loaded_again() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let mut running = Running::start(&world, &config).await;
    world.file("gateway.toml", &GATEWAY.replace("/me", "/self"));
    running.logged("configuration loaded again").await;
    let token = world.alice();
    let response = running.get(&running.listen, "/self", &token).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");

    // A wrong file keeps the old one.
    world.file("gateway.toml", &GATEWAY.replace("path", "pfad"));
    let event = running
        .logged("configuration not loaded; the old one stays in use")
        .await;
    assert!(
        event["problem"].as_str().unwrap().contains("routes[0]"),
        "{event}"
    );
    assert_eq!(event["place"], format!("{config}:9:1"), "{event}");
    let response = running.get(&running.listen, "/self", &token).await;
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let metrics = running.get(&running.admin, "/metrics", "").await;
    let wrong = "obo_gateway_reloads_total{outcome=\"wrong\"} 1";
    assert!(metrics.contains(wrong), "{metrics}");
    // A signal after the change reports it in short.
    running.signal("-HUP");
    let next = running.lines.next_line().await.unwrap().unwrap();
    let next: Value = serde_json::from_str(&next).unwrap();
    let still = "configuration still wrong in the same way; the old one stays in use";
    assert_eq!(next["message"], still, "{next}");

    world.file("gateway.toml", GATEWAY);
    running.logged("configuration loaded again").await;
    running.signal("-HUP");
    running.logged("configuration loaded again").await;

    // The address cannot change while it serves.
    world.file(
        "gateway.toml",
        &GATEWAY.replace("127.0.0.1:0", "127.0.0.2:0"),
    );
    let event = "`listen` has changed, which takes effect after a restart";
    running.logged(event).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stopped_gateway_drains() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let mut running = Running::start(&world, &config).await;
    running.signal("-TERM");
    running.logged("gateway stopped").await;
    assert!(running.child.wait().await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn taken_address_is_reported() {
    let world = World::new().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = world.file("gateway.toml", &GATEWAY.replace("127.0.0.1:0", &address));
    let ran = world
        .run(&["gateway", "-c", &config, "--admin", "127.0.0.1:0"], "")
        .await;
    assert!(
        ran.code == 2 && ran.err.contains("cannot be used"),
        "{ran:?}"
    );
}
