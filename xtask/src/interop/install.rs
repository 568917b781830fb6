//! Installing what the peers need, pinned, into a folder under `target`; once per pin.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use super::budget::{Budget, Output};
use crate::shell::{self, works};

const FROM: &str = "tests/interop";
const INTO: &str = "target/interop";

/// For all that one installer does; a registry that is slower counts as not reached.
const MOST: Duration = Duration::from_secs(150);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    Node,
    Python,
}

/// What can be run here; where it cannot, why.
pub(super) struct Installed {
    /// Where everything is, and what servers log.
    pub(super) folder: PathBuf,
    node: Result<PathBuf, String>,
    python: Result<PathBuf, String>,
}

impl Installed {
    /// Installs from both registries side by side.
    pub(super) fn get(budget: &Budget) -> shell::Result<Self> {
        let into = env::current_dir()?.join(INTO);
        fs::create_dir_all(&into)?;
        let (node, python) = thread::scope(|scope| {
            let node = scope.spawn(|| node(&into.join("node"), budget).map_err(|e| e.to_string()));
            let python = python(&into.join("python"), budget).map_err(|e| e.to_string());
            let node = node
                .join()
                .unwrap_or_else(|_| Err("installing panicked".into()));
            (node, python)
        });
        Ok(Self {
            folder: into,
            node: node?,
            python: python?,
        })
    }

    /// Runs a script of `tests/interop`; where it cannot, why.
    pub(super) fn command(&self, runtime: Runtime, script: &str) -> Result<Command, &str> {
        let mut command = match runtime {
            Runtime::Node => {
                let home = self.node.as_ref().map_err(String::as_str)?;
                let mut command = Command::new("node");
                command.current_dir(home);
                command
            }
            Runtime::Python => {
                let home = self.python.as_ref().map_err(String::as_str)?;
                let mut command = Command::new(home.join("bin/python"));
                command.current_dir(home);
                command
            }
        };
        command.arg(script);
        Ok(command)
    }

    /// Why not all could run.
    pub(super) fn missing(&self) -> Option<String> {
        let missing: Vec<&str> = [&self.node, &self.python]
            .into_iter()
            .filter_map(|installed| installed.as_ref().err().map(String::as_str))
            .collect();
        (!missing.is_empty()).then(|| missing.join("; "))
    }
}

/// The folder with the modules and a copy of the scripts, which find modules only beside themselves.
fn node(home: &Path, budget: &Budget) -> shell::Result<Result<PathBuf, String>> {
    const RECENT: &str = "process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)";
    if !works(Command::new("node").args(["-e", RECENT])) || !works(Command::new("npm").arg("-v")) {
        return Ok(Err("node 20 or later is not installed".into()));
    }
    fs::create_dir_all(home)?;
    let lock = fs::read_to_string(Path::new(FROM).join("package-lock.json"))?;
    if !is_done(home, &lock) {
        for file in ["package.json", "package-lock.json"] {
            fs::copy(Path::new(FROM).join(file), home.join(file))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
        npm.args(["--fetch-retries=1", "--fetch-timeout=20000"]);
        npm.current_dir(home);
        if let Some(why) = unreached("npm", budget.part(MOST).output_in_time(&mut npm)?)? {
            return Ok(Err(why));
        }
        done(home, &lock)?;
    }
    scripts(home, "mjs")?;
    Ok(Ok(home.to_owned()))
}

/// The folder of a virtual environment, and a copy of the scripts.
fn python(home: &Path, budget: &Budget) -> shell::Result<Result<PathBuf, String>> {
    const RECENT: &str = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
    if !works(Command::new("python3").args(["-c", RECENT])) {
        return Ok(Err("python 3.10 or later with venv is not installed".into()));
    }
    let pins = fs::canonicalize(Path::new(FROM).join("requirements.txt"))?;
    let lock = fs::read_to_string(&pins)?;
    if !is_done(home, &lock) {
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(home);
        let made = budget.output(&mut venv)?;
        if !made.status.success() {
            return Err(format!("`python3 -m venv` failed: {}", made.stderr).into());
        }
        let mut pip = Command::new(home.join("bin/python"));
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--retries=2",
            "--timeout=20",
        ]);
        // All that is needed is in the list, and nothing of it is built here.
        pip.args(["--no-deps", "--only-binary", ":all:", "--requirement"]);
        if let Some(why) = unreached("pip", budget.part(MOST).output_in_time(pip.arg(&pins))?)? {
            return Ok(Err(why));
        }
        done(home, &lock)?;
    }
    scripts(home, "py")?;
    Ok(Ok(home.to_owned()))
}

