use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use obo_core::UnixTime;

/// The wall clock for the validation of tokens: the system's or a [`TestClock`].
///
/// Durations (cache lifetimes, cooldowns, deadlines) are measured on tokio's monotonic clock
/// instead.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<TestClock>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(None)
    }

    /// The current time. A system clock that is set before 1970 reads as 1970.
    #[expect(
        clippy::disallowed_methods,
        reason = "the only reader of the wall clock"
    )]
    pub fn now(&self) -> UnixTime {
        match &self.0 {
            Some(clock) => clock.now(),
            None => UnixTime::from_duration(
                SystemTime::now()
                    .duration_since(UNIX_EPOCH)
                    .unwrap_or_default(),
            ),
        }
    }
}

impl From<TestClock> for Clock {
    fn from(clock: TestClock) -> Self {
        Self(Some(clock))
    }
}

/// A wall clock that stands still until a test moves it. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use obo::ResourceServer;
/// use obo::time::{TestClock, UnixTime};
///
/// let clock = TestClock::new(UnixTime::from_secs(1_700_000_000));
/// let builder = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com")
///     .clock(clock.clone());
/// clock.advance(Duration::from_secs(300));
/// ```
#[derive(Clone, Debug)]
pub struct TestClock(Arc<AtomicU64>);

impl TestClock {
    /// A clock that shows `time`, to the second.
    pub fn new(time: UnixTime) -> Self {
        Self(Arc::new(AtomicU64::new(time.as_secs())))
    }

    /// The time that the clock shows.
    pub fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.0.load(Ordering::SeqCst))
    }

    /// Moves the clock forward by whole seconds.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
    }

    /// Sets the clock to any time, earlier ones included.
    pub fn set(&self, time: UnixTime) {
        self.0.store(time.as_secs(), Ordering::SeqCst);
    }
}
