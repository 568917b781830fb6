//! JSON Web Key Sets (RFC 7517), read key by key: an odd key is skipped and counted, never fatal (JW-20).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::jose::crypto::{Algorithm, PublicKey};
use crate::wire::{base64url, integer, json};

/// The most usable keys of one set: each is parsed for every algorithm that it fits, and a document of a megabyte would
/// have thousands.
const MAX_KEYS: usize = 1000;

const RSA: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// A published key that may verify signatures, parsed once for each algorithm it fits.
pub struct VerificationKey {
    kid: Option<String>,
    keys: Vec<(Algorithm, PublicKey)>,
}

impl VerificationKey {
    /// The key's name in its set.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// Whether the key may be used with `algorithm`: type, curve and the JWK's own `alg` agree (RFC 8725 section 3.1).
    pub fn fits(&self, algorithm: Algorithm) -> bool {
        self.for_algorithm(algorithm).is_some()
    }

    fn is_same(&self, other: &Self, algorithm: Algorithm) -> bool {
        self.for_algorithm(algorithm) == other.for_algorithm(algorithm)
    }

    pub(crate) fn for_algorithm(&self, algorithm: Algorithm) -> Option<&PublicKey> {
        self.keys
            .iter()
            .find(|(alg, _)| *alg == algorithm)
            .map(|(_, key)| key)
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.keys.iter().map(|(alg, _)| alg).collect();
        write!(f, "VerificationKey({:?}, {algorithms:?})", self.kid)
    }
}

/// Why a document is not a usable key set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// Not a JSON object with an array `keys`.
    #[error("the document is not a JWK Set (RFC 7517 section 5)")]
    NotAKeySet,
    /// It has keys, and none of them can verify a signature that this crate accepts.
    #[error("none of the {0} keys of the set is usable")]
    NoUsableKey(usize),
    /// It has more usable keys than any issuer needs.
    #[error("the set has more than {limit} usable keys")]
    TooManyKeys {
        /// The limit.
        limit: usize,
    },
}

/// The usable keys of one issuer.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<VerificationKey>>,
    by_kid: HashMap<String, Vec<usize>>,
    skipped: usize,
    first_skipped: Vec<SkippedKey>,
}

/// An entry of a key set that is not used, for a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedKey {
    /// Its place in `keys`, from 0 on.
    pub position: usize,
    /// Why it is not used.
    pub reason: &'static str,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys[{}] {}", self.position, self.reason)
    }
}

/// Of how many skipped entries the reasons are kept.
const MAX_REASONS: usize = 16;

/// What a set has for a token.
#[derive(Debug)]
pub enum Selection<'s> {
    /// The one key that fits.
    Key(&'s Arc<VerificationKey>),
    /// No key has that `kid`, or none fits a token without one: a refresh may bring it.
    Unknown,
    /// The named key does not fit the algorithm: no refresh can mend that.
    Misfit,
    /// Several keys fit.
    Ambiguous,
}

