//! `cargo xtask interop`: tests with authorization servers and clients of other projects.
//!
//! Packages from npm and PyPI are pinned in `tests/interop` and installed into `target/interop`.
//! Each server listens on a free loopback port. A module of `tests/tests/interop` tests it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::{env, thread};

use crate::shell::{self, cargo, read, within, works};

/// When a program is ended, in seconds. A server outlives the programs.
const PROGRAM: &str = "150";
const SERVER: &str = "600";

/// For each server, the module of its tests, its script and its argument.
const SERVERS: [(&str, &str, Option<&str>); 4] = [
    ("oidc_provider", "servers/oidc_provider.mjs", None),
    ("idpyoidc_as_shipped", IDPYOIDC, None),
    ("idpyoidc", IDPYOIDC, Some("audience")),
    ("nanoidp", "servers/nanoidp_server.py", None),
];
const IDPYOIDC: &str = "servers/idpyoidc_server.py";

const CLIENTS: &str = "openid_client.mjs oauth4webapi.mjs jose_keys.mjs authlib_client.py \
    pyjwt_keys.py dpop_openid_client.mjs dpop_oauth4webapi.mjs dpop_requests.py dpop_idpyoidc.py";

/// Runs all servers and clients. Returns the runtimes that are missing.
pub(crate) fn run() -> shell::Result<Option<String>> {
    let tests = executable("test --test interop --no-run")?;
    let testkit = executable("build --example standalone")?;
    let bound = executable("build --example bound_services")?;
    let folder = env::current_dir()?.join("target/interop");
    fs::create_dir_all(&folder)?;
    let (missing, mut matrix) = (install(&folder), Matrix::default());

    // obo with their servers.
    for (name, script, argument) in SERVERS {
        let Some(mut command) = command(&folder, &missing, script, SERVER) else {
            continue;
        };
        let server = Server::start(name, command.args(argument), &folder)?;
        let module = format!("{name}::");
        let mut command = bounded(&tests, PROGRAM);
        command.args(["--ignored", "--test-threads=1", &module]);
        command.env("RUST_BACKTRACE", "0");
        let output = command.env(server.variable(), &server.line).output()?;
        matrix.add(&server.title(), &output);
        if !output.status.success() {
            println!("{}", fs::read_to_string(&server.log)?);
        }
    }

    // Their clients with the testkit and obo.
    let start = |name, path| Server::start(name, &mut bounded(path, SERVER), &folder);
    let (testkit, bound) = (start("testkit", &testkit)?, start("bound", &bound)?);
    for script in CLIENTS.split(' ') {
        let path = format!("clients/{script}");
        if let Some(mut command) = command(&folder, &missing, &path, PROGRAM) {
            let ours = [&testkit, &bound].map(|server| (server.variable(), &server.line));
            matrix.add(script, &command.envs(ours).output()?);
        }
    }
    println!("msal is not tested: it requires https, and the testkit has no TLS");
    matrix.verdict()?;
    Ok((!missing.is_empty()).then(|| missing.join("; ")))
}

/// Installs from both registries at the same time. Returns the runtimes that are missing.
fn install(folder: &Path) -> Vec<&'static str> {
    let runtimes = ["node", "python"].map(|runtime| {
        let mut command = bounded(Path::new("tests/interop/install.sh"), PROGRAM);
        command.arg(runtime).arg(folder.join(runtime));
        (runtime, thread::spawn(move || command.status()))
    });
    let runtimes = runtimes.into_iter().filter_map(|(runtime, running)| {
        let is_there = matches!(running.join(), Ok(Ok(status)) if status.success());
        (!is_there).then_some(runtime)
    });
    runtimes.collect()
}

/// The command for an installed script, or `None` if its runtime is missing.
fn command(folder: &Path, missing: &[&str], script: &str, seconds: &str) -> Option<Command> {
    let is_python = script.ends_with(".py");
    let (runtime, program) = match is_python {
        true => ("python", folder.join("python/bin/python")),
        false => ("node", "node".into()),
    };
    let mut command = bounded(&program, seconds);
    command.current_dir(folder.join(runtime)).arg(script);
    (!missing.contains(&runtime)).then_some(command)
}

fn bounded(program: &Path, seconds: &str) -> Command {
    let mut command = within(seconds, &Command::new(program));
    command.stdin(Stdio::null());
    command
}

/// Builds a program with the flags of the test step and returns its path.
fn executable(arguments: &str) -> shell::Result<PathBuf> {
    let build = format!("{arguments} --workspace --all-features --message-format=json");
    let messages = read(&mut cargo(&build))?;
    let found = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    found.ok_or_else(|| format!("`cargo {arguments}` built no program").into())
}

