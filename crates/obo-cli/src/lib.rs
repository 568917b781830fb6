//! The command `obo`: says why a token is refused, which rule decides about a request, and whether
//! a set-up is right.
//!
//! ```text
//! cargo install obo-cli
//! obo doctor -c service.toml
//! obo inspect -c service.toml < token
//! ```
//!
//! # Commands
//!
//! | command | what it does |
//! | --- | --- |
//! | `obo inspect` | shows a token, and every rule of a configuration that it keeps or breaks |
//! | `obo check` | shows which rule or route decides about a request, and what it requires |
//! | `obo doctor` | checks issuers, keys, clocks, clients and destinations of a configuration |
//! | `obo exchange` | exchanges a caller's token once, and shows the result |
//! | `obo gateway` | serves a gateway, with metrics, probes and reload |
//! | `obo idp` | an authorization server for local development |
//! | `obo trace` | joins the audit records of many services into chains: a tree, or one page |
//! | `obo completions`, `obo man` | completions for a shell, man pages |
//!
//! The library's own code validates tokens and applies rules. The command shows what it says.
//!
//! # Exit codes
//!
//! | code | meaning |
//! | --- | --- |
//! | 0 | everything is right |
//! | 1 | something is refused or wrong |
//! | 2 | it is not known: no network, a file that cannot be read, wrong arguments |
//!
//! With `--json`, each command prints one JSON object in place of text. Tokens and secrets come
//! from standard input, files or environment variables, never from the command line, and are never
//! printed.
//!
//! # As a library
//!
//! [`run`] is the whole command, for a program that embeds it.
//!
//! # Features
//!
//! This crate has no features.
//!
//! # Where to go next
//!
//! In the repository, `docs/guides/command.md` shows how to find the cause of common mistakes.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod arguments;
mod bindings;
mod check;
mod claims;
mod client_certificate;
mod config;
mod curl;
mod damage;
mod doctor;
mod doctor_shared;
mod exchange;
mod gateway;
mod idp;
mod idp_config;
mod input;
mod inspect;
mod lines;
mod manual;
mod mint;
mod mint_page;
mod mint_view;
mod output;
mod position;
mod reload;
mod tap;
mod times;
mod trace;
mod validity;
mod verdict;

use std::process::ExitCode;
use std::time::Duration;

use clap::{CommandFactory as _, Parser as _};
use tokio::runtime::Runtime;

use arguments::{Arguments, Command};
use output::{Failure, Report};

/// Runs the command with the arguments of this process.
///
/// Returns 0 if everything is right, 1 if something is refused or wrong, and 2 if it is not
/// known.
pub fn run() -> ExitCode {
    // Before they are read, so that no error repeats the token.
    let json = std::env::args_os().any(|argument| argument == "--json");
    let mut arguments = std::env::args_os();
    if arguments.any(|argument| input::has_token(&argument.to_string_lossy())) {
        return Failure::unknown(input::ON_COMMAND_LINE).print(json);
    }
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if json && error.use_stderr() => {
            return Failure::unknown(arguments::problem(&error)).print(json);
        }
        Err(error) => error.exit(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => run_to_end(runtime, run_command(arguments)),
        Err(error) => Err(Failure::unknown(format!(
            "the runtime does not start: {error}"
        ))),
    };
    match outcome {
        Ok(report) => report.print(json),
        Err(failure) => failure.print(json),
    }
}

/// Runs a command. Blocking tasks that it leaves behind, such as a name that is looked up, delay
/// the end by a second at most.
fn run_to_end<T>(runtime: Runtime, command: impl Future<Output = T>) -> T {
    let outcome = runtime.block_on(command);
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn run_command(arguments: Arguments) -> Result<Report, Failure> {
    let json = arguments.json;
    match arguments.command {
        Command::Inspect(it) => inspect::run(it).await,
        Command::Check(it) => check::run(it).await,
        Command::Doctor(it) => doctor::run(it, json).await,
        Command::Exchange(it) => exchange::run(it).await,
        Command::Gateway(it) => gateway::run(it, json).await,
        Command::Idp(it) => idp::run(it, json).await,
        Command::Trace(it) => trace::run(&it),
        Command::Completions(it) => manual::completions(&it, Arguments::command()),
        Command::Man(it) => manual::pages(&it, Arguments::command()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn blocked_task_delays_no_exit() {
        let (release, blocked) = channel::<()>();
        let (done, ended) = channel();
        std::thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            let (start, started) = tokio::sync::oneshot::channel();
            let command = async {
                tokio::task::spawn_blocking(move || {
                    start.send(()).unwrap();
                    blocked.recv()
                });
                started.await.unwrap();
                7
            };
            done.send(run_to_end(runtime, command)).unwrap();
        });
        assert_eq!(ended.recv_timeout(Duration::from_secs(60)), Ok(7));
        drop(release);
    }
}
