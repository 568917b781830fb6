use std::io::Write;
use std::sync::{Arc, Mutex, Once};

use tracing::Dispatch;
use tracing::dispatcher::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// What was logged.
#[derive(Clone, Debug, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

static OTHERS: Once = Once::new();

/// Hands this thread's spans and events to `subscriber`.
///
/// While there is one subscriber in all, the thread that comes by first decides for the whole process whether an event is
/// wanted, and other tests' threads want none; so there is always a second one, which wants all and keeps nothing.
pub fn listen(subscriber: impl Into<Dispatch>) -> DefaultGuard {
    OTHERS.call_once(|| {
        tracing::subscriber::set_global_default(tracing_subscriber::registry()).unwrap();
    });
    tracing::dispatcher::set_default(&subscriber.into())
}

impl Log {
    /// Takes what this thread logs from now on, of every level, while the guard lives.
    pub fn capture() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(log.clone())
            .finish();
        (log, listen(subscriber))
    }

    /// All of it.
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// The lines that have this in them.
    pub fn lines(&self, with: &str) -> Vec<String> {
        lines_of(&self.text(), with)
    }

    /// The lines that have this in them, and forgets everything.
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
