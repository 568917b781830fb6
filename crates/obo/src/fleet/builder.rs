use std::sync::Arc;
use std::time::Duration;

use obo_core::fleet::{KeyRing, RingKey};
use obo_core::{ConfigError, Secret, as_in_files};
use parking_lot::Mutex;

use super::handle::{Fleet, Inner};
use super::heard::Heard;
use super::in_process::InProcess;
use super::link::Link;
use super::listen::Listener;
use super::marks::Marks;
use super::owed::Owed;
use super::replays::Replays;
use super::ring::Ring;
use super::ring_files::RingSource;
use super::store::Store;
use crate::clock::Clock;
use crate::random;

const SHORTEST_DEADLINE: Duration = Duration::from_millis(1);
const LONGEST_DEADLINE: Duration = Duration::from_secs(5);
/// Shorter, a single lost heartbeat would count as silence.
const SHORTEST_SILENCE: Duration = Duration::from_secs(5);
const LONGEST_TOKEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Configures a [`Fleet`]. It keeps the first mistake, which [`build`](Self::build) returns.
#[derive(Clone, Debug)]
#[must_use]
pub struct FleetBuilder {
    store: Option<(Arc<dyn Store>, RingSource)>,
    deadline: Duration,
    silence: Option<Duration>,
    longest_token: Duration,
    has_lease: bool,
    clock: Clock,
}

impl Fleet {
    /// Starts a fleet of one process; [`store`](FleetBuilder::store) shares it with others.
    pub fn builder() -> FleetBuilder {
        FleetBuilder {
            store: None,
            deadline: Duration::from_millis(25),
            silence: None,
            longest_token: Duration::from_secs(24 * 60 * 60),
            has_lease: true,
            clock: Clock::system(),
        }
    }
}

impl FleetBuilder {
    /// Shares through this store. All replicas have the same keys.
    ///
    /// Services that share a store and keys can read each other's exchanged tokens, and hear of
    /// each other's logouts.
    pub fn store(mut self, store: impl Store, ring: impl Into<RingSource>) -> Self {
        self.store = Some((Arc::new(store), ring.into()));
        self
    }

    /// The longest time for a call of the store: 25 ms by default, from 1 ms to 5 s. A call that
    /// takes longer counts as failed. What must happen once, such as a logout or a proof, may take
    /// ten times as long.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Refuses requests with 503 when nothing was heard of the store for this long, because a
    /// logout may have been missed. At least 5 s.
    ///
    /// By default requests are admitted by what the process knows. A heartbeat is read every 2 s,
    /// so a store without traffic is no silence.
    pub fn strict(mut self, silence: Duration) -> Self {
        self.silence = Some(silence);
        self
    }

    /// The longest lifetime of a token: a logout is kept for so long. By default 24 h, at most
    /// 30 days.
    pub fn longest_token(mut self, lifetime: Duration) -> Self {
        self.longest_token = lifetime;
        self
    }

    /// Lets replicas that need the same token at the same moment exchange it each. By default one
    /// exchanges and the others wait for it.
    pub fn without_lease(mut self) -> Self {
        self.has_lease = false;
        self
    }

    /// Uses another wall clock than the system's.
    pub fn clock(mut self, clock: impl Into<Clock>) -> Self {
        self.clock = clock.into();
        self
    }

    /// Builds the fleet, without a call of the store. [`Fleet::start`] reads what is known already.
    ///
    /// # Errors
    ///
    /// Fails if a setting is wrong, and names it. Files of keys must be usable now.
    pub fn build(self) -> Result<Fleet, ConfigError> {
        let deadline = self.deadline;
        if !(SHORTEST_DEADLINE..=LONGEST_DEADLINE).contains(&deadline) {
            let problem = format!("{} is not between 1ms and 5s", as_in_files(deadline));
            return Err(ConfigError::new("deadline", problem));
        }
        if let Some(silence) = self.silence
            && silence < SHORTEST_SILENCE
        {
            let problem = format!(
                "{} is too short, expected at least 5s",
                as_in_files(silence)
            );
            return Err(ConfigError::new("strict", problem));
        }
        let longest = self.longest_token;
        if longest.is_zero() || longest > LONGEST_TOKEN {
            let problem = format!("{} is not between 1s and 30d", as_in_files(longest));
            return Err(ConfigError::new("longest_token", problem));
        }
        let is_shared = self.store.is_some();
        let (store, ring): (Arc<dyn Store>, _) = match self.store {
            Some((store, source)) => (store, Ring::of(source)?),
            None => (Arc::new(InProcess::new()), Ring::of(own_ring()?.into())?),
        };
        Ok(Fleet(Arc::new(Inner {
            link: Link::new(deadline, store.address()),
            store,
            ring: Arc::new(ring),
            marks: Marks::new(),
            replays: Replays::new(),
            heard: Heard::default(),
            listener: Listener::default(),
            silence: self.silence,
            longest_token: longest,
            has_lease: self.has_lease,
            is_shared,
            clock: self.clock,
            ignored_at: Mutex::default(),
            owed: Owed::default(),
        })))
    }
}

/// A key that no other process has.
fn own_ring() -> Result<KeyRing, ConfigError> {
    use base64::Engine as _;
    let random = random::bytes().ok_or_else(|| {
        let problem = "the operating system provides no random bytes for it";
        ConfigError::new("key_ring", problem)
    })?;
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(random);
    KeyRing::new([RingKey::parse("process", &Secret::new(text))?])
}