impl KeySet {
    /// Reads a JWK Set; a set without any entry is a withdrawal of all keys, and valid.
    ///
    /// # Errors
    ///
    /// [`KeySetError`] when the document is none, has entries of which none is usable, or more than 1,000 usable ones.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Document<'a> {
            #[serde(borrow)]
            keys: Vec<&'a RawValue>,
        }
        let Document { keys: entries } = json::object(document).ok_or(KeySetError::NotAKeySet)?;
        let total = entries.len();
        let (mut keys, mut first_skipped) = (Vec::new(), Vec::new());
        for (position, entry) in entries.into_iter().enumerate() {
            match usable_key(entry) {
                Ok(key) => keys.push(Arc::new(key)),
                Err(reason) if first_skipped.len() < MAX_REASONS => {
                    first_skipped.push(SkippedKey { position, reason });
                }
                Err(_) => {}
            }
            if keys.len() > MAX_KEYS {
                return Err(KeySetError::TooManyKeys { limit: MAX_KEYS });
            }
        }
        if keys.is_empty() && total > 0 {
            return Err(KeySetError::NoUsableKey(total));
        }
        let mut by_kid: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, key) in keys.iter().enumerate() {
            if let Some(kid) = &key.kid {
                by_kid.entry(kid.clone()).or_default().push(i);
            }
        }
        Ok(Self {
            skipped: total - keys.len(),
            keys,
            by_kid,
            first_skipped,
        })
    }

    /// The key for a token that names `kid` and `algorithm`; without a `kid`, the one key that fits (JW-19).
    pub fn select(&self, kid: Option<&str>, algorithm: Algorithm) -> Selection<'_> {
        let Some(kid) = kid else {
            return only(self.keys.iter(), algorithm, Selection::Unknown);
        };
        match self.by_kid.get(kid) {
            None => Selection::Unknown,
            Some(positions) => {
                let named = positions.iter().filter_map(|i| self.keys.get(*i));
                only(named, algorithm, Selection::Misfit)
            }
        }
    }

    /// How many keys are usable.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key is usable.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many entries of the document were skipped.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Why the first 16 of them were skipped.
    pub fn first_skipped(&self) -> &[SkippedKey] {
        &self.first_skipped
    }
}

fn only<'s>(
    keys: impl Iterator<Item = &'s Arc<VerificationKey>>,
    algorithm: Algorithm,
    none: Selection<'s>,
) -> Selection<'s> {
    let mut fitting = keys.filter(|key| key.fits(algorithm));
    match fitting.next() {
        None => none,
        // A key that is listed twice is one key.
        Some(key) if fitting.all(|other| other.is_same(key, algorithm)) => Selection::Key(key),
        Some(_) => Selection::Ambiguous,
    }
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    d: Option<IgnoredAny>,
    p: Option<IgnoredAny>,
    q: Option<IgnoredAny>,
    dp: Option<IgnoredAny>,
    dq: Option<IgnoredAny>,
    qi: Option<IgnoredAny>,
    oth: Option<IgnoredAny>,
    k: Option<IgnoredAny>,
}

impl Jwk {
    /// A set that publishes private members has given the key away.
    fn is_given_away(&self) -> bool {
        let private = [
            self.d, self.p, self.q, self.dp, self.dq, self.qi, self.oth, self.k,
        ];
        private.iter().any(Option::is_some)
    }
}

/// The key of an entry, or why it has none. The text is kept raw until here, so that what JSON cannot hold breaks its own
/// entry alone.
pub(crate) fn usable_key(entry: &RawValue) -> Result<VerificationKey, &'static str> {
    let jwk: Jwk = json::object(entry.get().as_bytes())
        .ok_or("is not a JSON object with a `kty`, or a member has another type than expected")?;
    if jwk.is_given_away() {
        return Err("has a private member, so that anybody could sign with it");
    }
    if jwk.r#use.as_deref().is_some_and(|used| used != "sig") {
        return Err("has a `use` other than `sig`");
    }
    let verifies = |ops: &Vec<String>| ops.iter().any(|op| op == "verify");
    if !jwk.key_ops.as_ref().is_none_or(verifies) {
        return Err("has `key_ops` without `verify`");
    }
    let declared = match &jwk.alg {
        Some(alg) => Some(Algorithm::from_name(alg).ok_or("has an `alg` that is not supported")?),
        None => None,
    };
    let keys = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
        ("RSA", _) => rsa_keys(&jwk, declared)?,
        ("EC", Some("P-256")) => vec![ec_key(&jwk, declared, Algorithm::Es256, 32)?],
        ("EC", Some("P-384")) => vec![ec_key(&jwk, declared, Algorithm::Es384, 48)?],
        ("OKP", Some("Ed25519")) => vec![ed25519_key(&jwk, declared)?],
        _ => return Err("has a `kty` or a `crv` that is not supported"),
    };
    Ok(VerificationKey { kid: jwk.kid, keys })
}

const OTHER_ALG: &str = "has an `alg` that does not fit its `kty` and `crv`";

