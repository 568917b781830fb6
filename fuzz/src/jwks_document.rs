//! Any JWK Set, against a second reading: how many entries it has, which are usable, their `kid`s.
//!
//! Each byte from 1 to 5 stands for the members of a key of the issuer, so that a mutation cannot
//! break the key. Each byte from 17 to 21 stands for the members of a key of an attacker.

use obo_core::{Algorithm, KeySet, KeySetError, Selection};
use serde_json::Value;

use crate::{signer, world};

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let document = with_keys(bytes);
    let parsed = KeySet::parse(&document);
    let reading = serde_json::from_slice::<Value>(&document).ok();
    let entries = reading
        .as_ref()
        .and_then(|document| document.get("keys")?.as_array());
    let set = match parsed {
        Ok(set) => set,
        Err(error) => {
            if error == KeySetError::NotAKeySet {
                return;
            }
            assert!(
                entries.is_none_or(|entries| !entries.is_empty()),
                "an empty key set is not an error"
            );
            return;
        }
    };
    assert!(set.len() <= 1000);
    if let Some(entries) = entries {
        assert_eq!(set.len() + set.skipped(), entries.len());
        let candidates = entries.iter().filter(|entry| may_be_usable(entry)).count();
        assert!(set.len() <= candidates);
        for kid in entries
            .iter()
            .filter_map(|entry| entry.get("kid")?.as_str())
        {
            assert_named(&set, kid, entries);
        }
    }
    for signer in signer::ISSUER.iter() {
        let published = signer.key();
        let number = published
            .get("x")
            .or(published.get("n"))
            .and_then(Value::as_str)
            .unwrap();
        let is_there = document
            .windows(number.len())
            .any(|part| part == number.as_bytes());
        if is_there || !matches!(signer.alg, "EdDSA" | "ES256") {
            continue;
        }
        let token = signer.mint(signer.alg, &world::claims());
        let verdict = world::verify(&world::policy(), &set, &token, world::now());
        assert!(verdict.is_err(), "the key is not in the set");
    }
}

/// Asserts that a key is found by its own `kid` and used with its own `alg`.
fn assert_named(set: &KeySet, kid: &str, entries: &[Value]) {
    for algorithm in Algorithm::ALL {
        let Selection::Key(key) = set.select(Some(kid), algorithm) else {
            continue;
        };
        assert_eq!(key.kid(), Some(kid));
        assert!(key.fits(algorithm));
        let allows = |entry: &Value| {
            let alg = entry.get("alg").and_then(Value::as_str);
            entry.get("kid").is_some_and(|own| own == kid)
                && may_be_usable(entry)
                && alg.is_none_or(|alg| Algorithm::from_name(alg) == Some(algorithm))
        };
        assert!(entries.iter().any(allows), "{kid} {algorithm:?}");
    }
}

fn may_be_usable(entry: &Value) -> bool {
    let member = |name: &str| entry.get(name).filter(|value| !value.is_null());
    let private = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    matches!(
        member("kty").and_then(Value::as_str),
        Some("RSA" | "EC" | "OKP")
    ) && private.iter().all(|name| member(name).is_none())
        && member("use").is_none_or(|used| used == "sig")
        && member("key_ops").is_none_or(|ops| {
            ops.as_array()
                .is_some_and(|ops| ops.iter().any(|op| op == "verify"))
        })
}

fn with_keys(bytes: &[u8]) -> Vec<u8> {
    let mut expanded = Vec::with_capacity(bytes.len());
    for byte in bytes {
        let signer = match *byte {
            own @ 1..=5 => &signer::ISSUER[usize::from(own) - 1],
            other @ 17..=21 => &signer::FORGER[usize::from(other) - 17],
            other => {
                expanded.push(other);
                continue;
            }
        };
        let key = signer.key().to_string();
        expanded.extend_from_slice(key.trim_matches(['{', '}']).as_bytes());
    }
    expanded
}
