//! `cargo xtask interop`: authorization servers and clients of others, in both directions.
//!
//! They come from npm and PyPI, pinned under `tests/interop`, and are installed into `target/interop`. Servers run on
//! loopback ports of their own choice, and the tests of `tests/tests/interop` talk to them. What this machine lacks
//! (node, python, the network) is skipped and named; everything else that goes wrong fails the run.

mod process;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use process::{Server, output, printed};

use crate::shell::{self, cargo, read};

/// For all that is not compiling: installing, starting, talking.
const MOST: Duration = Duration::from_secs(240);
/// For one installer; a slower registry counts as not reached.
const INSTALL: Duration = Duration::from_secs(150);
/// For a server to make keys and listen.
const START: Duration = Duration::from_secs(30);

/// A server: the module of its tests, its script and its argument.
const SERVERS: [(&str, &str, Option<&str>); 4] = [
    ("oidc_provider", "servers/oidc_provider.mjs", None),
    ("idpyoidc_as_shipped", IDPYOIDC, None),
    ("idpyoidc", IDPYOIDC, Some("audience")),
    ("nanoidp", "servers/nanoidp_server.py", None),
];
const IDPYOIDC: &str = "servers/idpyoidc_server.py";

const CLIENTS: &str = "clients/openid_client.mjs clients/oauth4webapi.mjs clients/jose_keys.mjs \
    clients/authlib_client.py clients/pyjwt_keys.py";

/// Runs the whole matrix; returns what was skipped.
pub(crate) fn run() -> shell::Result<Option<String>> {
    let tests = executable("test --test interop --no-run")?;
    let testkit = executable("build --example standalone")?;
    let end = Instant::now() + MOST;
    let folder = env::current_dir()?.join("target/interop");
    fs::create_dir_all(&folder)?;
    let missing = install(&folder)?;
    let start = |name, command| {
        let end = end.min(Instant::now() + START);
        Server::start(name, command, &folder, end)
    };
    let output = |command: &mut Command| {
        let late = format!("{command:?} did not end in time");
        output(command, end)?.ok_or::<Box<dyn std::error::Error>>(late.into())
    };
    let mut matrix = Matrix::default();

    // Our side against their servers.
    let mut servers = Vec::new();
    for (name, script, argument) in SERVERS {
        match command(&folder, &missing, script) {
            Ok(mut command) => {
                command.args(argument);
                servers.push(start(name, command)?);
            }
            Err(why) => matrix.skip(name, why),
        }
    }
    for server in &servers {
        let mut command = Command::new(&tests);
        let module = format!("{}::", server.name);
        command.args(["--ignored", "--test-threads=1", &module]);
        command.env("RUST_BACKTRACE", "0");
        let output = output(command.env(server.variable(), &server.line))?;
        matrix.add(&server.title(), &output);
        if !output.status.success() {
            server.show_log();
        }
    }

    // Their clients against the testkit.
    let testkit = start("testkit", Command::new(testkit))?;
    for script in CLIENTS.split(' ') {
        match command(&folder, &missing, script) {
            Ok(mut command) => {
                command.env(testkit.variable(), &testkit.line);
                matrix.add(script, &output(&mut command)?);
            }
            Err(why) => matrix.skip(script, why),
        }
    }
    matrix.skip("msal", "it requires https, and the testkit has no TLS");
    matrix.verdict()?;
    let missing: Vec<_> = missing.into_iter().flatten().collect();
    Ok((!missing.is_empty()).then(|| missing.join("; ")))
}

/// Why node and python cannot run here, if they cannot.
type Missing = [Option<String>; 2];

/// Installs from both registries at the same time.
fn install(folder: &Path) -> shell::Result<Missing> {
    let running = ["node", "python"].map(|runtime| {
        let mut command = Command::new("tests/interop/install.sh");
        command.arg(runtime).arg(folder.join(runtime));
        thread::spawn(move || {
            let output = output(&mut command, Instant::now() + INSTALL);
            let missing = output.and_then(|output| lacks(runtime, output));
            missing.map_err(|error| error.to_string())
        })
    });
    let panicked = |_| Err("installing panicked".to_owned());
    let [node, python] = running.map(|it| it.join().unwrap_or_else(panicked));
    Ok([node?, python?])
}

/// What this machine lacks, as an installer reports it; each other failure is one of the run.
fn lacks(runtime: &str, output: Option<Output>) -> shell::Result<Option<String>> {
    let Some(output) = output else {
        return Ok(Some(format!("{runtime}: no response in time")));
    };
    let printed = printed(&output);
    let is_network = NETWORK.split(',').any(|sign| printed.contains(sign));
    match output.status.code() {
        Some(0) => Ok(None),
        Some(69) => Ok(printed.lines().last().map(str::to_owned)),
        _ if is_network => Ok(Some(format!("{runtime}: no network"))),
        _ => Err(format!("installing for {runtime} failed: {printed}").into()),
    }
}

