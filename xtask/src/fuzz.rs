//! `cargo xtask fuzz`: the targets in `fuzz/`, under libFuzzer, on stable Rust.
//!
//! libFuzzer comes with its crate and is C++. The counters that guide it are a pass of the compiler's, turned on by flags;
//! they need no sanitizer, since no code here is unsafe.

use std::borrow::Cow;
use std::env;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::shell::{self, cargo, read, show, works};

const FLAGS: [&str; 6] = [
    "--cfg=fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// What a target may use: no input of these sizes takes long, save the first, for which keys are made, and nothing here
/// keeps what it was given.
const LIMITS: [&str; 3] = ["-max_len=8192", "-timeout=60", "-rss_limit_mb=1024"];

const SECONDS: u64 = 600;
/// Of each target in CI: seconds of work, and the same work each time.
const SMOKE_RUNS: u32 = 8000;

/// Everything that is made here; git ignores it.
const OUTPUT: &str = "fuzz/target";

/// Runs all targets or one for long, or one on the input of a crash, as the words behind the verb say.
pub(crate) fn run() -> shell::Result {
    let arguments: Vec<String> = env::args().skip(2).collect();
    let asked = Asked::parse(&arguments)?;
    if let Some(why) = missing() {
        return Err(why.into());
    }
    let all = targets()?;
    let chosen = match asked.target {
        None => all,
        Some(target) if all.contains(&target) => vec![target],
        Some(target) => return Err(format!("no target `{target}`; there are {all:?}").into()),
    };
    let built = Built::of(&chosen)?;
    for target in &chosen {
        match &asked.input {
            Some(input) => show(Command::new(built.program(target)).arg(input))?,
            None => built.fuzz(target, &Effort::Seconds(asked.seconds))?,
        }
    }
    Ok(())
}

/// Each target for a number of runs, from the seeds alone; or why it cannot be.
pub(crate) fn smoke() -> shell::Result<Option<Cow<'static, str>>> {
    if let Some(why) = missing() {
        return Ok(Some(why));
    }
    if works(&mut cargo("fmt --version")) {
        show(&mut cargo("fmt --manifest-path fuzz/Cargo.toml -- --check"))?;
    }
    let targets = targets()?;
    let built = Built::of(&targets)?;
    if works(&mut cargo("clippy --version")) {
        // After the build, of which it uses what build scripts made.
        show(with_counters("clippy", &host()?).args(["--", "-D", "warnings"]))?;
    }
    for target in &targets {
        built.fuzz(target, &Effort::Runs(SMOKE_RUNS))?;
    }
    Ok(None)
}

#[derive(Debug, PartialEq)]
struct Asked {
    seconds: u64,
    target: Option<String>,
    input: Option<String>,
}

impl Asked {
    fn parse(arguments: &[String]) -> shell::Result<Self> {
        let (seconds, names) = match arguments {
            [flag, seconds, names @ ..] if flag == "--seconds" => (seconds.parse()?, names),
            names => (SECONDS, names),
        };
        let (target, input) = match names {
            [] => (None, None),
            [target] => (Some(target.clone()), None),
            [target, input] => (Some(target.clone()), Some(input.clone())),
            _ => return Err("it takes one target and one input at most".into()),
        };
        Ok(Self {
            seconds,
            target,
            input,
        })
    }
}

enum Effort {
    Runs(u32),
    Seconds(u64),
}

/// What has to be here and is not.
fn missing() -> Option<Cow<'static, str>> {
    if !cfg!(unix) {
        return Some("libFuzzer is linked on Unix alone".into());
    }
    let compiler = env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let is_there = works(Command::new(&compiler).arg("--version"));
    (!is_there).then(|| format!("`{compiler}` is not there, and libFuzzer is C++").into())
}

/// One file each.
fn targets() -> shell::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir("fuzz/targets")? {
        let path = entry?.path();
        names.extend(
            path.file_stem()
                .map(|name| name.to_string_lossy().into_owned()),
        );
    }
    names.sort();
    Ok(names)
}

