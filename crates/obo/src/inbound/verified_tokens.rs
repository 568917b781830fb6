//! The cache of verified tokens: a cached token needs neither cryptography nor JSON parsing again.
//!
//! The key is the whole token, compared byte by byte, so a hash collision cannot mix up two tokens.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;

use obo_core::{Caller, Issuer, SubjectToken, UnixTime};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Lifecycle, Weighter};
use tokio::time::Instant;

/// The size of an entry without its text, in bytes.
const OVERHEAD: u64 = 768;

/// The verified tokens of one [`ResourceServer`](crate::ResourceServer), and of its policies only.
///
/// A caller may have claims of the application's own types, whose `Drop` may use this cache again.
/// So no entry is dropped under the lock.
pub(crate) struct VerifiedTokens(
    Cache<Key, Verified, Entry, foldhash::quality::RandomState, Entry>,
);

/// With many tokens each entry is a cache miss of the processor, so the fields are small.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    /// The size of the JSON that the caller was read from: of the token, or of an introspection
    /// response, which may be much longer.
    pub(crate) size: u32,
    /// The index of the issuer among those of the server.
    pub(crate) issuer: u32,
    /// The generation of the key set that verified the token, if keys did.
    pub(crate) generation: Option<NonZeroU64>,
    /// When the introspection response becomes outdated on each clock, if there was one. The
    /// earlier end counts.
    pub(crate) until: Option<(Instant, UnixTime)>,
}

impl Verified {
    /// Whether the token needs no new introspection.
    pub(crate) fn is_fresh(&self, wall: UnixTime) -> bool {
        self.until
            .is_none_or(|(until, ends_at)| wall < ends_at && Instant::now() < until)
    }
}

impl VerifiedTokens {
    /// A cache of this many bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let hasher = foldhash::quality::RandomState::default();
        Self(Cache::with(1024, bytes, Entry, hasher, Entry))
    }

    pub(crate) fn get(&self, token: &[u8]) -> Option<Verified> {
        self.0.get(&Bytes(token))
    }

    /// Inserts an entry. Returns what it evicts, to be dropped without a lock.
    pub(crate) fn insert(&self, verified: Verified) -> impl Sized + use<> {
        let key = Key(verified.caller.subject_token().clone());
        let mut evicted = Vec::new();
        self.0.insert_with_lifecycle(key, verified, &mut evicted);
        evicted
    }

    /// Evicts all tokens of a user.
    pub(crate) fn forget(&self, issuer: &Issuer, subject: &str) {
        // Outlives the lock.
        let evicted = RefCell::new(Vec::new());
        self.0.retain(|_, verified| {
            let caller = &verified.caller;
            let is_theirs = caller.issuer() == issuer && caller.subject() == subject;
            if is_theirs {
                evicted.borrow_mut().push(caller.clone());
            }
            !is_theirs
        });
    }

    pub(crate) fn remove(&self, token: &[u8]) {
        self.0.remove(&Bytes(token));
    }
}

/// The token in the caller's own allocation, so that its text is in memory once.
struct Key(SubjectToken);

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.expose().as_bytes().hash(state);
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose() == other.0.expose()
    }
}

impl Eq for Key {}

/// The token in a request's header.
#[derive(Hash)]
struct Bytes<'a>(&'a [u8]);

impl Equivalent<Key> for Bytes<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.0.expose().as_bytes()
    }
}

/// The weight of an entry. Entries that are evicted or replaced outlive the lock.
#[derive(Clone)]
struct Entry;

impl Lifecycle<Key, Verified> for Entry {
    type RequestState = Vec<Verified>;

    fn on_evict(&self, state: &mut Self::RequestState, _: Key, verified: Verified) {
        state.push(verified);
    }
}

impl Weighter<Key, Verified> for Entry {
    fn weight(&self, key: &Key, verified: &Verified) -> u64 {
        let text = key.0.expose().len() + verified.size as usize;
        text as u64 + OVERHEAD
    }
}
