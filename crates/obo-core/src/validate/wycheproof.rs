//! The JOSE vectors of Project Wycheproof, at the lowest layer that takes them: most payloads are
//! not claims.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use wycheproof_ng_kdf_jose::json_web::TestName;

use crate::jose::jwk::{KeySet, Selection};
use crate::token::bearer::BearerToken;
use crate::validate::jwt::Jws;

fn verifies(keys: &Value, jws: &Value) -> bool {
    let text = match jws {
        Value::String(compact) => compact.clone(),
        other => other.to_string(),
    };
    let set = match keys.get("keys") {
        Some(_) => keys.clone(),
        None => json!({ "keys": [keys] }),
    };
    let Ok(set) = KeySet::parse(set.to_string().as_bytes()) else {
        return false;
    };
    let Ok((jws, _)) = BearerToken::parse(&text).and_then(Jws::parse) else {
        return false;
    };
    let Selection::Key(key) = set.select(jws.header.kid.as_deref(), jws.header.alg) else {
        return false;
    };
    key.for_algorithm(jws.header.alg)
        .is_some_and(|key| jws.is_signed_by(key))
}

/// The number of signatures in a file, and the `tcId`s whose result differs here.
fn disagreements(file: TestName) -> (usize, BTreeSet<u64>) {
    let file: Value = serde_json::from_str(file.json_data()).unwrap();
    let groups = file["testGroups"].as_array().unwrap();
    let validated: Vec<_> = groups
        .iter()
        .flat_map(|group| {
            let keys = group.get("public").unwrap_or(&group["private"]);
            let tests = group["tests"].as_array().unwrap().iter();
            tests.filter_map(move |test| {
                let agrees = verifies(keys, test.get("jws")?) == (test["result"] == "valid");
                Some((test["tcId"].as_u64().unwrap(), agrees))
            })
        })
        .collect();
    let disagree = validated.iter().filter(|(_, agrees)| !agrees);
    (validated.len(), disagree.map(|(id, _)| *id).collect())
}

/// Valid, and rejected by design: no MAC is ever verified (JW-04).
const MACS: [u64; 8] = [1, 348, 352, 357, 358, 359, 376, 377];
/// Valid, and rejected because the curve P-521 is not supported.
const P521: [u64; 2] = [347, 351];
/// Called valid with a `?` inside a segment, and rejected (JW-09); also MACs.
const NOT_BASE64URL: [u64; 2] = [372, 373];
/// Called valid though the header has PS384 and the key's own `alg` is PS256, and rejected (JW-05).
/// Other vectors of the same file (332 to 340) require the rejection.
const OTHER_ALG: [u64; 2] = [346, 350];

/// JW-08, JW-09
#[test]
fn wycheproof_signatures_agree() {
    let (total, disagree) = disagreements(TestName::JsonWebSignature);
    let refused = [&MACS[..], &P521, &NOT_BASE64URL, &OTHER_ALG].concat();
    assert_eq!(total, 401);
    assert_eq!(disagree, refused.into_iter().collect());
}

/// JW-05
#[test]
fn wycheproof_figure_20_fails_by_alg() {
    let file: Value = serde_json::from_str(TestName::JsonWebSignature.json_data()).unwrap();
    let groups = file["testGroups"].as_array().unwrap();
    let of_other_alg = groups.iter().filter(|group| {
        let id = group["tests"][0]["tcId"].as_u64().unwrap();
        OTHER_ALG.contains(&id)
    });
    let mut seen = 0;
    for group in of_other_alg {
        let mut key = group["public"].clone();
        let jws = &group["tests"][0]["jws"];
        assert!(!verifies(&key, jws));
        key.as_object_mut().unwrap().remove("alg");
        assert!(verifies(&key, jws));
        seen += 1;
    }
    assert_eq!(seen, OTHER_ALG.len());
}

/// Called invalid because of its modulus (ROCA), and accepted. The issuer decides which keys it
/// publishes, and a generator that was withdrawn in 2017 made these keys; their form is not wrong.
const ROCA: u64 = 7;

/// JW-05, JW-07
#[test]
fn wycheproof_keys_agree() {
    let (total, disagree) = disagreements(TestName::JsonWebKey);
    assert_eq!(total, 26);
    // The others are MACs.
    assert_eq!(disagree, [2, ROCA, 13, 14, 15].into());
}

/// JW-03
#[test]
fn wycheproof_confused_keys_agree() {
    let (total, disagree) = disagreements(TestName::JsonWebCrypto);
    assert_eq!(total, 49);
    // MACs, and the ROCA key.
    assert_eq!(disagree, [1, 46, 48].into());
}

/// JW-34, AT-08
#[test]
fn wycheproof_encrypted_is_rejected() {
    for file in [TestName::JsonWebEncryption, TestName::JsonWebCrypto] {
        let file: Value = serde_json::from_str(file.json_data()).unwrap();
        let groups = file["testGroups"].as_array().unwrap();
        let tests = groups.iter().flat_map(|g| g["tests"].as_array().unwrap());
        for jwe in tests.filter_map(|test| test["jwe"].as_str()) {
            assert!(
                BearerToken::parse(jwe).and_then(Jws::parse).is_err(),
                "{jwe}"
            );
        }
    }
}
