//! What the services tell `tracing`.

use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing::dispatcher::DefaultGuard;

/// The audit trail.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Takes what is told on this thread while the guard lives.
    pub(crate) fn capture() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, crate::listen::listen(subscriber))
    }

    /// The refusals since the last time this was asked.
    pub(crate) fn take_refusals(&self) -> Vec<String> {
        let text = std::mem::take(&mut *self.0.lock().unwrap());
        let text = String::from_utf8(text).unwrap();
        let refused = text.lines().filter(|line| line.contains("request refused"));
        refused.map(str::to_owned).collect()
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