fn rsa_keys(
    jwk: &Jwk,
    declared: Option<Algorithm>,
) -> Result<Vec<(Algorithm, PublicKey)>, &'static str> {
    let numbers = bytes(jwk.n.as_deref()).zip(bytes(jwk.e.as_deref()));
    let (n, e) = numbers.ok_or("has no `n` and `e` in base64url")?;
    let (n, e) = (integer::significant(&n), integer::significant(&e));
    if !sound_rsa(n, e) {
        return Err("is not an RSA key of 2048 to 8192 bits with an odd exponent of at least 3");
    }
    let fitting = RSA
        .into_iter()
        .filter(|algorithm| declared.is_none_or(|declared| declared == *algorithm))
        .map(|algorithm| Some((algorithm, PublicKey::rsa(algorithm, n, e)?)));
    let keys: Vec<_> = fitting.collect::<Option<_>>().ok_or("is not an RSA key")?;
    match keys.is_empty() {
        true => Err(OTHER_ALG),
        false => Ok(keys),
    }
}

fn ec_key(
    jwk: &Jwk,
    declared: Option<Algorithm>,
    algorithm: Algorithm,
    length: usize,
) -> Result<(Algorithm, PublicKey), &'static str> {
    if declared.is_some_and(|declared| declared != algorithm) {
        return Err(OTHER_ALG);
    }
    let halves = bytes(jwk.x.as_deref()).zip(bytes(jwk.y.as_deref()));
    let (x, y) = halves.ok_or("has no `x` and `y` in base64url")?;
    let point = integer::of_length(&x, length)
        .zip(integer::of_length(&y, length))
        .map(|(x, y)| [&[4], x, y].concat())
        .ok_or("has an `x` or a `y` of another length than its curve's")?;
    let key = PublicKey::parse(algorithm, &point).ok_or("is not a point of its curve")?;
    Ok((algorithm, key))
}

fn ed25519_key(
    jwk: &Jwk,
    declared: Option<Algorithm>,
) -> Result<(Algorithm, PublicKey), &'static str> {
    let algorithm = Algorithm::Ed25519;
    if declared.is_some_and(|declared| declared != algorithm) {
        return Err(OTHER_ALG);
    }
    let x = bytes(jwk.x.as_deref()).filter(|x| x.len() == 32);
    let x = x.ok_or("has no `x` of 32 bytes in base64url")?;
    if has_small_order(&x) {
        return Err("is a point of small order, under which anything is signed");
    }
    let key = PublicKey::parse(algorithm, &x).ok_or("is not a point of its curve")?;
    Ok((algorithm, key))
}

fn bytes(member: Option<&str>) -> Option<Vec<u8>> {
    base64url::decode(member?)
}

/// 2048 to 8192 bits, odd, with an odd exponent of at least 3 and at most 32 bits (RFC 7518 section 3.3); both without zeros
/// in front.
fn sound_rsa(n: &[u8], e: &[u8]) -> bool {
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let leading = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (n.len() * 8).saturating_sub(leading);
    (2048..=8192).contains(&bits) && odd(n) && odd(e) && e.len() <= 4 && e != [1]
}

/// Whether an Ed25519 key is a point of small order, under which any message can be "signed".
///
/// The y coordinates of all such points, canonical or not, with the sign bit cleared: 0, 1, -1, the two of order 8,
/// and the non-canonical p and p + 1.
fn has_small_order(key: &[u8]) -> bool {
    const ORDER_8: [[u8; 32]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let mut y = key.to_vec();
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    if ORDER_8.iter().any(|point| point.as_slice() == y) {
        return true;
    }
    let (Some((first, rest)), Some((last, middle))) =
        (y.split_first(), y.get(1..).and_then(<[u8]>::split_last))
    else {
        return true;
    };
    let zero_or_one = *first <= 1 && rest.iter().all(|b| *b == 0);
    let around_p =
        matches!(first, 0xec..=0xee) && middle.iter().all(|b| *b == 0xff) && *last == 0x7f;
    zero_or_one || around_p
}
