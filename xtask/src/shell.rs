//! Runs other programs and finds files.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Files as pairs of path and text.
pub(crate) type Files = Vec<(String, String)>;

/// The cargo that runs this program, so that one toolchain builds everything.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace());
    command
}

/// The same command, which is ended after these seconds if the machine has `timeout`.
pub(crate) fn within(seconds: &str, command: &Command) -> Command {
    let has_timeout = works(Command::new("timeout").arg("--version"));
    let limit = ["timeout", "--kill-after=5", seconds].into_iter();
    let own = std::iter::once(command.get_program()).chain(command.get_args());
    let mut words = limit.map(OsStr::new).filter(|_| has_timeout).chain(own);
    let mut limited = Command::new(words.next().unwrap_or_default());
    limited.args(words);
    let variables = command.get_envs();
    limited.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    limited
}

/// Prints the command and runs it. Its output is shown.
pub(crate) fn show(command: &mut Command) -> Result {
    println!("$ {}", line_of(command));
    run(command.stdout(Stdio::inherit())).map(drop)
}

pub(crate) fn read(command: &mut Command) -> Result<String> {
    run(command.stdout(Stdio::piped()))
}

fn run(command: &mut Command) -> Result<String> {
    let line = line_of(command);
    let command = command.stdin(Stdio::inherit()).stderr(Stdio::inherit());
    let started = command.output();
    let output = started.map_err(|error| format!("`{line}` did not start: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8(output.stdout)?),
        false => Err(format!("`{line}` failed: {}", output.status).into()),
    }
}

/// Returns whether the command succeeds. Its output is dropped.
pub(crate) fn works(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null());
    let status = silent.stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// The command as it is typed in a shell: without the path to cargo, without quotes.
fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}

/// The packages in `crates/`, which users depend on.
pub(crate) fn crates() -> Result<Vec<String>> {
    let manifests = files("crates", "toml")?.into_iter();
    let name = |path: &str| path.split('/').nth(1).map(str::to_owned);
    let manifests = manifests.filter(|(path, _)| path.ends_with("/Cargo.toml"));
    Ok(manifests.filter_map(|(path, _)| name(&path)).collect())
}

/// The files with this extension, sorted, without build output and hidden folders.
pub(crate) fn files(folder: &str, extension: &str) -> Result<Files> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let place = path.to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            found.extend(files(&place, extension)?);
        } else if path.extension() == Some(OsStr::new(extension)) {
            let text = fs::read_to_string(&path)?;
            found.push((place.trim_start_matches("./").to_owned(), text));
        }
    }
    found.sort();
    Ok(found)
}

/// Prints the findings of a check. Fails if there are any.
pub(crate) fn verdict(check: &str, findings: &[String]) -> Result {
    for finding in findings {
        println!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(format!("{check}: {count} findings").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_command_is_named() {
        let error = read(&mut cargo("no-such-verb")).unwrap_err().to_string();
        assert!(error.starts_with("`cargo no-such-verb` failed"), "{error}");
        assert!(works(&mut cargo("--version")));
        assert!(!works(&mut Command::new("no-such-program-of-ours")));
        let error = read(&mut within("0.1", Command::new("sleep").arg("60"))).unwrap_err();
        assert!(error.to_string().ends_with("exit status: 124"), "{error}");
    }
}
