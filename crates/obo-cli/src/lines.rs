//! Logs and audit records, written by threads of their own. A reader that stalls, a full disk or a
//! hanging file system stops no request.
//!
//! `tracing-appender` does the same, but it counts no line that fails to be written, and it prints
//! to the stalled output when it ends.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{mem, thread};

/// How many bytes wait at most. Further lines are lost until they are written.
const ROOM: usize = 4 * 1024 * 1024;
/// How long after a failure the rest is written again.
const AGAIN: Duration = Duration::from_secs(1);
/// How often lost lines are reported.
const REPORTS: Duration = Duration::from_secs(5);
/// How long the end of the process waits for each output.
const END: Duration = Duration::from_millis(500);

/// Each line that is lost, by its stream.
const LOST: &str = "obo_gateway_lost_lines_total";
const LOG: &str = "log";
const AUDIT: &str = "audit";

/// Takes lines without waiting.
pub(crate) struct Lines {
    stream: &'static str,
    room: usize,
    state: Mutex<State>,
    /// There are new lines.
    added: Condvar,
    /// All lines are written.
    written: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    is_writing: bool,
    lost: u64,
    reported: u64,
    problem: Option<String>,
    reported_problem: Option<String>,
}

impl Lines {
    fn start(
        stream: &'static str,
        output: impl Write + Send + 'static,
        room: usize,
        again: Duration,
    ) -> io::Result<Arc<Self>> {
        let lines = Arc::new(Self {
            stream,
            room,
            state: Mutex::default(),
            added: Condvar::new(),
            written: Condvar::new(),
        });
        let writer = Arc::clone(&lines);
        let thread = thread::Builder::new().name(format!("obo-{stream}"));
        thread.spawn(move || writer.run(output, again))?;
        Ok(lines)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8]) {
        let mut state = self.state();
        if state.waiting.len() + line.len() > self.room {
            state.lost += 1;
            drop(state);
            metrics::counter!(LOST, "stream" => self.stream).increment(1);
            return;
        }
        state.waiting.extend_from_slice(line);
        drop(state);
        self.added.notify_one();
    }

    /// Writes what comes, until the process ends.
    fn run(&self, mut output: impl Write, again: Duration) {
        let mut lines = Vec::new();
        loop {
            let mut state = self.state();
            state.is_writing = false;
            while state.waiting.is_empty() {
                self.written.notify_all();
                let woken = self.added.wait(state);
                state = woken.unwrap_or_else(PoisonError::into_inner);
            }
            mem::swap(&mut lines, &mut state.waiting);
            state.is_writing = true;
            drop(state);
            let mut rest = &*lines;
            while let Err(error) = write(&mut output, &mut rest) {
                self.state().problem = Some(error.to_string());
                thread::sleep(again);
            }
            self.state().problem = None;
            lines.clear();
        }
    }

    /// Waits until all lines are written. `false` if they are not.
    fn finish(&self, patience: Duration) -> bool {
        let is_busy = |state: &mut State| state.is_writing || !state.waiting.is_empty();
        let waited = self
            .written
            .wait_timeout_while(self.state(), patience, is_busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// How many lines are lost since the start, unless that was reported.
    fn newly_lost(&self) -> Option<u64> {
        let state = &mut *self.state();
        let reported = mem::replace(&mut state.reported, state.lost);
        (reported != state.lost).then_some(state.lost)
    }

    /// Why lines cannot be written now, unless that was reported.
    fn new_problem(&self) -> Option<String> {
        let state = &mut *self.state();
        let reported = mem::replace(&mut state.reported_problem, state.problem.clone());
        state
            .problem
            .clone()
            .filter(|it| reported.as_ref() != Some(it))
    }
}

/// Writes the rest as far as possible.
fn write(output: &mut impl Write, rest: &mut &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        match output.write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => *rest = rest.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    output.flush()
}

/// Each call has whole lines, and never fails: a line without room is lost and counted.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The outputs of a gateway.
#[derive(Clone)]
pub(crate) struct Outputs {
    pub(crate) log: Arc<Lines>,
    pub(crate) audit: Option<Arc<Lines>>,
}

impl Outputs {
    /// Writes the log to standard output, and audit records to a file.
    pub(crate) fn start(audit: Option<File>) -> io::Result<Self> {
        let audit = audit.map(|file| Lines::start(AUDIT, file, ROOM, AGAIN));
        Ok(Self {
            log: Lines::start(LOG, io::stdout(), ROOM, AGAIN)?,
            audit: audit.transpose()?,
        })
    }

    /// Reports lost lines from time to time.
    pub(crate) async fn report_losses(self) {
        loop {
            tokio::time::sleep(REPORTS).await;
            self.report();
        }
    }

    fn report(&self) {
        if let Some(audit) = &self.audit {
            if let Some(problem) = audit.new_problem() {
                tracing::error!(problem, "audit records cannot be written; tried again");
            }
            if let Some(lost) = audit.newly_lost() {
                tracing::error!(lost, "audit records lost");
            }
        }
        // If there is no room for this line, it counts as lost, and the next report follows.
        if let Some(lost) = self.log.newly_lost() {
            tracing::warn!(lost, "log lines lost: standard output is read too slowly");
        }
    }

    /// Waits until all lines are written, for at most a second.
    pub(crate) fn finish(&self) {
        let is_written = self.audit.as_ref().is_none_or(|it| it.finish(END));
        self.report();
        if !is_written {
            tracing::error!("audit records lost: the last ones are not written");
        }
        self.log.finish(END);
    }
}

/// Gives the metric its description, and a value, so that its first increase is seen.
pub(crate) fn describe() {
    let text = "Lines of the gateway's log and audit records that were lost.";
    metrics::describe_counter!(LOST, metrics::Unit::Count, text);
    for stream in [LOG, AUDIT] {
        metrics::counter!(LOST, "stream" => stream).increment(0);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// An output that does with each write what the test says.
    struct Output {
        steps: Receiver<io::Result<usize>>,
        calls: Sender<Vec<u8>>,
    }

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls.send(bytes.to_vec()).unwrap();
            let step = self.steps.recv().unwrap_or(Ok(usize::MAX));
            step.map(|most| bytes.len().min(most))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines, the next outcomes of the output, and what was written.
    fn lines(room: usize) -> (Arc<Lines>, Sender<io::Result<usize>>, Receiver<Vec<u8>>) {
        let (steps, outcomes) = channel();
        let (calls, written) = channel();
        let output = Output {
            steps: outcomes,
            calls,
        };
        let lines = Lines::start(AUDIT, output, room, Duration::ZERO).unwrap();
        (lines, steps, written)
    }

    #[test]
    fn stalled_output_loses_lines_only() {
        let (lines, steps, written) = lines(8);
        lines.add(b"1\n");
        assert_eq!(written.recv().unwrap(), b"1\n");
        // The output stalls, and there is room for two lines.
        for line in ["two\n", "333\n", "4\n", "five\n"] {
            (&*lines).write_all(line.as_bytes()).unwrap();
        }
        assert!(!lines.finish(Duration::ZERO));
        assert_eq!((lines.newly_lost(), lines.newly_lost()), (Some(2), None));
        drop(steps);
        assert!(lines.finish(PATIENCE));
        assert_eq!(written.recv().unwrap(), b"two\n333\n");
        lines.add(b"6\n");
        assert!(lines.finish(PATIENCE));
        assert_eq!(written.recv().unwrap(), b"6\n");
        assert_eq!(lines.newly_lost(), None);
    }

    #[test]
    fn failed_write_continues_where_it_ended() {
        let (lines, steps, written) = lines(80);
        let full = || Err(io::ErrorKind::StorageFull.into());
        for step in [Ok(3), full(), full()] {
            steps.send(step).unwrap();
        }
        lines.add(b"a record\n");
        for call in ["a record\n", "ecord\n", "ecord\n", "ecord\n"] {
            assert_eq!(written.recv().unwrap(), call.as_bytes());
        }
        assert!(lines.new_problem().is_some());
        assert_eq!(lines.new_problem(), None);
        steps.send(Ok(99)).unwrap();
        assert!(lines.finish(PATIENCE));
        assert_eq!((lines.newly_lost(), lines.new_problem()), (None, None));
    }
}
