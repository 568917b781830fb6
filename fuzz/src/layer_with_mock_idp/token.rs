//! Tokens that are valid except for what an order changes.

use std::sync::LazyLock;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::signer::b64;
use crate::world;

/// The number of keys that the issuer may publish. One more key is never published.
pub(super) const KEYS: usize = 4;

static PAIRS: LazyLock<Vec<Ed25519KeyPair>> = LazyLock::new(|| {
    let seeds = (0..=KEYS).map(|i| [1 + i as u8; 32]);
    seeds
        .map(|seed| Ed25519KeyPair::from_seed_unchecked(&seed).unwrap())
        .collect()
});

/// How to make a token.
#[derive(Debug)]
pub(super) struct Order {
    key: u8,
    names: Named,
    /// Seconds from now.
    exp: i16,
    iat: i16,
    nbf: Option<i16>,
    wrong: Option<Wrong>,
}

/// The `kid` of the header.
#[derive(Debug)]
enum Named {
    Own,
    /// Another key of the issuer.
    Other,
    /// A forged name.
    Forged(u8),
    None,
}

#[derive(Clone, Copy, Debug)]
enum Wrong {
    Audience,
    Issuer,
    Type,
    Signature,
}

impl Order {
    pub(super) fn of([key, kind, exp, exp_high, iat, nbf, name]: [u8; 7]) -> Self {
        Self {
            key,
            names: match kind % 8 {
                0..=3 => Named::Own,
                4 => Named::Other,
                5 | 6 => Named::Forged(name),
                _ => Named::None,
            },
            exp: i16::from_le_bytes([exp, exp_high]),
            iat: i16::from(iat.cast_signed()),
            nbf: (nbf != 0).then_some(i16::from(nbf.cast_signed())),
            wrong: match kind / 8 {
                1 => Some(Wrong::Audience),
                2 => Some(Wrong::Issuer),
                3 => Some(Wrong::Type),
                4 => Some(Wrong::Signature),
                _ => None,
            },
        }
    }
}

/// The key that a token is signed with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    index: usize,
    /// Without a `kid`, the key is found only if it is the only one in the set.
    is_named: bool,
}

impl Key {
    pub(super) fn is_in(self, set: u8) -> bool {
        set & 1 << self.index != 0 && (self.is_named || set.count_ones() == 1)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Minted {
    token: String,
    /// `None` if no key can verify the token.
    key: Option<Key>,
    exp: u64,
    starts: u64,
    /// Whether the token was accepted before.
    pub(super) has_passed: bool,
}

impl Minted {
    pub(super) fn new(order: &Order, now: u64) -> Self {
        let key = usize::from(order.key) % PAIRS.len();
        let kid = match order.names {
            Named::Own => Some(kid(key)),
            Named::Other => Some(kid((key + 1) % KEYS)),
            Named::Forged(n) => Some(format!("forged-{n}")),
            Named::None => None,
        };
        let is_named = kid.is_some();
        let is_findable = kid.as_ref().is_none_or(|kid| *kid == self::kid(key));
        let time = |offset: i16| now.saturating_add_signed(i64::from(offset));
        let (exp, iat) = (time(order.exp), time(order.iat));
        let mut claims = world::claims();
        claims["exp"] = exp.into();
        claims["iat"] = iat.into();
        if let Some(nbf) = order.nbf {
            claims["nbf"] = time(nbf).into();
        }
        let mut header = json!({ "alg": "EdDSA", "typ": "at+jwt" });
        if let Some(kid) = kid {
            header["kid"] = kid.into();
        }
        match order.wrong {
            Some(Wrong::Audience) => claims["aud"] = "service-b".into(),
            Some(Wrong::Issuer) => claims["iss"] = "https://other.example".into(),
            Some(Wrong::Type) => header["typ"] = "JWT".into(),
            Some(Wrong::Signature) | None => {}
        }
        Self {
            token: seal(
                key,
                &header,
                &claims,
                matches!(order.wrong, Some(Wrong::Signature)),
            ),
            key: (is_findable && order.wrong.is_none() && key < KEYS).then_some(Key {
                index: key,
                is_named,
            }),
            exp,
            starts: order.nbf.map(time).unwrap_or(0).max(iat),
            has_passed: false,
        }
    }

    pub(super) fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    /// The key with which the token may pass at that time. `None` if it must be rejected.
    pub(super) fn may_pass_with(&self, wall: u64) -> Option<Key> {
        let is_ended = wall >= self.exp + world::LEEWAY;
        // An accepted token is cached, so it keeps passing when the clock is set back before `nbf`.
        let is_early = self.starts > wall + world::LEEWAY && !self.has_passed;
        self.key.filter(|_| !is_ended && !is_early)
    }

    /// The key with which the token must pass at that time.
    pub(super) fn must_pass_with(&self, wall: u64) -> Option<Key> {
        let key = self.may_pass_with(wall);
        key.filter(|_| self.starts <= wall + world::LEEWAY)
    }
}

pub(super) fn kid(key: usize) -> String {
    format!("k{key}")
}

pub(super) fn jwk(key: usize) -> Value {
    let x = b64(PAIRS[key].public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid(key) })
}

fn seal(key: usize, header: &Value, claims: &Value, is_bad: bool) -> String {
    let part = |value: &Value| b64(value.to_string().as_bytes());
    let input = format!("{}.{}", part(header), part(claims));
    let mut signature = PAIRS[key].sign(input.as_bytes()).as_ref().to_vec();
    signature[10] ^= u8::from(is_bad);
    format!("{input}.{}", b64(&signature))
}
