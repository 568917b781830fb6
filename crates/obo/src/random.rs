//! Randomness from the operating system.

use std::cell::RefCell;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; 512], used: 512 }) };
}

/// Unused random bytes, for identifiers. Each proof needs one, and a system call for each would be
/// a quarter of what a proof costs besides its signature.
struct Pool {
    bytes: [u8; 512],
    used: usize,
}

/// A random key; `None` if the system has no randomness.
pub(crate) fn bytes() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// A nonce of 96 random bits; `None` if the system has no randomness.
pub(crate) fn nonce() -> Option<[u8; 12]> {
    let mut bytes = [0; 12];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// 128 random bits in hexadecimal: a `jti`.
pub(crate) fn token_id() -> Option<String> {
    let id = POOL.with_borrow_mut(Pool::next)?;
    Some(format!("{:032x}", u128::from_be_bytes(id)))
}

/// The identifier of a trace, which is not zero.
pub(crate) fn trace_id() -> Option<u128> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(u128::from_be_bytes(bytes)).filter(|id| *id != 0)
}

/// The identifier of a span, which is not zero.
pub(crate) fn span_id() -> Option<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(u64::from_be_bytes(bytes)).filter(|id| *id != 0)
}

/// A number from 0 up to 1, only for jitter.
pub(crate) fn fraction() -> f64 {
    let mut bytes = [0; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_be_bytes(bytes)) / (f64::from(u32::MAX) + 1.0),
        Err(_) => 0.0,
    }
}

impl Pool {
    /// The next bytes, which are removed.
    fn next(&mut self) -> Option<[u8; 16]> {
        if self.used >= self.bytes.len() {
            getrandom::fill(&mut self.bytes).ok()?;
            self.used = 0;
        }
        let next = self.bytes.get_mut(self.used..)?.first_chunk_mut::<16>()?;
        self.used += next.len();
        Some(std::mem::take(next))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// DP-18
    #[test]
    fn token_ids_never_repeat() {
        let of_a_thread = || (0..1000).map(|_| token_id().unwrap()).collect::<Vec<_>>();
        let threads = [0; 4].map(|_| std::thread::spawn(of_a_thread));
        let ids: Vec<String> = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect();
        assert!(ids.iter().all(|id| id.len() == 32));
        assert_eq!(HashSet::<&String>::from_iter(&ids).len(), ids.len());
    }

    #[test]
    fn pool_keeps_no_used_bytes() {
        let mut pool = Pool {
            bytes: [0; 512],
            used: 512,
        };
        let first = pool.next().unwrap();
        assert_ne!(first, [0; 16]);
        assert_eq!(pool.bytes[..16], [0; 16]);
        assert_ne!(pool.bytes[16..32], [0; 16]);
    }
}
