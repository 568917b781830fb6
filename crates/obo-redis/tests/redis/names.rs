//! Names of values, as a fleet makes them.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo::Secret;
use obo::fleet::{KeyRing, RingKey, StoreKey};

/// A ring of one key.
pub(crate) fn ring() -> KeyRing {
    ring_of(&["k1"])
}

/// A ring with keys of these ids.
pub(crate) fn ring_of(ids: &[&str]) -> KeyRing {
    let key = |id: &&str| {
        let secret = URL_SAFE_NO_PAD.encode(format!("{id:*<32}"));
        RingKey::parse(id, &Secret::new(secret)).unwrap()
    };
    KeyRing::new(ids.iter().map(key)).unwrap()
}

/// A name that no other call returns.
pub(crate) fn name() -> StoreKey {
    names(1).remove(0)
}

/// Names that no other call returns. In a cluster they are on several nodes.
pub(crate) fn names(count: usize) -> Vec<StoreKey> {
    let ring = ring();
    let one = |_| ring.replay_names("test", &number().to_string()).remove(0);
    (0..count).map(one).collect()
}

/// The names of an event that no other call returns.
pub(crate) fn event() -> Vec<StoreKey> {
    ring_of(&["k1", "k2"]).event_names("https://idp.example", &number().to_string())
}

/// A number that no other call returns.
pub(crate) fn number() -> u64 {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}