/// A server that prints one line of JSON when it listens.
struct Server {
    name: &'static str,
    line: String,
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts the server and waits until it listens.
    ///
    /// It ends when its standard input ends, so it also ends when this program is killed.
    fn start(name: &'static str, command: &mut Command, logs: &Path) -> shell::Result<Self> {
        let log = logs.join(format!("{name}.log"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(File::create(&log)?).spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output")?;
        let mut lines = BufReader::new(stdout).lines();
        let line = lines.next().transpose()?.unwrap_or_default();
        // Read all lines: a write to a closed pipe would fail.
        thread::spawn(move || lines.for_each(drop));
        let server = Self {
            name,
            line,
            child,
            log,
        };
        match server.line.is_empty() {
            false => Ok(server),
            true => Err(format!("{name}: {}", fs::read_to_string(&server.log)?).into()),
        }
    }

    /// The environment variable through which the tests find the server.
    fn variable(&self) -> String {
        format!("OBO_INTEROP_{}", self.name.to_uppercase())
    }

    fn title(&self) -> String {
        let line: serde_json::Value = serde_json::from_str(&self.line).unwrap_or_default();
        let version = line.get("version").and_then(|version| version.as_str());
        format!("{} {}", self.name, version.unwrap_or_default())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // `timeout` forwards the signal. The server may have ended already.
        works(Command::new("kill").arg(self.child.id().to_string()));
        let _ = self.child.wait();
    }
}

/// Counts of the cases that passed, failed and were skipped.
#[derive(Default)]
struct Matrix([usize; 3]);

impl Matrix {
    /// Reads the lines `test NAME ... ok`, `FAILED` or `ignored, WHY` in the output of a program.
    ///
    /// A line `peer NAME VERSION` replaces `name`. A program without cases counts as a failure, and
    /// so does an exit status that no failed case explains.
    fn add(&mut self, name: &str, output: &Output) {
        let stdout = String::from_utf8_lossy(&output.stdout);
        let mut peer = stdout.lines().filter_map(|line| line.strip_prefix("peer "));
        let peer = peer.next().unwrap_or(name);
        let cases = stdout.lines().filter_map(|line| line.strip_prefix("test "));
        let cases: Vec<_> = cases.filter_map(|line| line.rsplit_once(" ... ")).collect();
        let has_failed = cases.iter().any(|(_, outcome)| *outcome == "FAILED");
        let is_broken = cases.is_empty() || (!output.status.success() && !has_failed);
        let ending = is_broken.then_some(("has cases and exit status 0", "FAILED"));
        for (case, outcome) in cases.into_iter().chain(ending) {
            let [passed, failed, skipped] = &mut self.0;
            *match outcome {
                "ok" => passed,
                "FAILED" => failed,
                _ => skipped,
            } += 1;
            println!("{peer:30}  {case:60}  {outcome}");
        }
        if has_failed || is_broken {
            println!("{stdout}{}", String::from_utf8_lossy(&output.stderr));
        }
    }

    /// Prints the counts. Fails if a case has failed.
    fn verdict(&self) -> shell::Result {
        let [passed, failed, skipped] = self.0;
        println!("interop: {passed} passed, {failed} failed, {skipped} skipped");
        match failed {
            0 => Ok(()),
            _ => Err(format!("{failed} cases of interop failed").into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted() {
        for (script, counts) in [
            ("ok; echo test a ... ignored, x", [1, 0, 1]),
            ("ok; echo test b ... FAILED; exit 1", [1, 1, 0]),
            ("ok; exit 1", [1, 1, 0]),
            ("", [0, 1, 0]),
        ] {
            let script = format!("echo peer 1.0; echo test a::b ... {script}");
            let script = if counts[0] == 0 { "exit 0" } else { &script };
            let mut matrix = Matrix::default();
            let output = Command::new("sh").args(["-c", script]).output();
            matrix.add("peer", &output.unwrap());
            assert_eq!(matrix.0, counts, "{script}");
            assert_eq!(matrix.verdict().is_err(), counts[1] > 0);
        }
    }

    #[test]
    fn server_lives_until_it_is_dropped() {
        let server = |script: &str| {
            let mut command = Command::new("sh");
            Server::start("a_test", command.args(["-c", script]), &env::temp_dir())
        };
        assert!(server("exit 1").is_err());
        let server = server(r#"echo '{"version":"1.0"}'; exec sleep 60"#).unwrap();
        assert_eq!(server.title(), "a_test 1.0");
        assert_eq!(server.variable(), "OBO_INTEROP_A_TEST");
        let alive = format!("kill -0 {}", server.child.id());
        let is_alive = || works(Command::new("sh").args(["-c", &alive]));
        assert!(is_alive());
        drop(server);
        assert!(!is_alive());
    }
}