fn host() -> shell::Result<String> {
    let version = read(&mut cargo("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host
        .ok_or("cargo does not say which host this is")?
        .to_owned())
}

/// With the host named, the flags are not those of build scripts.
fn with_counters(verb: &str, host: &str) -> Command {
    let manifest = "--release --locked --manifest-path fuzz/Cargo.toml";
    let mut command = cargo(&format!(
        "{verb} {manifest} --target-dir {OUTPUT} --target {host}"
    ));
    command.env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\x1f"));
    command
}

struct Built {
    programs: PathBuf,
}

impl Built {
    fn of(targets: &[String]) -> shell::Result<Self> {
        let host = host()?;
        let mut build = with_counters("build", &host);
        for target in targets {
            build.args(["--bin", target]);
        }
        show(&mut build)?;
        let programs = Path::new(OUTPUT).join(host).join("release");
        Ok(Self { programs })
    }

    fn program(&self, target: &str) -> PathBuf {
        self.programs.join(target)
    }

    fn fuzz(&self, target: &str, effort: &Effort) -> shell::Result {
        let output = |kind: &str| Path::new(OUTPUT).join(kind);
        let (corpus, effort) = match effort {
            // Found anew each time, so that each time costs the same.
            Effort::Runs(runs) => {
                let corpus = output("smoke").join(target);
                let _ = fs::remove_dir_all(&corpus);
                (corpus, vec![format!("-runs={runs}"), "-seed=1".to_owned()])
            }
            Effort::Seconds(seconds) => {
                let corpus = output("corpus").join(target);
                (corpus, vec![format!("-max_total_time={seconds}")])
            }
        };
        let (logs, crashes) = (output("logs"), output("crashes"));
        for folder in [&corpus, &logs, &crashes] {
            fs::create_dir_all(folder)?;
        }
        let log = logs.join(target);
        let mut command = Command::new(self.program(target));
        command.args(LIMITS).args(&effort);
        command.args(["-print_final_stats=1", "-dict=fuzz/dictionary"]);
        command.arg(format!("-artifact_prefix={}/{target}-", crashes.display()));
        command.arg(&corpus);
        let seeds = Path::new("fuzz/seeds").join(target);
        command.args(seeds.is_dir().then_some(seeds));
        let (out, err) = (
            File::create(&log)?,
            File::options().append(true).open(&log)?,
        );
        let started = Instant::now();
        let status = command.stdout(out).stderr(err).status()?;
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if !status.success() {
            return Err(crashed(target, &said).into());
        }
        let seconds = started.elapsed().as_secs_f32();
        let runs = runs(&said).ok_or("libFuzzer does not say how often it ran")?;
        println!("{target}: {runs} runs in {seconds:.1} s");
        Ok(())
    }
}

fn runs(log: &str) -> Option<u64> {
    let number = |line: &str| {
        line.strip_prefix("stat::number_of_executed_units:")?
            .trim()
            .parse()
            .ok()
    };
    log.lines().find_map(number)
}

/// What was found, and how to see it again.
fn crashed(target: &str, log: &str) -> String {
    let is_finding = |line: &&str| {
        line.contains("panicked at") || line.contains("ERROR:") || line.contains("ALARM:")
    };
    let found = log.lines().skip_while(|line| !is_finding(line));
    let found: Vec<_> = found.take(6).collect();
    let input = log
        .lines()
        .find_map(|line| line.split("Test unit written to ").nth(1));
    let replay = match input {
        Some(input) => format!("to replay it: cargo xtask fuzz {target} {input}"),
        None => format!("see {OUTPUT}/logs/{target}"),
    };
    format!(
        "`{target}` has found something\n{}\n{replay}",
        found.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_a_time_a_target_and_an_input() {
        let parse = |text: &str| {
            let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
            Asked::parse(&words).map(|asked| (asked.seconds, asked.target, asked.input))
        };
        assert_eq!(parse("").unwrap(), (SECONDS, None, None));
        let (seconds, target, input) = parse("--seconds 5 a b").unwrap();
        assert_eq!(seconds, 5);
        assert_eq!(
            (target.as_deref(), input.as_deref()),
            (Some("a"), Some("b"))
        );
        assert!(parse("--seconds soon").is_err());
        assert!(parse("a b c").is_err());
    }

    #[test]
    fn a_crash_tells_how_to_replay_it() {
        let log = "INFO: x\nthread 'main' panicked at src/lib.rs:1:2:\nwhy\n\
                   artifact_prefix='fuzz/target/crashes/a-'; Test unit written to fuzz/target/crashes/a-crash-1\n";
        let text = crashed("a", log);
        assert!(text.contains("panicked at src/lib.rs:1:2:\nwhy"), "{text}");
        let replay = "cargo xtask fuzz a fuzz/target/crashes/a-crash-1";
        assert!(text.ends_with(replay), "{text}");
        assert!(crashed("a", "nothing").ends_with("see fuzz/target/logs/a"));
    }

    #[test]
    fn runs_are_counted() {
        assert_eq!(
            runs("x\nstat::number_of_executed_units: 8000\n"),
            Some(8000)
        );
        assert_eq!(runs(""), None);
    }
}
