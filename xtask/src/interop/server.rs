//! A server of others: a process that says in one line of JSON where it listens, and lives as long as this value.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::budget::Budget;
use crate::shell;

/// For making keys and listening.
const START: Duration = Duration::from_secs(30);
/// How much of a log is worth showing.
const TAIL: usize = 40;

pub(super) struct Server {
    name: &'static str,
    child: Child,
    told: String,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until it listens.
    ///
    /// It ends when its standard input does, so also when this program is killed.
    pub(super) fn start(
        name: &'static str,
        mut command: Command,
        logs: &Path,
        budget: &Budget,
    ) -> shell::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(File::create(&log)?);
        let mut child = command
            .spawn()
            .map_err(|error| format!("{name} did not start: {error}"))?;
        let line = child.stdout.take().map(first_line);
        let mut server = Self {
            name,
            child,
            told: String::new(),
            log,
        };
        let line = line.and_then(|line| line.recv_timeout(START.min(budget.left())).ok());
        match line {
            Some(line) if !line.is_empty() => server.told = line,
            _ => {
                server.show_log();
                return Err(format!("{name} does not say where it listens").into());
            }
        }
        Ok(server)
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// The environment variable by which tests find it.
    pub(super) fn variable(&self) -> String {
        format!("OBO_INTEROP_{}", self.name.to_uppercase())
    }

    /// The line it printed.
    pub(super) fn told(&self) -> &str {
        &self.told
    }

    /// Its name and version.
    pub(super) fn title(&self) -> String {
        let told: Value = serde_json::from_str(&self.told).unwrap_or_default();
        match told.get("version").and_then(Value::as_str) {
            Some(version) => format!("{} {version}", self.name),
            None => self.name.to_owned(),
        }
    }

    /// Prints the end of what it wrote to its standard error.
    pub(super) fn show_log(&self) {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        println!("-- the end of {}", self.log.display());
        for line in lines.iter().skip(lines.len().saturating_sub(TAIL)) {
            println!("{line}");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first line, and the rest read away, so that nobody writes into a closed pipe.
fn first_line(stdout: ChildStdout) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Only the first one is waited for.
            let _ = send.send(line);
        }
    });
    receive
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(script: &str) -> shell::Result<Server> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let logs = std::env::temp_dir();
        Server::start(
            "of_a_test",
            command,
            &logs,
            &Budget::new(Duration::from_secs(20)),
        )
    }

    #[test]
    fn a_server_is_there_when_it_has_said_so_and_gone_when_it_is_dropped() {
        let server = start(r#"echo '{"version":"1.0"}'; exec sleep 60"#).unwrap();
        assert_eq!(server.title(), "of_a_test 1.0");
        assert_eq!(server.variable(), "OBO_INTEROP_OF_A_TEST");
        let id = server.child.id().to_string();
        drop(server);
        let mut alive = Command::new("kill");
        let alive = alive.args(["-0", &id]).stderr(Stdio::null()).status();
        assert!(!alive.unwrap().success());
    }

    #[test]
    fn a_server_that_dies_is_not_waited_for() {
        assert!(start("exit 1").is_err());
    }
}
