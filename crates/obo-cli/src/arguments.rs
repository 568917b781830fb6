use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::check::Check;
use crate::doctor::Doctor;
use crate::exchange::Exchange;
use crate::gateway::Serve;
use crate::idp::Idp;
use crate::inspect::Inspect;
use crate::manual::{Completions, Man};
use crate::trace::Trace;

/// Says why a token is refused, which rule decides, and whether a set-up is right.
#[derive(Debug, Parser)]
#[command(name = "obo", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    /// Print one JSON object in place of text
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 right, 1 refused or wrong, 2 could not tell.\n\
    Tokens and secrets come from standard input, files or environment variables, never from the command line.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a token, and every rule of a configuration that it keeps or breaks
    Inspect(Inspect),
    /// Show which rule or route decides about a request, and what it requires
    Check(Check),
    /// Check issuers, keys, clocks, clients and destinations of a configuration
    Doctor(Doctor),
    /// Exchange a caller's token once, and show the result
    Exchange(Exchange),
    /// Serve a gateway, with metrics, probes and reload
    Gateway(Serve),
    /// Run an authorization server for local development
    Idp(Idp),
    /// Join the audit records of many services into chains
    Trace(Trace),
    /// Print completions for a shell
    Completions(Completions),
    /// Write the man pages into a folder
    Man(Man),
}

/// The mistake in one line, without the usage that follows it.
pub(crate) fn problem(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return "a command is missing; `obo --help` lists the commands".to_owned();
    }
    let text = error.render().to_string();
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    let text = text.trim_start_matches("error: ");
    Vec::from_iter(text.split_whitespace()).join(" ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
