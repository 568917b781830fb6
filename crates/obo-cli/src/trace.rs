use std::fs::File;
use std::io::{BufReader, stdin};
use std::path::PathBuf;

use obo_audit::{Log, Tree, join, page};

use crate::output::{Failure, Report, width};

/// Joins the audit records of many services into chains: one request of a user, with all the
/// requests that it caused. A line that is no record is named, and the rest is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Trace {
    /// The logs of the services, in any order; `-` for standard input
    #[arg(required = true, value_name = "LOG")]
    logs: Vec<PathBuf>,
    /// Write one self-contained page in place of the trees
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Show all fields of each hop
    #[arg(long)]
    detailed: bool,
    /// Draw with ASCII characters
    #[arg(long)]
    ascii: bool,
}

pub(crate) fn run(arguments: &Trace) -> Result<Report, Failure> {
    let mut log = Log::default();
    for path in &arguments.logs {
        let name = path.display().to_string();
        if name == "-" {
            log.read("standard input", stdin().lock());
            continue;
        }
        let file = File::open(path);
        let file =
            file.map_err(|error| Failure::unknown(format!("{name} cannot be read: {error}")))?;
        log.read(&name, BufReader::new(file));
    }
    let mut report = Report::default();
    let chains = join(log.records);
    match &arguments.html {
        Some(path) => {
            let name = path.display();
            let written = std::fs::write(path, page::html(&chains));
            written
                .map_err(|error| Failure::unknown(format!("{name} cannot be written: {error}")))?;
            let chains = match chains.len() {
                1 => "1 chain".to_owned(),
                many => format!("{many} chains"),
            };
            report.right("page", format!("{chains} in {name}"));
        }
        None => {
            for chain in &chains {
                let tree = Tree::new(chain)
                    .ascii(arguments.ascii)
                    .detailed(arguments.detailed);
                let tree = match width() {
                    Some(width) => tree.width(width.into()).colour(true),
                    None => tree,
                };
                report.drawn(&tree.to_string());
            }
        }
    }
    if !chains.is_empty() && arguments.html.is_none() {
        let allowed = "✓ means that the service let the request in; its response is not recorded";
        report.note("responses", allowed);
    }
    let json = serde_json::to_value(&chains);
    report.fact("chains", json.map_err(Failure::unknown)?);
    if chains.is_empty() {
        report.unknown("chains", "the logs have no audit record");
        report.change("let the services write them: see `JsonLines` of the crate obo-audit, or `obo gateway --audit`");
    }
    for problem in &log.problems {
        report.unknown("not a record", problem);
    }
    for note in &log.notes {
        report.note("left out", note);
    }
    Ok(report)
}
