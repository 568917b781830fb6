//! JSON Web Key Sets (RFC 7517). An unusable key is skipped and counted; it does not break the set.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::jose::crypto::{Algorithm, PublicKey};
use crate::wire::{base64url, integer, json};

/// The most usable keys of a set. Each key is parsed for every algorithm that it fits, and a large
/// document could hold thousands.
const MAX_KEYS: usize = 1000;

const RSA: [Algorithm; 6] = [
    Algorithm::Rs256,
    Algorithm::Rs384,
    Algorithm::Rs512,
    Algorithm::Ps256,
    Algorithm::Ps384,
    Algorithm::Ps512,
];

/// A published key for verifying signatures, parsed once for each algorithm that it fits.
pub struct VerificationKey {
    kid: Option<String>,
    keys: Vec<(Algorithm, PublicKey)>,
}

impl VerificationKey {
    /// The key's `kid`.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The algorithms that the key fits.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.keys.iter().map(|(algorithm, _)| *algorithm)
    }

    /// Whether the key fits `algorithm`: type, curve and the JWK's own `alg` must agree (RFC 8725
    /// section 3.1).
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
    /// None of its keys can verify a signature.
    #[error("{}: {}", counted(*keys), listed(skipped))]
    NoUsableKey {
        /// How many keys it has.
        keys: usize,
        /// Why the first 16 of them are not used.
        skipped: Vec<SkippedKey>,
    },
    /// It has too many usable keys.
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

/// An entry of a key set that is not used, for logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SkippedKey {
    /// Its index in `keys`.
    pub position: usize,
    /// Why it is not used.
    pub reason: &'static str,
}

impl fmt::Display for SkippedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "keys[{}] {}", self.position, self.reason)
    }
}

fn counted(keys: usize) -> String {
    match keys {
        1 => "the set has 1 key, and it is not usable".to_owned(),
        keys => format!("the set has {keys} keys and none is usable"),
    }
}

fn listed(skipped: &[SkippedKey]) -> String {
    Vec::from_iter(skipped.iter().map(ToString::to_string)).join("; ")
}

/// For how many skipped entries the reasons are kept.
const MAX_REASONS: usize = 16;

/// The result of looking for a token's key.
#[derive(Debug)]
pub enum Selection<'s> {
    /// The one key that fits.
    Key(&'s Arc<VerificationKey>),
    /// No key has this `kid`, or no key fits a token without `kid`. Fetching the set again may
    /// help.
    Unknown,
    /// The key with this `kid` does not fit the algorithm. Fetching the set again does not help.
    Misfit,
    /// Several keys fit.
    Ambiguous,
}

impl KeySet {
    /// Reads a JWK Set. A set without entries is valid: the issuer has withdrawn all keys.
    ///
    /// # Errors
    ///
    /// Fails if the document is not a JWK Set, if it has entries but no usable key, or if it has
    /// more than 1,000 usable keys.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let mut entries = Vec::new();
        json::pick(document, ["keys"])
            .and_then(|[keys]| json::elements(keys?, |entry| entries.push(entry)))
            .ok_or(KeySetError::NotAKeySet)?;
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
            return Err(KeySetError::NoUsableKey {
                keys: total,
                skipped: first_skipped,
            });
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

    /// Finds the key for a token with this `kid` and `algorithm`. Without a `kid`, exactly one key
    /// must fit.
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

    /// The usable keys.
    pub fn iter(&self) -> impl Iterator<Item = &VerificationKey> {
        self.keys.iter().map(|key| &**key)
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

    /// Why the first 16 entries were skipped.
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

/// The private members. A set that publishes one has leaked the key.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

const HAS_PRIVATE: &str = "has a private member, so anyone could sign with it";

const ODD: &str = "is not a JSON object with a `kty`, or a member has another type than expected";

/// The key of an entry, or why it is not usable. A value that cannot be read breaks its own entry
/// only.
pub(crate) fn usable_key(entry: &str) -> Result<VerificationKey, &'static str> {
    let jwk = PublicJwk::parse(entry)?;
    let keys = jwk.algorithms()?.iter().filter(|alg| jwk.allows(**alg));
    let keys = keys.map(|algorithm| Ok((*algorithm, jwk.parsed(*algorithm)?)));
    let keys: Vec<_> = keys.collect::<Result<_, &'static str>>()?;
    match keys.is_empty() {
        true => Err(MISFIT),
        false => Ok(VerificationKey {
            kid: jwk.kid.map(Into::into),
            keys,
        }),
    }
}

const MISFIT: &str = "has an `alg` that does not fit its `kty` and `crv`";

/// A public JWK with its members read. The key itself is not parsed yet.
pub(crate) struct PublicJwk<'j> {
    kty: Cow<'j, str>,
    kid: Option<Cow<'j, str>>,
    /// Its own `alg`.
    declared: Option<Algorithm>,
    crv: Option<Cow<'j, str>>,
    n: Option<Cow<'j, str>>,
    e: Option<Cow<'j, str>>,
    x: Option<Cow<'j, str>>,
    y: Option<Cow<'j, str>>,
}