/// Written last, so that an installation that broke off is made anew.
fn stamp(home: &Path) -> PathBuf {
    home.join("installed")
}

fn is_done(home: &Path, lock: &str) -> bool {
    fs::read_to_string(stamp(home)).is_ok_and(|of| of == lock)
}

fn done(home: &Path, lock: &str) -> shell::Result {
    Ok(fs::write(stamp(home), lock)?)
}

fn scripts(home: &Path, extension: &str) -> shell::Result {
    for folder in ["servers", "clients"] {
        fs::create_dir_all(home.join(folder))?;
        for entry in fs::read_dir(Path::new(FROM).join(folder))? {
            let path = entry?.path();
            let (Some(name), true) = (
                path.file_name(),
                path.extension().is_some_and(|of| of == extension),
            ) else {
                continue;
            };
            fs::copy(&path, home.join(folder).join(name))?;
        }
    }
    Ok(())
}

/// Why an installer got nothing from its registry; any other failure is one of the run.
fn unreached(installer: &str, output: Option<Output>) -> shell::Result<Option<String>> {
    let Some(output) = output else {
        return Ok(Some(format!("{installer} got no answer in time")));
    };
    if output.status.success() {
        return Ok(None);
    }
    let said = [output.stdout, output.stderr].concat();
    if is_of_the_network(&said) {
        return Ok(Some(format!("{installer} does not reach its registry")));
    }
    Err(format!("`{installer}` failed: {said}").into())
}

/// How npm and pip tell that nobody answers.
const NETWORK: [&str; 13] = [
    "network timeout",
    "ENOTFOUND",
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ETIMEDOUT",
    "ERR_SOCKET_TIMEOUT",
    "NewConnectionError",
    "NameResolutionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
];

fn is_of_the_network(said: &str) -> bool {
    NETWORK.iter().any(|sign| said.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_network_is_an_excuse() {
        assert!(is_of_the_network(
            "npm error code ENOTFOUND\nnpm error network request to"
        ));
        assert!(is_of_the_network(
            "NewConnectionError('<HTTPSConnection>: Failed to establish'"
        ));
        assert!(is_of_the_network(
            "npm error network timeout at: https://npm.example/vary"
        ));
        assert!(!is_of_the_network("npm error code EINTEGRITY"));
        assert!(!is_of_the_network(
            "ERROR: No matching distribution found for nanoidp==9.9"
        ));
    }

    #[test]
    fn a_registry_that_is_too_slow_is_not_reached() {
        assert!(unreached("npm", None).unwrap().is_some());
    }

    #[test]
    fn what_is_missing_is_named() {
        let home = || Ok(PathBuf::from("home"));
        let missing = |node, python| {
            let folder = PathBuf::new();
            Installed {
                folder,
                node,
                python,
            }
            .missing()
        };
        assert_eq!(missing(home(), home()), None);
        assert_eq!(missing(Err("no node".into()), home()).unwrap(), "no node");
        let installed = Installed {
            folder: PathBuf::new(),
            node: home(),
            python: Err("no python".into()),
        };
        assert!(installed.command(Runtime::Node, "a.mjs").is_ok());
        assert_eq!(
            installed.command(Runtime::Python, "a.py").unwrap_err(),
            "no python"
        );
    }
}
