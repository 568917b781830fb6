use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::error::ProofError;
use crate::jose::crypto::{are_same, derived, keyed_digest};
use crate::time::UnixTime;
use crate::wire::base64url;

type Key = Zeroizing<[u8; 32]>;

/// The number of the period, and the first half of the MAC.
const NONCE: usize = 8 + 16;

/// The keys that make and recognise the nonces of a service (RFC 9449 section 9), without a list of
/// them.
///
/// A nonce is good for all proofs of its period and of the next one. Replicas with the same secret
/// accept each other's nonces.
#[derive(Clone)]
pub struct NonceKeys {
    first: Key,
    others: Arc<[Key]>,
}

impl NonceKeys {
    /// Derives the key from a secret of 32 random bytes; `None` only if the cryptography library
    /// fails.
    ///
    /// The secret may serve other purposes too. For replicas with a key ring, see
    /// [`KeyRing::nonce_keys`](crate::fleet::KeyRing::nonce_keys).
    pub fn derive(secret: &[u8; 32]) -> Option<Self> {
        Self::of([Self::derive_key(secret)?])
    }

    /// The key of one secret.
    pub(crate) fn derive_key(secret: &[u8; 32]) -> Option<Key> {
        derived(secret, "dpop nonces")
    }

    /// The first key makes nonces, and all of them recognise nonces. `None` without a key.
    pub(crate) fn of(keys: impl IntoIterator<Item = Key>) -> Option<Self> {
        let mut keys = keys.into_iter();
        Some(Self {
            first: keys.next()?,
            others: keys.collect(),
        })
    }

    /// The nonce of the current period, 32 characters of base64url.
    pub fn nonce(&self, now: UnixTime, period: Duration) -> String {
        let number = number(now, period);
        URL_SAFE_NO_PAD.encode(nonce(&self.first, number, period))
    }

    /// Whether this is a nonce of the current period or of the one before.
    pub fn accepts(&self, text: &str, now: UnixTime, period: Duration) -> bool {
        let mut room = [0; NONCE + 2];
        let found = (text.len() == NONCE / 3 * 4)
            .then(|| base64url::decode_into(text, &mut room))
            .flatten();
        let Some((first, _)) = found.and_then(<[u8]>::split_first_chunk) else {
            return false;
        };
        let (of, now) = (u64::from_be_bytes(*first), number(now, period));
        let is_in_time = of == now || of.checked_add(1) == Some(now);
        let mut keys = [&self.first].into_iter().chain(self.others.iter());
        let is_own = |key: &Key| found.is_some_and(|it| are_same(it, &nonce(key, of, period)));
        is_in_time && keys.any(is_own)
    }

    /// Checks the nonce of a verified proof.
    ///
    /// # Errors
    ///
    /// [`ProofError::MissingNonce`] or [`ProofError::StaleNonce`]. The response must then have a
    /// new [`nonce`](Self::nonce) in the header `DPoP-Nonce`.
    pub fn check(
        &self,
        nonce: Option<&str>,
        now: UnixTime,
        period: Duration,
    ) -> Result<(), ProofError> {
        match nonce {
            None => Err(ProofError::MissingNonce),
            Some(nonce) if self.accepts(nonce, now, period) => Ok(()),
            Some(_) => Err(ProofError::StaleNonce),
        }
    }
}

