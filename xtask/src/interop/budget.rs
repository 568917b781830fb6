//! Commands that may take a common time together and no longer.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::shell;

/// How often a command is looked at.
const LOOK: Duration = Duration::from_millis(20);

pub(super) struct Budget(Instant);

/// What a command has printed, and how it ended.
pub(super) struct Output {
    pub(super) status: ExitStatus,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Budget {
    pub(super) fn new(most: Duration) -> Self {
        Self(Instant::now() + most)
    }

    pub(super) fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// A part of what is left.
    pub(super) fn part(&self, most: Duration) -> Self {
        Self::new(most.min(self.left()))
    }

    /// Runs a command to its end; it fails when the time is over.
    pub(super) fn output(&self, command: &mut Command) -> shell::Result<Output> {
        let name = command.get_program().to_string_lossy().into_owned();
        let output = self.output_in_time(command)?;
        output.ok_or_else(|| format!("`{name}` was ended, since its time was over").into())
    }

    /// Runs a command to its end, or ends it when the time is over.
    pub(super) fn output_in_time(&self, command: &mut Command) -> shell::Result<Option<Output>> {
        let piped = command.stdin(Stdio::null());
        let piped = piped.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().map_err(|error| {
            let name = command.get_program().to_string_lossy();
            format!("`{name}` did not start: {error}")
        })?;
        let stdout = reader(child.stdout.take());
        let stderr = reader(child.stderr.take());
        let Some(status) = self.wait(&mut child)? else {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        };
        let text = |reader: JoinHandle<String>| reader.join().unwrap_or_default();
        Ok(Some(Output {
            status,
            stdout: text(stdout),
            stderr: text(stderr),
        }))
    }

    fn wait(&self, child: &mut Child) -> shell::Result<Option<ExitStatus>> {
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if self.left().is_zero() {
                return Ok(None);
            }
            sleep(LOOK);
        }
    }
}

/// Reads beside, so that a full pipe holds nobody up.
fn reader(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read until a failure is still of use.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::cargo;

    #[test]
    fn a_command_ends_with_the_time() {
        let mut command = Command::new("sleep");
        let started = Instant::now();
        let ended = Budget::new(Duration::from_secs(60)).part(Duration::from_millis(50));
        assert!(ended.output_in_time(command.arg("60")).unwrap().is_none());
        assert!(ended.output(&mut command).is_err());
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn what_is_printed_is_kept() {
        let budget = Budget::new(Duration::from_secs(60));
        let output = budget.output(&mut cargo("--version")).unwrap();
        assert!(output.status.success() && output.stdout.starts_with("cargo "));
        assert!(
            !budget
                .output(&mut cargo("no-such-verb"))
                .unwrap()
                .stderr
                .is_empty()
        );
    }
}
