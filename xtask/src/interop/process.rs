//! Programs of others: commands that end in time, and servers that live as long as their value.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use crate::shell;

fn spawn(command: &mut Command) -> shell::Result<Child> {
    let child = command.spawn();
    let name = command.get_program().to_string_lossy();
    child.map_err(|error| format!("`{name}` did not start: {error}").into())
}

/// Runs a command to its end, or kills it at `end`.
pub(super) fn output(command: &mut Command, end: Instant) -> shell::Result<Option<Output>> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let child = spawn(command.stderr(Stdio::piped()))?;
    let id = child.id().to_string();
    let (send, receive) = mpsc::channel();
    thread::spawn(move || send.send(child.wait_with_output()));
    let output = receive.recv_timeout(end.saturating_duration_since(Instant::now()));
    if output.is_err() {
        shell::works(Command::new("kill").args(["-KILL", &id]));
    }
    Ok(output.ok().transpose()?)
}

/// What a program printed.
pub(super) fn printed(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// A server that prints one line of JSON when it listens.
pub(super) struct Server {
    pub(super) name: &'static str,
    /// The line it printed.
    pub(super) line: String,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts it and waits until it listens, or until `end`.
    ///
    /// It ends when its standard input does, so also when this program is killed.
    pub(super) fn start(
        name: &'static str,
        mut command: Command,
        logs: &Path,
        end: Instant,
    ) -> shell::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn(command.stderr(File::create(&log)?))?;
        let (send, receive) = mpsc::channel();
        let stdout = child.stdout.take().into_iter();
        thread::spawn(move || {
            // The first line counts. All are read, so that no write meets a closed pipe.
            let lines = stdout.flat_map(|stdout| BufReader::new(stdout).lines());
            let lines = lines.map_while(Result::ok);
            lines.for_each(|line| drop(send.send(line)));
        });
        let line = receive.recv_timeout(end.saturating_duration_since(Instant::now()));
        let server = Self {
            name,
            line: line.unwrap_or_default(),
            child,
            log,
        };
        if server.line.is_empty() {
            server.show_log();
            return Err(format!("{name} does not print where it listens").into());
        }
        Ok(server)
    }

    /// The environment variable by which tests find it.
    pub(super) fn variable(&self) -> String {
        format!("OBO_INTEROP_{}", self.name.to_uppercase())
    }

    /// Its name and version.
    pub(super) fn title(&self) -> String {
        let line: serde_json::Value = serde_json::from_str(&self.line).unwrap_or_default();
        let version = line.get("version").and_then(|version| version.as_str());
        format!("{} {}", self.name, version.unwrap_or_default())
    }

    /// Prints the end of its log.
    pub(super) fn show_log(&self) {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        println!("-- the end of {}", self.log.display());
        let skipped = log.lines().count().saturating_sub(40);
        let lines = log.lines().skip(skipped);
        lines.for_each(|line| println!("{line}"));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    fn server(script: &str) -> shell::Result<Server> {
        let end = Instant::now() + Duration::from_secs(20);
        Server::start("a_test", sh(script), &std::env::temp_dir(), end)
    }

    #[test]
    fn server_lives_until_it_is_dropped() {
        assert!(server("exit 1").is_err());
        let server = server(r#"echo '{"version":"1.0"}'; exec sleep 60"#).unwrap();
        assert_eq!(server.title(), "a_test 1.0");
        assert_eq!(server.variable(), "OBO_INTEROP_A_TEST");
        let alive = format!("kill -0 {}", server.child.id());
        assert!(shell::works(&mut sh(&alive)));
        drop(server);
        assert!(!shell::works(&mut sh(&alive)));
    }

    #[test]
    fn command_ends_in_time() {
        let now = Instant::now();
        assert!(output(&mut sh("exec sleep 60"), now).unwrap().is_none());
        assert!(now.elapsed() < Duration::from_secs(30));
        let end = now + Duration::from_secs(60);
        let output = output(&mut sh("echo a; echo b >&2; exit 3"), end).unwrap();
        assert_eq!(printed(&output.unwrap()), "a\nb\n");
    }
}