/// How npm and pip report that the network failed.
const NETWORK: &str = "network timeout,ENOTFOUND,EAI_AGAIN,ECONNREFUSED,ECONNRESET,ENETUNREACH,\
    EHOSTUNREACH,ETIMEDOUT,ERR_SOCKET_TIMEOUT,NewConnectionError,NameResolutionError,\
    ConnectTimeoutError,ReadTimeoutError";

/// The command that runs an installed script, or why it cannot run here.
fn command<'a>(folder: &Path, missing: &'a Missing, script: &str) -> Result<Command, &'a str> {
    let [node, python] = missing;
    let is_python = script.ends_with(".py");
    if let Some(why) = if is_python { python } else { node } {
        return Err(why);
    }
    let home = folder.join(if is_python { "python" } else { "node" });
    let python = home.join("bin/python");
    let mut command = Command::new(if is_python { python } else { "node".into() });
    command.current_dir(home).arg(script);
    Ok(command)
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

/// Counts of the cases that passed, failed and were skipped.
#[derive(Clone, Copy, Default, PartialEq)]
struct Matrix {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Matrix {
    /// Reads `test NAME ... ok`, `FAILED` or `ignored, WHY` of what a program printed about one peer.
    ///
    /// A line `peer NAME VERSION` names the peer better. A program that fails without a failed case, or that has no case,
    /// is a failed case too.
    fn add(&mut self, named: &str, output: &Output) {
        let (stdout, before) = (String::from_utf8_lossy(&output.stdout), *self);
        let peer = stdout.lines().find_map(|line| line.strip_prefix("peer "));
        for line in stdout.lines().filter_map(|line| line.strip_prefix("test ")) {
            if let Some((case, outcome)) = line.rsplit_once(" ... ") {
                // The module is the peer, which is named already.
                let case = case.split_once("::").map_or(case, |(_, case)| case);
                self.case(peer.unwrap_or(named), case, outcome);
            }
        }
        if before == *self || (before.failed == self.failed && !output.status.success()) {
            let case = format!("runs ({})", output.status);
            self.case(peer.unwrap_or(named), &case, "FAILED");
        }
        if before.failed < self.failed {
            println!("{}", printed(output));
        }
    }

    /// Adds a peer that cannot run here.
    fn skip(&mut self, peer: &str, why: &str) {
        self.case(peer, "all", &format!("ignored, {why}"));
    }

    fn case(&mut self, peer: &str, case: &str, outcome: &str) {
        match outcome {
            "ok" => self.passed += 1,
            outcome if outcome.starts_with("ignored") => self.skipped += 1,
            _ => self.failed += 1,
        }
        println!("{peer:30}  {case:60}  {outcome}");
    }

    /// Prints the counts; fails if a case has failed.
    fn verdict(&self) -> shell::Result {
        let (passed, failed, skipped) = (self.passed, self.failed, self.skipped);
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

    fn sh(script: &str) -> Output {
        let output = Command::new("sh").args(["-c", script]).output();
        output.unwrap()
    }

    #[test]
    fn cases_are_counted() {
        for (script, counts) in [
            ("ok; echo test a ... ignored, x", (1, 0, 1)),
            ("ok; echo test b ... FAILED; exit 1", (1, 1, 0)),
            ("ok; exit 1", (1, 1, 0)),
            ("", (0, 1, 0)),
        ] {
            let mut matrix = Matrix::default();
            matrix.add("peer 1.0", &sh(&format!("echo test a::b ... {script}")));
            let found = (matrix.passed, matrix.failed, matrix.skipped);
            assert_eq!(found, counts, "{script}");
            assert_eq!(matrix.verdict().is_err(), counts.1 > 0);
        }
    }

    #[test]
    fn only_the_machine_is_an_excuse() {
        for (script, expected) in [
            ("echo no node; exit 69", Some("no node")),
            ("echo code ENOTFOUND; exit 1", Some("npm: no network")),
            ("echo ReadTimeoutError >&2; exit 1", Some("npm: no network")),
            ("exit 0", None),
        ] {
            let missing = lacks("npm", Some(sh(script))).unwrap();
            assert_eq!(missing.as_deref(), expected);
        }
        assert!(lacks("npm", Some(sh("echo EINTEGRITY; exit 1"))).is_err());
        assert!(lacks("npm", None).unwrap().is_some());
        let missing = [None, Some("no python".to_owned())];
        assert!(command(Path::new("a"), &missing, "a.mjs").is_ok());
        let why = command(Path::new("a"), &missing, "a.py").unwrap_err();
        assert_eq!(why, "no python");
    }
}
