//! `obo gateway`: admin port, logs, reload and drain.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

use crate::idp::{PATIENCE, http};
use crate::world::World;

const GATEWAY: &str = r#"
listen = "127.0.0.1:0"

[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "ISSUER", lazy = false }]

[[routes]]
path = "/me"
"#;

pub(crate) struct Running {
    pub(crate) child: Child,
    lines: UnboundedReceiver<Value>,
    pub(crate) listen: String,
    pub(crate) admin: String,
}

impl Running {
    pub(crate) async fn start(world: &World, config: &str) -> Self {
        Self::with(world, config, &[]).await
    }

    async fn with(world: &World, config: &str, more: &[&str]) -> Self {
        let (mut running, output) = Self::spawn(world, config, more).await;
        running.read(output);
        running
    }

    /// Reads the log to its end, also while the test waits for no line.
    fn read(&mut self, output: BufReader<ChildStdout>) {
        let (sender, receiver) = unbounded_channel();
        self.lines = receiver;
        tokio::spawn(async move {
            let mut lines = output.lines();
            while let Some(line) = lines.next_line().await.unwrap() {
                let _ = sender.send(serde_json::from_str(&line).unwrap());
            }
        });
    }

    /// Starts it and reads its output until it has started, and no further.
    async fn spawn(world: &World, config: &str, more: &[&str]) -> (Self, BufReader<ChildStdout>) {
        let arguments = ["--json", "gateway", "-c", config, "--admin", "127.0.0.1:0"];
        let arguments = [&arguments, more].concat();
        let mut command = world.command(&arguments);
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let started = loop {
            let mut line = String::new();
            let read = timeout(PATIENCE, output.read_line(&mut line)).await;
            read.expect("gateway started").unwrap();
            let event: Value = serde_json::from_str(&line).expect("gateway started");
            if event["message"] == "gateway started" {
                break event;
            }
        };
        let text = |name: &str| started[name].as_str().unwrap().to_owned();
        let running = Self {
            child,
            lines: unbounded_channel().1,
            listen: text("listen"),
            admin: text("admin"),
        };
        (running, output)
    }

    /// Waits for a log line with this message.
    pub(crate) async fn logged(&mut self, message: &str) -> Value {
        loop {
            let event = self.line().await.expect(message);
            if event["message"] == message {
                return event;
            }
        }
    }

    async fn line(&mut self) -> Option<Value> {
        timeout(PATIENCE, self.lines.recv()).await.ok().flatten()
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
    let next = running.line().await.unwrap();
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
async fn busy_folder_delays_no_reload() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let more = ["--audit", &world.path("audit.log")];
    let mut running = Running::with(&world, &config, &more).await;
    let (listen, token) = (running.listen.clone(), world.alice());
    // Each request writes into the folder.
    tokio::spawn(async move {
        let request =
            format!("GET /me HTTP/1.1\r\nhost: a.example\r\nauthorization: Bearer {token}\r\n\r\n");
        let mut stream = TcpStream::connect(&listen).await.unwrap();
        let mut response = [0; 4096];
        while stream.write_all(request.as_bytes()).await.is_ok() {
            let Ok(1..) = stream.read(&mut response).await else {
                return;
            };
        }
    });
    world.file("gateway.toml", &GATEWAY.replace("/me", "/self"));
    running.logged("configuration loaded again").await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn replaced_volume_is_loaded_again() {
    use std::os::unix::fs::symlink;
    let world = World::new().await;
    for (folder, text) in [("..1", GATEWAY), ("..2", &GATEWAY.replace("/me", "/self"))] {
        std::fs::create_dir(world.path(folder)).unwrap();
        world.file(&format!("{folder}/gateway.toml"), text);
    }
    let config = world.path("gateway.toml");
    symlink("..1", world.path("..data")).unwrap();
    symlink("..data/gateway.toml", &config).unwrap();
    let mut running = Running::start(&world, &config).await;
    symlink("..2", world.path("..data_tmp")).unwrap();
    std::fs::rename(world.path("..data_tmp"), world.path("..data")).unwrap();
    running.logged("configuration loaded again").await;
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

/// Sends requests whose log lines are more than a pipe and the lines that may wait.
async fn overflow(running: &Running) {
    const COUNT: usize = 2000;
    let path = format!("/{}", "a".repeat(6000));
    let request = format!("GET {path} HTTP/1.1\r\nhost: a.example\r\n\r\n");
    let last = request.replace("host", "connection: close\r\nhost");
    let all = request.repeat(COUNT - 1) + &last;
    let mut stream = TcpStream::connect(&running.listen).await.unwrap();
    let (mut responses, mut requests) = stream.split();
    let sent = requests.write_all(all.as_bytes());
    let mut received = String::new();
    let exchanged = async { tokio::join!(sent, responses.read_to_string(&mut received)) };
    let exchanged = timeout(PATIENCE, exchanged).await;
    let (sent, read) = exchanged.expect("responses");
    sent.unwrap();
    read.unwrap();
    assert_eq!(received.matches("HTTP/1.1 401").count(), COUNT);
    let healthy = running.get(&running.admin, "/healthz", "").await;
    assert!(healthy.starts_with("HTTP/1.1 200"), "{healthy}");
}

async fn lost(running: &Running, stream: &str) -> u64 {
    let metrics = running.get(&running.admin, "/metrics", "").await;
    let name = format!("obo_gateway_lost_lines_total{{stream=\"{stream}\"}} ");
    let (_, value) = metrics.split_once(&name).unwrap();
    value.lines().next().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn unread_log_stops_nothing() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let (mut running, _unread) = Running::spawn(&world, &config, &[]).await;
    overflow(&running).await;
    assert!(lost(&running, "log").await > 0);
    running.signal("-TERM");
    let ended = timeout(PATIENCE, running.child.wait()).await;
    assert!(ended.expect("the end").unwrap().success());
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn lost_lines_are_reported() {
    let world = World::new().await;
    let config = world.file("gateway.toml", GATEWAY);
    let more = ["--audit", "/dev/full"];
    let (mut running, output) = Running::spawn(&world, &config, &more).await;
    overflow(&running).await;
    let counted = lost(&running, "log").await;
    assert!(lost(&running, "audit").await > 0);
    running.read(output);
    let event = running
        .logged("audit records cannot be written; tried again")
        .await;
    let problem = event["problem"].as_str().unwrap();
    assert!(problem.contains("No space left"), "{event}");
    running.logged("audit records lost").await;
    let event = running
        .logged("log lines lost: standard output is read too slowly")
        .await;
    assert!(event["lost"].as_u64().unwrap() >= counted, "{event}");
    running.signal("-TERM");
    let event = "audit records lost: the last ones are not written";
    running.logged(event).await;
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
