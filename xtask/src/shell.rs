//! Running other programs: show them, read them, ask whether they exist.

use std::env;
use std::error::Error;
use std::ffi::OsStr;
use std::process::{Command, Stdio};

pub(crate) type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The cargo that runs this xtask, so that one toolchain builds everything.
pub(crate) fn cargo(arguments: &str) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments.split_whitespace());
    command
}

/// Prints the command and lets it write to our own output.
pub(crate) fn show(command: &mut Command) -> Result {
    let line = line_of(command);
    println!("$ {line}");
    let status = command
        .status()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{line}` failed: {status}").into())
    }
}

/// What the command prints.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let line = line_of(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("`{line}` did not start: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8(output.stdout)?)
    } else {
        Err(format!("`{line}` failed: {}", output.status).into())
    }
}

/// Whether the command runs at all, its output aside.
pub(crate) fn works(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The command as one would type it: no path to cargo, no quoting.
fn line_of(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(command.get_program());
    let words = std::iter::once(name).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_command_is_named() {
        let error = read(&mut cargo("no-such-verb")).unwrap_err().to_string();
        assert!(error.starts_with("`cargo no-such-verb` failed"), "{error}");
    }

    #[test]
    fn a_missing_program_does_not_work() {
        assert!(works(&mut cargo("--version")));
        assert!(!works(&mut Command::new("no-such-program-of-ours")));
    }
}