impl<'j> PublicJwk<'j> {
    /// Reads a JWK. It must have no private member, and must be for signatures.
    pub(crate) fn parse(entry: &'j str) -> Result<Self, &'static str> {
        let entry = entry.as_bytes();
        let names = ["kty", "kid", "use", "alg", "crv", "n", "e", "x", "y"];
        let [kty, kid, public_key_use, alg, crv, n, e, x, y] =
            json::pick_texts(entry, names).ok_or(ODD)?;
        let kty = kty.ok_or(ODD)?;
        let [key_ops] = json::pick(entry, ["key_ops"]).ok_or(ODD)?;
        let key_ops: Option<Vec<String>> = key_ops
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| ODD)?;
        let private = json::pick(entry, PRIVATE).ok_or(ODD)?;
        if private.iter().any(Option::is_some) {
            return Err(HAS_PRIVATE);
        }
        if public_key_use.is_some_and(|used| used != "sig") {
            return Err("has a `use` other than `sig`");
        }
        if key_ops.is_some_and(|ops| !ops.iter().any(|op| op == "verify")) {
            return Err("has `key_ops` without `verify`");
        }
        let declared = match &alg {
            Some(alg) => {
                Some(Algorithm::from_name(alg).ok_or("has an `alg` that is not supported")?)
            }
            None => None,
        };
        Ok(Self {
            kty,
            kid,
            declared,
            crv,
            n,
            e,
            x,
            y,
        })
    }

    /// As [`parse`](Self::parse), for the key of a sender: a private member without a value is
    /// refused too. In a set of a server, a `null` counts as absent.
    pub(crate) fn parse_of_sender(entry: &'j str) -> Result<Self, &'static str> {
        match json::has_any(entry, &PRIVATE) {
            Some(false) => Self::parse(entry),
            Some(true) => Err(HAS_PRIVATE),
            None => Err(ODD),
        }
    }

    /// The algorithms that the type and the curve fit.
    fn algorithms(&self) -> Result<&'static [Algorithm], &'static str> {
        match (&*self.kty, self.crv.as_deref()) {
            ("RSA", _) => Ok(&RSA),
            ("EC", Some("P-256")) => Ok(&[Algorithm::Es256]),
            ("EC", Some("P-384")) => Ok(&[Algorithm::Es384]),
            ("OKP", Some("Ed25519")) => Ok(&[Algorithm::Ed25519]),
            _ => Err("has a `kty` or a `crv` that is not supported"),
        }
    }

    fn allows(&self, algorithm: Algorithm) -> bool {
        self.declared.is_none_or(|declared| declared == algorithm)
    }

    fn parsed(&self, algorithm: Algorithm) -> Result<PublicKey, &'static str> {
        match &*self.kty {
            "RSA" => rsa_key(algorithm, self.n.as_deref(), self.e.as_deref()),
            "EC" => ec_key(algorithm, self.x.as_deref(), self.y.as_deref()),
            _ => ed25519_key(algorithm, self.x.as_deref()),
        }
    }

    /// An algorithm that the key fits.
    pub(crate) fn first_algorithm(&self) -> Result<Algorithm, &'static str> {
        let mut fitting = self.algorithms()?.iter();
        let first = fitting.find(|alg| self.allows(**alg));
        first.copied().ok_or(MISFIT)
    }

    /// The key for `algorithm`, and the members that identify it.
    pub(crate) fn key(
        &self,
        algorithm: Algorithm,
    ) -> Result<(PublicKey, PublicMembers<'_>), &'static str> {
        if !self.algorithms()?.contains(&algorithm) {
            return Err("has a `kty` or a `crv` that does not fit the algorithm");
        }
        if !self.allows(algorithm) {
            return Err("has an `alg` other than the algorithm");
        }
        let key = self.parsed(algorithm)?;
        fn text<'m>(member: &'m Option<Cow<'_, str>>) -> &'m str {
            member.as_deref().unwrap_or_default()
        }
        let members = match &*self.kty {
            "RSA" => PublicMembers::Rsa {
                n: text(&self.n),
                e: text(&self.e),
            },
            "EC" => PublicMembers::Ec {
                curve: text(&self.crv),
                x: text(&self.x),
                y: text(&self.y),
            },
            _ => PublicMembers::Ed25519 { x: text(&self.x) },
        };
        match members.are_minimal() {
            true => Ok((key, members)),
            false => Err("has a number with leading zeros, so its thumbprint is ambiguous"),
        }
    }
}

