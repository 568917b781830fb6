use std::fmt;
use std::future::ready;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use obo_core::fleet::StoreKey;

use super::finding::Finding;

/// What a [`Store`] returns.
pub type StoreFuture<'s, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 's>>;

/// Is called with each record that a replica announces.
pub type Announce<'s> = &'s (dyn Fn(Bytes) + Send + Sync);

/// A store that all replicas reach: small values with a lifetime, and one log of records.
///
/// It need not be trusted with the values, and it may lose them. What it must keep: [`take`] and
/// [`append`] are atomic for each name. A [`Fleet`](super::Fleet) adds the deadline and the circuit
/// breaker, and drops a future that takes too long.
///
/// [`take`]: Self::take
/// [`append`]: Self::append
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Reads the value of each name, in their order, in one round trip.
    fn get<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, Vec<Option<Bytes>>>;

    /// Writes a value that ends after `lifetime`, over any other one.
    fn put<'s>(
        &'s self,
        name: &'s StoreKey,
        value: Bytes,
        lifetime: Duration,
    ) -> StoreFuture<'s, ()>;

    /// Takes all names for `lifetime`, one after the other. Returns `false` at the first name that
    /// is taken already; the names before it stay taken. Of simultaneous calls for a name, one
    /// takes it.
    fn take<'s>(&'s self, names: &'s [StoreKey], lifetime: Duration) -> StoreFuture<'s, bool>;

    /// Removes names before their lifetime ends.
    fn remove<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, ()>;

    /// In one step: takes the names of an event, appends the record to the log, and announces it.
    ///
    /// Returns `false`, and does nothing, if one of the names is taken. Names and record are kept
    /// for `retention`. The names are on the node of the log
    /// ([`KeyRing::event_names`](obo_core::fleet::KeyRing::event_names)).
    fn append<'s>(
        &'s self,
        record: Bytes,
        once: &'s [StoreKey],
        retention: Duration,
    ) -> StoreFuture<'s, bool>;

    /// Reads records of the log, from the start or from behind the position of an earlier page.
    ///
    /// It may return records twice.
    fn read<'s>(&'s self, after: Option<&'s str>) -> StoreFuture<'s, Page>;

    /// Calls `announce` with each record that any replica appends, until the connection ends.
    fn watch<'s>(&'s self, announce: Announce<'s>) -> StoreFuture<'s, ()>;

    /// Where the store is, such as `redis.example:6379`, for errors and logs. It must not contain
    /// secrets.
    fn address(&self) -> Option<&str> {
        None
    }

    /// Checks the set-up of the store, for tools: the rights of its user, and whether it may lose
    /// logouts. A store that has nothing to say of itself finds nothing.
    fn examine<'s>(&'s self) -> StoreFuture<'s, Vec<Finding>> {
        Box::pin(ready(Ok(Vec::new())))
    }
}

/// A part of the log.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records, the oldest first.
    pub records: Vec<Bytes>,
    /// Where the next page starts; `None` if the log is empty.
    pub position: Option<String>,
    /// Whether there are no more records now.
    pub is_last: bool,
}

/// A store did not do what it was asked for. Other replicas and the store itself may still do it
/// later.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the shared store{place} {problem}")]
pub struct StoreError {
    /// Empty, or starts with " at ".
    place: String,
    problem: String,
    is_of_setup: bool,
}

impl StoreError {
    /// `problem` continues "the shared store", such as "does not respond". It must not contain
    /// secrets.
    pub fn new(problem: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            problem: problem.into(),
            is_of_setup: false,
        }
    }

    /// Names the store by its [address](Store::address): "the shared store at redis.example:6379
    /// does not respond".
    #[must_use]
    pub fn at(mut self, address: &str) -> Self {
        self.place = format!(" at {address}");
        self
    }

    /// Marks an error that stays until someone changes the set-up, such as a wrong password.
    #[must_use]
    pub fn of_setup(mut self) -> Self {
        self.is_of_setup = true;
        self
    }

    /// Whether someone must change the set-up.
    pub fn is_of_setup(&self) -> bool {
        self.is_of_setup
    }
}
