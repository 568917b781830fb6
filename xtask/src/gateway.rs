//! The gateway as a program: what it prints, what it answers, and with which code it ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::shell::{self, cargo, show};

pub(crate) fn run() -> shell::Result {
    show(&mut cargo("build -p obo-examples --bin gateway"))?;
    let example = fs::read_to_string("examples/gateway.toml")?;
    let port = example.replace("127.0.0.1:8080", "127.0.0.1:0");
    serves(&Configuration::write(&port)?.0)?;
    refuses(&Configuration::write(&port.replace("listen", "lisen"))?.0)
}

/// It says where it listens, answers, and ends well when it is asked to.
fn serves(config: &Path) -> shell::Result {
    let mut gateway = Running(gateway(config).stdout(Stdio::piped()).spawn()?);
    let output = gateway.0.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    let address = line.trim_end().strip_prefix("listening on http://");
    let address = address.ok_or_else(|| format!("it printed {line:?}"))?;

    let mut connection = TcpStream::connect(address)?;
    connection.write_all(b"GET /protected HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    let is_challenge = answer.contains("\r\nwww-authenticate: Bearer\r\n");
    if !answer.starts_with("HTTP/1.1 401 ") || !is_challenge {
        return Err(format!("it answered {answer:?}").into());
    }

    let interrupt = format!("-s INT {}", gateway.0.id());
    show(Command::new("kill").args(interrupt.split(' ')))?;
    match gateway.0.wait()? {
        status if status.success() => Ok(()),
        status => Err(format!("it ended with {status}").into()),
    }
}

/// A file that is wrong is told by its place, and by the exit code.
fn refuses(config: &Path) -> shell::Result {
    let output = gateway(config).output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.code() {
        Some(2) if said.contains("lisen: unknown field") => Ok(()),
        code => Err(format!("it ended with {code:?} and said {said:?}").into()),
    }
}

fn gateway(config: &Path) -> Command {
    let mut command = cargo("run -q -p obo-examples --bin gateway -- --config");
    command.arg(config);
    command
}

/// A file that is gone when this is dropped.
struct Configuration(PathBuf);

impl Configuration {
    fn write(text: &str) -> shell::Result<Self> {
        let name = format!("obo-gateway-{}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, text)?;
        Ok(Self(path))
    }
}

impl Drop for Configuration {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// A process that is ended when this is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
