//! `cargo xtask ci`: runs all checks, the cheapest first, and stops at the first failure.
//!
//! A step is skipped and named if this machine lacks a tool for it. With the environment variable
//! `CI`, such a step fails instead.

use std::{env, fs, path::Path, process::Command, time::Instant};

use crate::shell::{self, cargo, read, show, within, works};
use crate::{api, arrows, coverage, fuzz, interop, words};

/// `None` if the step has passed, or why it was skipped.
type Outcome = shell::Result<Option<String>>;

pub(crate) fn run() -> shell::Result {
    let mut skipped = Vec::new();
    let mut step = |name, step: fn() -> Outcome| -> shell::Result {
        let why = timed(name, step)?;
        skipped.extend(why.map(|why| format!("{name} ({why})")));
        Ok(())
    };
    step("fmt", || done(show(&mut cargo("fmt --all -- --check"))))?;
    step("arrows", || done(arrows::run()))?;
    step("words", || done(words::run()))?;
    step("coverage", || done(coverage::check()))?;
    step("clippy", || done(show(&mut cargo(CLIPPY))))?;
    step("test", || done(crate::test()))?;
    step("features", || done(features()))?;
    step("docs", || {
        done(show(cargo(DOC).env("RUSTDOCFLAGS", "-D warnings")))
    })?;
    step("deny", deny)?;
    step("example", || done(example()))?;
    step("interop", interop::run)?;
    step("fuzz", fuzz::smoke)?;
    step("package", || done(package()))?;
    step("api", || done(api::run()))?;
    step("semver", semver)?;
    step("msrv", msrv)?;
    match (&*skipped, env::var_os("CI")) {
        ([], _) => println!("ci: all steps passed"),
        (_, None) => println!("ci: passed, but skipped: {}", skipped.join(", ")),
        (_, Some(_)) => return Err(format!("ci: skipped {}", skipped.join(", ")).into()),
    }
    Ok(())
}

const DOC: &str = "doc --workspace --no-deps";
const CLIPPY: &str = "clippy --workspace --all-targets --all-features -- -D warnings";

/// Checks each crate alone, then with each single feature. In the workspace, cargo unifies features
/// and so hides a missing one.
fn features() -> shell::Result {
    for package in shell::crates()? {
        let check = |arguments: &str| show(&mut cargo(&format!("check -p {package}{arguments}")));
        let manifest = fs::read_to_string(format!("crates/{package}/Cargo.toml"))?;
        let manifest: toml::Table = toml::from_str(&manifest)?;
        check("")?;
        let features = manifest.get("features").and_then(|it| it.as_table());
        for feature in features.into_iter().flat_map(|it| it.keys()) {
            match &**feature {
                "default" => check(" --no-default-features")?,
                one => check(&format!(" --no-default-features --features {one}"))?,
            }
        }
    }
    Ok(())
}

/// What is published, built from what is published. `cargo package` would verify each crate with
/// dependencies built anew, and with crates that an earlier run has packaged under this version.
pub(crate) fn package() -> shell::Result {
    let crates = shell::crates()?;
    let packages: String = crates.iter().map(|name| format!(" -p {name}")).collect();
    show(&mut cargo(&format!("package --no-verify{packages}")))?;
    let folder = Path::new("target/package/unpacked");
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut manifest =
        "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n[patch.crates-io]\n".to_owned();
    for name in &crates {
        let place = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let archive = format!("target/package/{place}.crate"); // Its times are all the same.
        let tar = "--extract --touch --directory target/package/unpacked --file";
        show(Command::new("tar").args(tar.split(' ')).arg(archive))?;
        manifest += &format!("{name} = {{ path = \"{place}\" }}\n");
    }
    fs::write(folder.join("Cargo.toml"), manifest)?;
    fs::copy("Cargo.lock", folder.join("Cargo.lock"))?;
    for name in &crates {
        let check = format!("check --target-dir ../.. -p {name}");
        show(cargo(&check).current_dir(folder))?;
    }
    Ok(())
}

