use std::io::Write;
use std::sync::{Arc, Mutex, Once, OnceLock};

use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// Captured log output.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

static OTHERS: Once = Once::new();

/// Sends this thread's spans and events to `subscriber`.
///
/// With one subscriber in the process, the first thread that reaches an event decides for all
/// threads whether it is enabled, and threads of other tests disable it. So there is always a
/// second subscriber, which enables every event and stores nothing.
pub fn listen(subscriber: impl Into<Dispatch>) -> DefaultGuard {
    OTHERS.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
    tracing::dispatcher::set_default(&subscriber.into())
}

impl Log {
    /// Captures what this thread logs at every level, until the guard is dropped.
    pub fn capture() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, listen(subscriber))
    }

    /// Captures the warnings of all threads, from the first call on.
    ///
    /// A test binary that calls this has no other global subscriber: it does not call `capture`.
    pub fn of_warnings() -> Self {
        static WARNINGS: OnceLock<Log> = OnceLock::new();
        let warnings = WARNINGS.get_or_init(|| {
            let log = Self::default();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::WARN)
                .with_ansi(false)
                .with_writer(log.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
            log
        });
        warnings.clone()
    }

    /// The whole text.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines that contain `with`.
    pub fn lines(&self, with: &str) -> Vec<String> {
        lines_of(&self.text(), with)
    }

    /// Takes the lines that contain `with`, and clears the log.
    pub fn take_lines(&self, with: &str) -> Vec<String> {
        let text = std::mem::take(&mut *self.0.lock().unwrap());
        lines_of(&String::from_utf8(text).unwrap(), with)
    }
}

fn lines_of(text: &str, with: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| line.contains(with));
    lines.map(str::to_owned).collect()
}

/// Asserts that a line has all of these fields.
pub fn has(line: &str, fields: &[&str]) {
    for field in fields {
        assert!(line.contains(field), "{field} in {line}");
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