/// The required members of a public key, in canonical base64url.
pub(crate) enum PublicMembers<'m> {
    Rsa {
        n: &'m str,
        e: &'m str,
    },
    Ec {
        curve: &'m str,
        x: &'m str,
        y: &'m str,
    },
    Ed25519 {
        x: &'m str,
    },
}

impl<'m> PublicMembers<'m> {
    /// The parts of the JSON of which a thumbprint is the hash: in lexicographic order, without
    /// white space (RFC 7638 section 3).
    pub(crate) fn json(&self) -> [&'m str; 7] {
        match self {
            Self::Rsa { n, e } => [r#"{"e":""#, e, r#"","kty":"RSA","n":""#, n, "\"}", "", ""],
            Self::Ec { curve, x, y } => {
                let (kty, and) = (r#"","kty":"EC","x":""#, r#"","y":""#);
                [r#"{"crv":""#, curve, kty, x, and, y, "\"}"]
            }
            Self::Ed25519 { x } => [
                r#"{"crv":"Ed25519","kty":"OKP","x":""#,
                x,
                "\"}",
                "",
                "",
                "",
                "",
            ],
        }
    }

    /// Whether no number has more leading zeros than RFC 7518 section 6 requires.
    fn are_minimal(&self) -> bool {
        // The first byte is zero: its bits are the first character and a third of the second.
        let has_zero = |text: &str| matches!(text.as_bytes(), [b'A', b'A'..=b'P', ..]);
        match self {
            Self::Rsa { n, e } => !has_zero(n) && !has_zero(e),
            Self::Ec { curve, x, y } => {
                let length = if *curve == "P-256" { 43 } else { 64 };
                x.len() == length && y.len() == length
            }
            Self::Ed25519 { .. } => true,
        }
    }
}

fn rsa_key(
    algorithm: Algorithm,
    n: Option<&str>,
    e: Option<&str>,
) -> Result<PublicKey, &'static str> {
    let (n, e) = bytes(n)
        .zip(bytes(e))
        .ok_or("has no `n` and `e` in base64url")?;
    let (n, e) = (integer::significant(&n), integer::significant(&e));
    if !sound_rsa(n, e) {
        return Err("is not an RSA key of 2048 to 8192 bits with an odd exponent of at least 3");
    }
    PublicKey::rsa(algorithm, n, e).ok_or("is not an RSA key")
}

fn ec_key(
    algorithm: Algorithm,
    x: Option<&str>,
    y: Option<&str>,
) -> Result<PublicKey, &'static str> {
    let length = if algorithm == Algorithm::Es256 {
        32
    } else {
        48
    };
    const FORM: &str = "has no `x` and `y` in base64url";
    const LENGTH: &str = "has an `x` or a `y` of another length than its curve's";
    // SEC 1 uncompressed point: 0x04, x, y.
    let mut point = Vec::with_capacity(1 + 2 * length);
    point.push(4);
    for number in [x, y] {
        let before = point.len();
        base64url::decode_onto(number.ok_or(FORM)?, &mut point).ok_or(FORM)?;
        let zeros = (point.len() - before).checked_sub(length).ok_or(LENGTH)?;
        if point.drain(before..before + zeros).any(|byte| byte != 0) {
            return Err(LENGTH);
        }
    }
    PublicKey::parse(algorithm, &point).ok_or("is not a point of its curve")
}

fn ed25519_key(algorithm: Algorithm, x: Option<&str>) -> Result<PublicKey, &'static str> {
    let x = bytes(x).filter(|x| x.len() == 32);
    let x = x.ok_or("has no `x` of 32 bytes in base64url")?;
    if has_small_order(&x) {
        return Err("is a point of small order, which verifies any signature");
    }
    PublicKey::parse(algorithm, &x).ok_or("is not a point of its curve")
}

fn bytes(member: Option<&str>) -> Option<Vec<u8>> {
    base64url::decode(member?)
}

/// Whether the key has 2048 to 8192 bits and an odd exponent from 3 to 32 bits (RFC 7518 section
/// 3.3). Both numbers come without leading zeros.
fn sound_rsa(n: &[u8], e: &[u8]) -> bool {
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    let leading = n.first().map_or(0, |first| first.leading_zeros() as usize);
    let bits = (n.len() * 8).saturating_sub(leading);
    (2048..=8192).contains(&bits) && odd(n) && odd(e) && e.len() <= 4 && e != [1]
}

/// Whether an Ed25519 key is a point of small order: such a key accepts forged signatures.
///
/// Compares the y coordinate, without the sign bit, with those of all such points: 0, 1, -1, the
/// two of order 8, and the non-canonical p and p + 1.
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
