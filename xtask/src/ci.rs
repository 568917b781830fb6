//! `cargo xtask ci`: every check, cheapest first, stopping at the first that fails.

use std::borrow::Cow;
use std::time::Instant;

use crate::shell::{self, cargo, read, show, works};
use crate::{PUBLISHED, gateway, interop, test, tidy};

pub(crate) fn run() -> shell::Result {
    let mut skipped = Vec::new();
    let mut step = |name, outcome: fn() -> shell::Result<Outcome>| -> shell::Result {
        if let Outcome::Skipped(why) = timed(name, outcome)? {
            skipped.push(format!("{name} ({why})"));
        }
        Ok(())
    };
    step("fmt", fmt)?;
    step("tidy", || done(tidy::run()))?;
    step("clippy", clippy)?;
    step("test", || done(test::run()))?;
    step("features", || done(features()))?;
    step("docs", || done(docs()))?;
    step("deny", deny)?;
    step("example", || done(example()))?;
    step("gateway", || done(gateway::run()))?;
    step("interop", interop)?;
    step("fuzz", fuzz)?;
    println!("{}", summary(&skipped));
    Ok(())
}

enum Outcome {
    Passed,
    /// What this step needs is not to be had, such as a tool that is not installed.
    Skipped(Cow<'static, str>),
}

fn fmt() -> shell::Result<Outcome> {
    if !works(&mut cargo("fmt --version")) {
        return Ok(Outcome::Skipped("rustfmt is not installed".into()));
    }
    done(show(&mut cargo("fmt --all -- --check")))
}

fn clippy() -> shell::Result<Outcome> {
    if !works(&mut cargo("clippy --version")) {
        return Ok(Outcome::Skipped("clippy is not installed".into()));
    }
    done(show(&mut cargo(
        "clippy --workspace --all-targets --all-features -- -D warnings",
    )))
}

/// Each published crate alone, then `obo` with each of its features alone: in the
/// workspace, cargo unifies features and hides one that is missing. Then the crates on
/// top of `obo` without its default features.
fn features() -> shell::Result {
    for package in PUBLISHED {
        show(&mut cargo(&format!("check -p {package}")))?;
    }
    show(&mut cargo("check -p obo --no-default-features"))?;
    for feature in ["default-client", "tracing", "metrics"] {
        show(&mut cargo(&format!(
            "check -p obo --no-default-features --features {feature}"
        )))?;
    }
    for package in ADAPTERS {
        show(&mut cargo(&format!(
            "check -p {package} --no-default-features"
        )))?;
        let tree = read(&mut cargo(&format!(
            "tree -p {package} --no-default-features -e normal --prefix none"
        )))?;
        check_without_defaults(package, &tree)?;
    }
    Ok(())
}

/// The crates that bring `obo` along, whose users choose its features.
const ADAPTERS: [&str; 2] = ["obo-axum", "obo-tonic"];
/// What comes by `obo`'s default features alone.
const BY_DEFAULT: [&str; 2] = ["reqwest", "rustls"];

fn check_without_defaults(package: &str, tree: &str) -> shell::Result {
    let mut names = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    match names.find(|name| BY_DEFAULT.contains(name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "{package} has `{name}` without default features; it must depend on obo with `default-features = false`"
        )
        .into()),
    }
}

fn docs() -> shell::Result {
    show(cargo("doc --workspace --no-deps").env("RUSTDOCFLAGS", "-D warnings"))
}

fn deny() -> shell::Result<Outcome> {
    if !works(&mut cargo("deny --version")) {
        return Ok(Outcome::Skipped("cargo-deny is not installed".into()));
    }
    done(show(&mut cargo("deny check bans licenses sources")))
}

/// The README's first command, then the other stories.
fn example() -> shell::Result {
    for story in ["chain", "chain -- --opaque", "own_dialect"] {
        show(&mut cargo(&format!("run -p obo-examples --bin {story}")))?;
    }
    Ok(())
}

fn interop() -> shell::Result<Outcome> {
    Ok(match interop::step()? {
        None => Outcome::Passed,
        Some(skipped) => Outcome::Skipped(skipped.into()),
    })
}

fn fuzz() -> shell::Result<Outcome> {
    Ok(match crate::fuzz::smoke()? {
        None => Outcome::Passed,
        Some(why) => Outcome::Skipped(why),
    })
}

fn done(result: shell::Result) -> shell::Result<Outcome> {
    result.map(|()| Outcome::Passed)
}

fn timed(name: &str, step: fn() -> shell::Result<Outcome>) -> shell::Result<Outcome> {
    println!("== {name}");
    let started = Instant::now();
    let result = step();
    let seconds = started.elapsed().as_secs_f32();
    match result {
        Ok(outcome) => {
            match &outcome {
                Outcome::Passed => println!("== {name}: passed in {seconds:.1} s"),
                Outcome::Skipped(why) => println!("== {name}: skipped, {why}"),
            }
            Ok(outcome)
        }
        Err(error) => {
            println!("== {name}: FAILED after {seconds:.1} s");
            Err(format!("ci stopped at step `{name}`: {error}").into())
        }
    }
}

fn summary(skipped: &[String]) -> String {
    if skipped.is_empty() {
        "ci: all steps passed".to_owned()
    } else {
        format!("ci: passed, but skipped: {}", skipped.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_its_step() {
        let failed = timed("docs", || Err("no page".into())).map(|_| ());
        let error = failed.unwrap_err().to_string();
        assert_eq!(error, "ci stopped at step `docs`: no page");
    }

    #[test]
    fn default_feature_that_comes_along_is_found() {
        let lean = "obo-axum v0.1.0\nobo v0.1.0\nhttp v1.5.0\n";
        check_without_defaults("obo-axum", lean).unwrap();
        let error = check_without_defaults("obo-axum", &format!("{lean}reqwest v0.13.5 (*)\n"));
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("obo-axum has `reqwest`"), "{error}");
    }

    #[test]
    fn a_skipped_step_is_named_at_the_end() {
        let skipped = ["deny (cargo-deny is not installed)".to_owned()];
        assert!(summary(&skipped).contains("deny (cargo-deny is not installed)"));
        assert_eq!(summary(&[]), "ci: all steps passed");
    }
}
