//! The gateway as a program: its output, its responses and its exit codes.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

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

impl Drop for Running {
    fn drop(&mut self) {
        // The process has ended already if the test passes.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn gateway_serves_until_interrupted() {
    let mut command = gateway("right.toml", "", "");
    let mut gateway = Running(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut line = String::new();
    let output = gateway.0.stdout.take().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on http://");

    let mut connection = TcpStream::connect(address.unwrap()).unwrap();
    let request = b"GET /protected HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    connection.write_all(request).unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 401 "), "{response}");
    let challenge = "\r\nwww-authenticate: Bearer\r\n";
    assert!(response.contains(challenge), "{response}");

    let mut kill = Command::new("kill");
    kill.args(["-s", "INT", &gateway.0.id().to_string()]);
    assert!(kill.status().unwrap().success());
    assert!(gateway.0.wait().unwrap().success());
}

#[test]
fn wrong_configuration_is_exit_code_2() {
    let output = gateway("wrong.toml", "listen", "lisen").output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("lisen: unknown field"), "{error}");
}
