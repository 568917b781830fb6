//! The gateway as a program: its output, its responses and its exit codes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use obo_test_support::{eventually, soon};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The gateway with a changed `examples/gateway.toml`, on a free port.
fn gateway(name: &str, from: &str, to: &str) -> Command {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/gateway.toml");
    let text = fs::read_to_string(example).unwrap_or_default();
    let text = text.replace("127.0.0.1:8080", "127.0.0.1:0");
    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    // A missing file fails the test later.
    let _ = fs::write(&config, text.replace(from, to));
    let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
    command.arg("--config").arg(config);
    command
}

/// A process that is killed when the test ends.
struct Running(Child);

impl Running {
    async fn end(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the end of the gateway", async || {
            status = self.0.try_wait().unwrap();
            status.is_some()
        })
        .await;
        status.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process has ended already if the test passes.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn gateway_serves_until_interrupted() {
    let mut command = gateway("right.toml", "", "");
    let mut gateway = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut lines = BufReader::new(gateway.0.stdout.take().unwrap()).lines();
    let line = tokio::task::spawn_blocking(move || lines.next().unwrap().unwrap());
    let line = soon("the address of the gateway", line).await.unwrap();
    let address = line.strip_prefix("listening on http://");

    let mut connection = TcpStream::connect(address.unwrap()).await.unwrap();
    let request = b"GET /protected HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    connection.write_all(request).await.unwrap();
    let mut response = String::new();
    let read = connection.read_to_string(&mut response);
    soon("the response", read).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    let challenge = "\r\nwww-authenticate: Bearer\r\n";
    assert!(response.contains(challenge), "{response}");

    let mut kill = Command::new("kill");
    kill.args(["-s", "INT", &gateway.0.id().to_string()]);
    assert!(kill.status().unwrap().success());
    assert!(gateway.end().await.success());
}

#[tokio::test]
async fn wrong_configuration_is_exit_code_2() {
    let mut command = gateway("wrong.toml", "listen", "lisen");
    let mut gateway = Running(command.stderr(Stdio::piped()).spawn().unwrap());
    let status = gateway.end().await;
    let mut error = String::new();
    let mut errors = gateway.0.stderr.take().unwrap();
    errors.read_to_string(&mut error).unwrap();
    assert_eq!(status.code(), Some(2), "{error}");
    assert!(error.contains("lisen: unknown field"), "{error}");
}