fn deny() -> Outcome {
    if !works(&mut cargo("deny --version")) {
        return Ok(Some("cargo-deny is not installed".to_owned()));
    }
    show(&mut cargo("deny check bans licenses sources"))?;
    // A database that cannot be fetched is no failure, but an advisory is.
    if !works(&mut cargo("deny fetch db")) {
        println!("deny: advisories not checked: their database could not be fetched");
        return Ok(None);
    }
    done(show(&mut cargo("deny check --disable-fetch advisories")))
}

/// Compares with the last release. Before the first release, each change is allowed.
fn semver() -> Outcome {
    let tag = read(Command::new("git").args(["tag", "--list", "v*", "--sort=-v:refname"]))?;
    let Some(tag) = tag.lines().next() else {
        println!("semver: no release yet, so there is nothing to compare");
        return Ok(None);
    };
    if !works(&mut cargo("semver-checks --version")) {
        return Ok(Some("cargo-semver-checks is not installed".to_owned()));
    }
    done(show(
        cargo("semver-checks --workspace --all-features --baseline-rev").arg(tag),
    ))
}

/// Builds with the oldest supported Rust. Without it, only clippy's `incompatible_msrv` checks.
fn msrv() -> Outcome {
    let toolchain = env!("CARGO_PKG_RUST_VERSION");
    let toolchains = read(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    if !toolchains.contains(toolchain) {
        println!("msrv: Rust {toolchain} is not installed; clippy has checked incompatible_msrv");
        return Ok(None);
    }
    let check = format!("run {toolchain} cargo check --workspace --target-dir target/msrv");
    done(show(Command::new("rustup").args(check.split(' '))))
}

/// An example that is built runs less than 10 s.
const SECONDS: &str = "120";

/// The README's first command, then each file of `examples`: the last line that it prints has to be
/// the one in its head and in the index.
fn example() -> shell::Result {
    show(&mut cargo("build -p obo-examples --bin chain"))?;
    for more in ["", "--opaque", "--dpop", "--mtls", "--replicas 3"] {
        let chain = cargo(&format!("run -p obo-examples --bin chain -- {more}"));
        show(&mut within(SECONDS, &chain))?;
    }
    show(&mut cargo("build --examples --all-features"))?;
    let index = fs::read_to_string("examples/README.md")?;
    for (path, text) in shell::files("examples", "rs")? {
        let name = path.trim_start_matches("examples/").trim_end_matches(".rs");
        if name.contains('/') {
            continue;
        }
        let example = cargo(&format!("run --quiet --all-features --example {name}"));
        let printed = read(&mut within(SECONDS, &example))?;
        println!("{name}:\n{printed}");
        let last = printed.lines().last().unwrap_or_default();
        let (file, end) = (format!("]({name}.rs)"), format!("| `{last}` |"));
        let mut rows = index.lines().filter(|row| row.contains(&file));
        let is_in_head = text.contains(&format!("//! Prints: `{last}`\n"));
        if last.is_empty() || !is_in_head || !rows.any(|row| row.ends_with(&end)) {
            return Err(format!("{path}: head or index lack its last line, `{last}`").into());
        }
    }
    Ok(())
}

fn done(result: shell::Result) -> Outcome {
    result.map(|()| None)
}

fn timed(name: &str, step: fn() -> Outcome) -> Outcome {
    println!("== {name}");
    let started = Instant::now();
    let outcome = step();
    let seconds = started.elapsed().as_secs_f32();
    match &outcome {
        Ok(None) => println!("== {name}: passed in {seconds:.1} s"),
        Ok(Some(why)) => println!("== {name}: skipped, {why}"),
        Err(_) => println!("== {name}: FAILED after {seconds:.1} s"),
    }
    outcome.map_err(|error| format!("ci stopped at step `{name}`: {error}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_its_step() {
        let error = timed("docs", || Err("no page".into())).unwrap_err();
        assert_eq!(error.to_string(), "ci stopped at step `docs`: no page");
    }
}
