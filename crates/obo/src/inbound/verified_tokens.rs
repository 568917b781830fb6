//! Tokens that were verified before, so that the same bytes need neither crypto nor JSON again.
//!
//! The key is the whole token, compared byte by byte: no collision of hashes can give one token's caller to another.

use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU64;

use obo_core::{Caller, Issuer, SubjectToken, UnixTime};
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Lifecycle, Weighter};
use tokio::time::Instant;

/// What an entry costs beside its text.
const OVERHEAD: u64 = 768;

/// The verified tokens of one [`ResourceServer`](crate::ResourceServer), under its policies alone.
///
/// A caller has claims of the application's own types, and what is done when they are dropped is the application's. So
/// nothing is dropped while a lock is held: it could be wanted there again.
pub(crate) struct VerifiedTokens(
    Cache<Key, Verified, Entry, foldhash::quality::RandomState, Entry>,
);

/// Of many tokens each is a line of memory that is not cached: fields are no larger than they must be.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    /// How many bytes the caller was read from: of the token, or of an answer about it, which may be much longer.
    pub(crate) size: u32,
    /// Which of the server's issuers it is of.
    pub(crate) issuer: u32,
    /// The generation of the key set that vouches for it, if it was validated here.
    pub(crate) generation: Option<NonZeroU64>,
    /// Until when what its issuer said of it holds on each clock, if it was asked: the earlier end counts.
    pub(crate) until: Option<(Instant, UnixTime)>,
}

impl Verified {
    /// Whether nothing more need be asked of the issuer.
    pub(crate) fn holds(&self, wall: UnixTime) -> bool {
        self.until
            .is_none_or(|(until, ends_at)| wall < ends_at && Instant::now() < until)
    }
}

impl VerifiedTokens {
    /// Room for tokens and callers, in bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        let hasher = foldhash::quality::RandomState::default();
        Self(Cache::with(1024, bytes, Entry, hasher, Entry))
    }

    pub(crate) fn get(&self, token: &[u8]) -> Option<Verified> {
        self.0.get(&Bytes(token))
    }

    /// What has to go for it is handed over, to be dropped when no lock is held.
    pub(crate) fn insert(&self, verified: Verified) -> impl Sized + use<> {
        let key = Key(verified.caller.subject_token().clone());
        let mut evicted = Vec::new();
        self.0.insert_with_lifecycle(key, verified, &mut evicted);
        evicted
    }

    /// Lets go of all tokens of a user.
    pub(crate) fn forget(&self, issuer: &Issuer, subject: &str) {
        let gone = RefCell::new(Vec::new());
        self.0.retain(|_, verified| {
            let caller = &verified.caller;
            let goes = caller.issuer() == issuer && caller.subject() == subject;
            if goes {
                gone.borrow_mut().push(caller.clone());
            }
            !goes
        });
    }

    pub(crate) fn remove(&self, token: &[u8]) {
        self.0.remove(&Bytes(token));
    }
}

/// The token as the caller's own proof holds it, so that its text is in memory once.
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

/// The token as a request holds it.
#[derive(Hash)]
struct Bytes<'a>(&'a [u8]);

impl Equivalent<Key> for Bytes<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.0 == key.0.expose().as_bytes()
    }
}

/// What an entry weighs, and that it outlasts the lock when it is evicted or replaced.
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
