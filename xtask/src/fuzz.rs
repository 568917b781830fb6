//! `cargo xtask fuzz`: runs the targets in `fuzz/` with libFuzzer on stable Rust.
//!
//! libFuzzer is C++ and comes with its crate. Compiler flags add the counters that guide it. No
//! sanitizer is used, because this workspace has no unsafe code.

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use crate::shell::{self, cargo, read, show, works};

const FLAGS: &str = "--cfg=fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Generous limits: only the first input of a run takes long, because it generates keys.
const LIMITS: &str = "-max_len=8192 -timeout=60 -rss_limit_mb=1024 -dict=fuzz/dictionary";
/// Each target in CI takes seconds and does the same work each time.
const SMOKE: [&str; 2] = ["-runs=8000", "-seed=1"];
/// The folder for all output. Git ignores it.
const OUTPUT: &str = "fuzz/target";

/// Fuzzes all targets or one, or replays an input.
pub(crate) fn run(words: &[&str]) -> shell::Result {
    let (seconds, names) = match words {
        ["--seconds", seconds, names @ ..] => (seconds.parse()?, names),
        names => (600_u64, names),
    };
    if let Some(why) = missing() {
        return Err(why.into());
    }
    let effort = [format!("-max_total_time={seconds}")];
    match *names {
        [] => fuzz(&targets()?, "corpus", &effort),
        [target] => fuzz(&[target.to_owned()], "corpus", &effort),
        [target, input] => show(counted("run")?.args(["--bin", target, "--", input])),
        _ => Err("expected at most one target and one input".into()),
    }
}

/// Runs each target a fixed number of times, from the seeds only. Returns why it cannot.
pub(crate) fn smoke() -> shell::Result<Option<String>> {
    let why = missing();
    if why.is_none() {
        show(&mut cargo("fmt --manifest-path fuzz/Cargo.toml -- --check"))?;
        // Without an old corpus, each run does the same work.
        let _ = fs::remove_dir_all(format!("{OUTPUT}/smoke"));
        fuzz(&targets()?, "smoke", &SMOKE.map(str::to_owned))?;
        // After the build, because it reuses the output of the build scripts.
        show(counted("clippy")?.args(["--", "-D", "warnings"]))?;
    }
    Ok(why)
}

fn missing() -> Option<String> {
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let is_there = cfg!(unix) && works(Command::new(&compiler).arg("--version"));
    (!is_there).then(|| format!("libFuzzer requires Unix and the C++ compiler `{compiler}`"))
}

fn targets() -> shell::Result<Vec<String>> {
    let files = shell::files("fuzz/targets", "rs")?.into_iter();
    let names = files.map(|(path, _)| path.replace("fuzz/targets/", "").replace(".rs", ""));
    Ok(names.collect())
}

/// A cargo command with the counters. `--target` keeps them out of build scripts.
fn counted(verb: &str) -> shell::Result<Command> {
    let version = read(&mut cargo("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or("`cargo -vV` does not name the host")?;
    let manifest = "--release --locked --manifest-path fuzz/Cargo.toml";
    let mut command = cargo(&format!("{verb} {manifest} --target {host}"));
    command.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.replace(' ', "\x1f"));
    Ok(command)
}

fn fuzz(targets: &[String], corpus: &str, effort: &[String]) -> shell::Result {
    let bins = targets.iter().flat_map(|target| ["--bin", target]);
    show(counted("build")?.args(bins))?;
    for target in targets {
        let corpus = format!("{OUTPUT}/{corpus}/{target}");
        for folder in [&corpus, "fuzz/target/crashes", "fuzz/target/logs"] {
            fs::create_dir_all(folder)?;
        }
        let mut command = counted("run")?;
        command.args(["-q", "--bin", target, "--"]);
        command.args(LIMITS.split(' ')).args(effort);
        command.arg(format!("-artifact_prefix={OUTPUT}/crashes/{target}-"));
        command.arg(corpus);
        let seeds = format!("fuzz/seeds/{target}");
        command.args(Path::new(&seeds).is_dir().then_some(&seeds));
        let log = format!("{OUTPUT}/logs/{target}");
        command.stdout(File::create(&log)?);
        command.stderr(File::options().append(true).open(&log)?);
        let started = Instant::now();
        let status = command.status()?;
        if !status.success() {
            let log = fs::read(&log)?;
            return Err(crashed(target, &String::from_utf8_lossy(&log)).into());
        }
        let seconds = started.elapsed().as_secs_f32();
        println!("{target}: no finding in {seconds:.1} s");
    }
    Ok(())
}

/// The finding, and how to replay it.
fn crashed(target: &str, log: &str) -> String {
    let signs = ["panicked at", "ERROR:", "ALARM:"];
    let is_finding = |line: &&str| signs.iter().any(|sign| line.contains(sign));
    let found = log.lines().skip_while(|line| !is_finding(line)).take(6);
    let found = found.collect::<Vec<_>>().join("\n");
    let input = log.split("Test unit written to ").nth(1).unwrap_or("INPUT");
    let input = input.lines().next().unwrap_or_default();
    format!("`{target}` found something\n{found}\nto replay it: cargo xtask fuzz {target} {input}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crash_can_be_replayed() {
        let log = "INFO: x\nthread 'main' panicked at src/lib.rs:1:2:\nwhy\n\
                   artifact_prefix='crashes/a-'; Test unit written to crashes/a-crash-1\n";
        let text = crashed("a", log);
        assert!(text.contains("panicked at src/lib.rs:1:2:\nwhy"));
        assert!(text.ends_with("\nto replay it: cargo xtask fuzz a crashes/a-crash-1"));
    }
}
