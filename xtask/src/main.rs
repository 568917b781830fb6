//! Tasks of the workspace: `cargo xtask <verb>`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a CLI prints")]

mod api;
mod arrows;
mod ci;
mod coverage;
mod fuzz;
mod interop;
mod shell;
mod words;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use shell::{cargo, show, within, works};

const USAGE: &str = "unknown verb; usage: cargo xtask <verb>

  test      run unit and integration tests, then doctests
  arrows    check imports between modules and dependencies of packages
  words     find words that the style guide excludes, and products named outside `dialect`
  api       check that each crate lists the packages whose types its public API shows
  bench     measure the cost of a request, as ratios to the minimum work
  peers     compare with other libraries; writes docs/peers.md and docs/peers.svg
  coverage  list the rows of the specifications and their tests; writes docs/spec-coverage.md
  fuzz      [--seconds N] [target [input]]: fuzz, by default 600 s per target; or replay an input
  page      test the page of the chain in a browser; writes docs/page.png
  package   package the crates, and build each from the packages
  interop   test with authorization servers and clients of other projects
  ci        run all steps of CI; they are listed in xtask/src/ci.rs
";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> shell::Result {
    let words: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    env::set_current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    match *words {
        ["test"] => test(),
        ["arrows"] => arrows::run(),
        ["words"] => words::run(),
        ["api"] => api::run(),
        ["bench"] => show(&mut cargo("bench -p obo")),
        ["peers"] => show(&mut cargo(
            "run --release --manifest-path benches/peers/Cargo.toml",
        )),
        ["coverage"] => coverage::write(),
        ["page"] => show(cargo("test -p obo-examples --test page").env("WRITE_SCREENSHOT", "1")),
        ["package"] => ci::package(),
        ["interop"] => interop::run().map(drop),
        ["fuzz", ref words @ ..] => fuzz::run(words),
        ["ci"] => ci::run(),
        _ => Err(USAGE.into()),
    }
}

/// Uses nextest if it is installed; CI requires it, because it ends tests that hang. Nextest does
/// not run doctests.
fn test() -> shell::Result {
    let runner = match works(&mut cargo("nextest --version")) {
        true => "nextest run",
        false if env::var_os("CI").is_some() => return Err("nextest is not installed".into()),
        false => "test --all-targets",
    };
    show(&mut cargo(&format!("{runner} --workspace --all-features")))?;
    let doctests = cargo("test --workspace --all-features --doc");
    show(&mut within("1200", &doctests))
}
