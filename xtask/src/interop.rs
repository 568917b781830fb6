//! `cargo xtask interop`: authorization servers and clients of others, in both directions.
//!
//! They come from npm and PyPI, pinned under `tests/interop`, and are installed into `target/interop`. Servers run on
//! loopback ports of their own choice, and the tests of `tests/tests/interop` talk to them. What is missing on this
//! machine (node, python, the network) is skipped and named; everything else that goes wrong fails the run.

mod budget;
mod install;
mod matrix;
mod server;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use budget::Budget;
use install::{Installed, Runtime};
use matrix::Matrix;
use server::Server;

use crate::shell::{self, cargo, read};

/// All that is not compiling: installing, starting, talking.
const MOST: Duration = Duration::from_secs(240);

/// A server: the module of its tests, what runs it, its script, and what it is told.
const SERVERS: &[(&str, Runtime, &str, &[&str])] = &[
    (
        "oidc_provider",
        Runtime::Node,
        "servers/oidc_provider.mjs",
        &[],
    ),
    (
        "idpyoidc_as_shipped",
        Runtime::Python,
        "servers/idpyoidc_server.py",
        &[],
    ),
    (
        "idpyoidc",
        Runtime::Python,
        "servers/idpyoidc_server.py",
        &["audience"],
    ),
    ("nanoidp", Runtime::Python, "servers/nanoidp_server.py", &[]),
];

/// A client: what runs it, and its script.
const CLIENTS: &[(Runtime, &str)] = &[
    (Runtime::Node, "clients/openid_client.mjs"),
    (Runtime::Node, "clients/oauth4webapi.mjs"),
    (Runtime::Node, "clients/jose_keys.mjs"),
    (Runtime::Python, "clients/authlib_client.py"),
    (Runtime::Python, "clients/pyjwt_keys.py"),
];

/// Clients that cannot talk to the testkit, and why.
const UNABLE: &[(&str, &str)] = &[("msal", "it takes https alone, and the testkit has no TLS")];

pub(crate) fn run() -> shell::Result {
    if let Some(skipped) = step()? {
        println!("interop: skipped {skipped}");
    }
    Ok(())
}

/// The verb as a step of CI; what was skipped is named.
pub(crate) fn step() -> shell::Result<Option<String>> {
    let tests = executable("test --test interop --no-run")?;
    let testkit = executable("build --example standalone")?;
    let budget = Budget::new(MOST);
    let installed = Installed::get(&budget)?;
    let mut matrix = Matrix::default();
    against_servers(&tests, &installed, &budget, &mut matrix)?;
    against_clients(&testkit, &installed, &budget, &mut matrix)?;
    matrix.print();
    matrix.verdict()?;
    Ok(installed.missing())
}

/// Our side against their servers.
fn against_servers(
    tests: &Path,
    installed: &Installed,
    budget: &Budget,
    matrix: &mut Matrix,
) -> shell::Result {
    let mut running = Vec::new();
    for (name, runtime, script, arguments) in SERVERS {
        match installed.command(*runtime, script) {
            Ok(mut command) => {
                command.args(*arguments);
                running.push(Server::start(name, command, &installed.folder, budget)?);
            }
            Err(why) => matrix.skip(name, why),
        }
    }
    for server in &running {
        let mut command = Command::new(tests);
        command
            .args(["--ignored", "--test-threads=1"])
            .arg(format!("{}::", server.name()))
            .env(server.variable(), server.told())
            .env("RUST_BACKTRACE", "0");
        let output = budget.output(&mut command)?;
        matrix.add(&server.title(), &output);
        if !output.status.success() {
            server.show_log();
        }
    }
    Ok(())
}

/// Their clients against the testkit.
fn against_clients(
    testkit: &Path,
    installed: &Installed,
    budget: &Budget,
    matrix: &mut Matrix,
) -> shell::Result {
    let testkit = Server::start("testkit", Command::new(testkit), &installed.folder, budget)?;
    for (runtime, script) in CLIENTS {
        match installed.command(*runtime, script) {
            Ok(mut command) => {
                command.env(testkit.variable(), testkit.told());
                matrix.add(script, &budget.output(&mut command)?);
            }
            Err(why) => matrix.skip(script, why),
        }
    }
    for (client, why) in UNABLE {
        matrix.skip(client, why);
    }
    Ok(())
}

/// Builds something, as the step of all tests does, and says where it is.
fn executable(arguments: &str) -> shell::Result<PathBuf> {
    let build = format!("{arguments} --workspace --all-features --message-format=json");
    let messages = read(&mut cargo(&build))?;
    let found = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        message.get("executable")?.as_str().map(PathBuf::from)
    });
    found.ok_or_else(|| format!("`cargo {arguments}` built nothing to run").into())
}
