//! Tasks of the workspace: `cargo xtask <verb>`, one file per verb.

mod bench;
mod ci;
mod coverage;
mod fuzz;
mod gateway;
mod interop;
mod peers;
mod shell;
mod test;
mod tidy;

use std::env;
use std::path::Path;
use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo xtask <verb>

  test      unit and integration tests, then doctests
  tidy      the house rules a program can check
  bench     what a request costs, as ratios to what cannot be avoided
  peers     other libraries beside this one, into docs/peers.md and the README
  coverage  writes docs/spec-coverage.md from the rows and the names of the tests
  fuzz      [--seconds N] [target [input]]: hostile inputs for N seconds a target, 600 unless
            said; or one input, to see a crash again
  gateway   the program of that name, run by files that are right and wrong
  interop   authorization servers and clients of others, in both directions
  ci        everything CI runs: fmt, tidy, clippy, test, features, docs, deny, example, gateway,
            interop, fuzz
";

/// The crates users depend on; what they pull in is ours to answer for.
const PUBLISHED: [&str; 5] = ["obo-core", "obo", "obo-axum", "obo-tonic", "obo-testkit"];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let verb: fn() -> shell::Result = match arguments.as_slice() {
        [verb] if verb == "test" => test::run,
        [verb] if verb == "tidy" => tidy::run,
        [verb] if verb == "bench" => bench::run,
        [verb] if verb == "peers" => peers::run,
        [verb] if verb == "coverage" => coverage::run,
        [verb] if verb == "interop" => interop::run,
        [verb] if verb == "gateway" => gateway::run,
        [verb, ..] if verb == "fuzz" => fuzz::run,
        [verb] if verb == "ci" => ci::run,
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match enter_root().and_then(|()| verb()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Verbs name files and packages from the workspace root, wherever they were called.
fn enter_root() -> shell::Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("xtask has no parent directory")?;
    env::set_current_dir(root)?;
    Ok(())
}
