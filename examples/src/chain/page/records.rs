use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use obo_audit::{Chain, JsonLines, Log, join};
use tokio::sync::watch;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::BoxError;
use crate::chain::watch::{SERVICE, SPANS};

/// As many lines are kept.
const MAX_LINES: usize = 1_000;

/// The services' records, as lines in memory. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Records {
    lines: Arc<Mutex<VecDeque<Vec<u8>>>>,
    changes: watch::Sender<()>,
}

impl Records {
    /// Collects the records of this process from now on.
    pub(super) fn collect() -> Result<Self, BoxError> {
        let records = Self {
            lines: Arc::default(),
            changes: watch::Sender::default(),
        };
        let writer = records.clone();
        let layer = JsonLines::new("chain", move || writer.clone()).service_field(SERVICE);
        let filter = Targets::new()
            .with_target("obo::audit", LevelFilter::DEBUG)
            .with_target(SPANS, LevelFilter::INFO);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        subscriber.try_init()?;
        Ok(records)
    }

    /// Reads the records, and joins them. The first chain is the oldest.
    pub(super) fn chains(&self) -> Vec<Chain> {
        let lines = self.lines.lock();
        let mut lines = lines.unwrap_or_else(PoisonError::into_inner);
        let text = lines.make_contiguous().concat();
        drop(lines);
        let mut log = Log::default();
        log.read("memory", &*text);
        join(log.records)
    }

    /// Says that something has changed, records or not.
    pub(super) fn changed(&self) {
        self.changes.send_replace(());
    }

    pub(super) fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }
}

/// Each call writes one line.
impl Write for Records {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let lines = self.lines.lock();
        let mut lines = lines.unwrap_or_else(PoisonError::into_inner);
        if lines.len() >= MAX_LINES {
            lines.pop_front();
        }
        lines.push_back(line.to_owned());
        drop(lines);
        self.changed();
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