/// The number of the period. A period of zero counts as a nanosecond.
fn number(now: UnixTime, period: Duration) -> u64 {
    let since_epoch = now.saturating_since(UnixTime::from_secs(0));
    let number = since_epoch.as_nanos() / period.as_nanos().max(1);
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn nonce(key: &Key, number: u64, period: Duration) -> [u8; NONCE] {
    let (number, length) = (number.to_be_bytes(), period.as_nanos().to_be_bytes());
    let mac = keyed_digest(key, [number.as_slice(), &length].into_iter());
    let mut nonce = [0; NONCE];
    for (to, from) in nonce.iter_mut().zip(number.iter().chain(&mac)) {
        *to = *from;
    }
    nonce
}

impl fmt::Debug for NonceKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NonceKeys({}, [redacted])", 1 + self.others.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{KeyRing, RingKey};
    use crate::secret::Secret;

    const PERIOD: Duration = Duration::from_secs(60);
    /// The start of a period.
    const START: u64 = 1_800_000_000;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(START + seconds)
    }

    fn keys(byte: u8) -> NonceKeys {
        NonceKeys::derive(&[byte; 32]).unwrap()
    }

    /// DP-16
    #[test]
    fn current_and_previous_nonce_pass() {
        let keys = keys(1);
        let nonce = keys.nonce(at(0), PERIOD);
        assert_eq!(nonce.len(), 32);
        assert_eq!(nonce, keys.nonce(at(59), PERIOD));
        assert_ne!(nonce, keys.nonce(at(60), PERIOD));
        for (seconds, is_good) in [(0, true), (59, true), (60, true), (119, true), (120, false)] {
            assert_eq!(
                keys.accepts(&nonce, at(seconds), PERIOD),
                is_good,
                "{seconds}"
            );
        }
        let before = UnixTime::from_secs(START - 1);
        assert!(!keys.accepts(&nonce, before, PERIOD), "of the future");
        assert!(
            !keys.accepts(&nonce, at(0), PERIOD * 2),
            "of another period"
        );
    }

    /// DP-16
    #[test]
    fn forged_nonce_is_rejected() {
        let own = keys(1);
        let good = own.nonce(at(0), PERIOD);
        let changed = |place: usize| {
            let mut text = good.clone();
            let other = if text.as_bytes()[place] == b'B' {
                "C"
            } else {
                "B"
            };
            text.replace_range(place..=place, other);
            text
        };
        let number = URL_SAFE_NO_PAD.encode((START / 60).to_be_bytes());
        for bad in (0..good.len()).map(changed).chain([
            String::new(),
            good[1..].to_owned(),
            format!("{good}="),
            format!("{good}A"),
            format!("{number}{}", "A".repeat(21)),
            "a".repeat(10_000),
            keys(2).nonce(at(0), PERIOD),
        ]) {
            assert!(!own.accepts(&bad, at(0), PERIOD), "{bad}");
            let checked = own.check(Some(&bad), at(0), PERIOD);
            assert_eq!(checked, Err(ProofError::StaleNonce));
        }
        assert_eq!(
            own.check(None, at(0), PERIOD),
            Err(ProofError::MissingNonce)
        );
        assert_eq!(own.check(Some(&good), at(0), PERIOD), Ok(()));
        assert!(own.nonce(at(0), Duration::ZERO).len() == 32);
    }

    /// DP-16
    #[test]
    fn ring_accepts_nonces_of_all_keys() {
        let key = |id: &str, byte: u8| {
            let text = Secret::new(URL_SAFE_NO_PAD.encode([byte; 32]));
            RingKey::parse(id, &text).unwrap()
        };
        let ring = |keys: Vec<RingKey>| KeyRing::new(keys).unwrap().nonce_keys().unwrap();
        let old = ring(vec![key("a", 1)]);
        let both = ring(vec![key("b", 2), key("a", 1)]);
        let new = ring(vec![key("b", 2)]);
        let (of_old, of_both) = (old.nonce(at(0), PERIOD), both.nonce(at(0), PERIOD));
        assert_eq!(
            of_both,
            new.nonce(at(0), PERIOD),
            "the first key makes nonces"
        );
        assert!(both.accepts(&of_old, at(0), PERIOD) && both.accepts(&of_both, at(0), PERIOD));
        assert!(!new.accepts(&of_old, at(0), PERIOD) && !old.accepts(&of_both, at(0), PERIOD));
        // The id of a key is no part of the nonce, and neither is the ring.
        assert_eq!(of_old, keys(1).nonce(at(0), PERIOD));
    }
}
