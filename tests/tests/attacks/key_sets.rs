//! The key sets of the issuers. Each has the keys that sign; no other entry may verify a token.

use serde_json::{Value, json};

use crate::signer::{Keys, Signer, base64url};

#[derive(Clone, Copy, Debug)]
pub(crate) enum KeySetKind {
    /// The keys that sign, and no others.
    Clean,
    /// Also odd keys: broken ones, and types that only other servers support.
    Odd,
    /// Also keys that an attacker has inserted, and owns.
    Hostile,
}

impl KeySetKind {
    pub(crate) fn document(self, keys: &Keys, attacker: &Keys, trap: &str) -> String {
        let own = keys.all().map(|key| key.jwk().to_string());
        let [rsa, es, es384, ed] = own.clone();
        let entries = match self {
            Self::Clean => own.to_vec(),
            // Odd entries are before, between and after the good ones.
            Self::Odd => [
                vec!["null".to_owned()],
                odd(attacker),
                vec![rsa, es],
                twice(keys, attacker),
                vec![es384, ed, "{}".to_owned()],
            ]
            .concat(),
            Self::Hostile => [
                hostile(keys, attacker, trap),
                vec![rsa, linked(keys, trap), es384, ed],
                vec![keys.rsa.jwk_as("k-es").to_string()],
            ]
            .concat(),
        };
        format!(r#"{{"jku":{trap:?},"keys":[{}]}}"#, entries.join(","))
    }
}

/// A key with some members changed or removed.
fn edited(mut jwk: Value, members: Value) -> String {
    for (name, value) in members.as_object().unwrap() {
        match value {
            Value::Null => drop(jwk.as_object_mut().unwrap().remove(name)),
            value => jwk[name] = value.clone(),
        }
    }
    jwk.to_string()
}

/// Two keys of one type with one name, of which one is good.
fn twice(keys: &Keys, attacker: &Keys) -> Vec<String> {
    let both = [&keys.ed, &attacker.ed];
    both.map(|key| key.jwk_as("k-twice").to_string()).to_vec()
}

fn odd(attacker: &Keys) -> Vec<String> {
    let point = |crv: &str, kid: &str| {
        let (x, y) = (attacker.es.member("x"), attacker.es.member("y"));
        json!({ "kty": "EC", "crv": crv, "kid": kid, "x": x, "y": y })
    };
    let montgomery = |crv: &str, kid: &str| json!({ "kty": "OKP", "crv": crv, "kid": kid, "x": attacker.ed.member("x") });
    let rsa = |kid: &str, members: Value| edited(attacker.rsa.jwk_as(kid), members);
    let es = |kid: &str, members: Value| edited(attacker.es.jwk_as(kid), members);
    let off = attacker.es.member("x");
    let n = base64url([0xb7; 128]);
    let even = base64url([[0xb7; 255].as_slice(), &[0xb6]].concat());
    let mut odd = vec![
        json!({ "kty": "AKP", "alg": "ML-DSA-65", "kid": "k-mldsa", "pub": base64url([7; 1952]) })
            .to_string(),
        json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "k-es", "pub": "AA" }).to_string(),
        montgomery("X25519", "k-x25519").to_string(),
        montgomery("X448", "k-es").to_string(),
        montgomery("Ed448", "k-ed448").to_string(),
        montgomery("P-256", "k-okp-p256").to_string(),
        point("secp256k1", "k-256k1").to_string(),
        point("P-521", "k-521").to_string(),
        point("P-384", "k-p384-short").to_string(),
        point("Ed25519", "k-ec-ed").to_string(),
        rsa("k-1024", json!({ "n": n })),
        rsa("k-even", json!({ "n": even })),
        rsa("k-e1", json!({ "e": "AQ" })),
        rsa("k-e2", json!({ "e": "Ag" })),
        rsa("k-e0", json!({ "e": "" })),
        rsa("k-no-e", json!({ "e": null })),
        rsa("k-e-number", json!({ "e": 65537 })),
        rsa("k-padded-n", json!({ "n": attacker.rsa.member("n") + "=" })),
        json!({ "kty": "XYZ", "kid": "k-xyz", "x": "AA" }).to_string(),
        json!({ "kty": "ec", "kid": "k-lower" }).to_string(),
        es("k-kty-number", json!({ "kty": 1 })),
        es("k-no-kty", json!({ "kty": null })),
        es("1", json!({ "kid": 1 })),
        es("k-kid-array", json!({ "kid": ["k-kid-array"] })),
        es("k-ops-text", json!({ "key_ops": "verify" })),
        es("k-ops-none", json!({ "key_ops": [] })),
        es("k-ops-sign", json!({ "key_ops": ["sign"] })),
        es("k-crv-number", json!({ "crv": 256 })),
        es("k-off", json!({ "y": off })),
        es(
            "k-zero",
            json!({ "x": base64url([0; 32]), "y": base64url([0; 32]) }),
        ),
        es("k-no-y", json!({ "y": null })),
        attacker.es.private_jwk_as("k-private-es").to_string(),
        attacker.rsa.private_jwk_as("k-private-rsa").to_string(),
        attacker.ed.private_jwk_as("k-private-ed").to_string(),
        json!({ "kty": "oct", "kid": "k-oct", "k": base64url("secret") }).to_string(),
        json!({ "kty": "oct", "kid": "k-es", "alg": "HS256", "k": base64url([1; 32]) }).to_string(),
    ];
    // One key with two names.
    let twice = attacker.es.jwk_as("k-other").to_string();
    odd.push(twice.replacen('{', r#"{"kid":"k-name-twice","#, 1));
    let small = SMALL_ORDER.iter().enumerate();
    odd.extend(small.map(|(i, x)| {
        let kid = format!("k-small-{i}");
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "alg": "EdDSA", "x": base64url(x) })
            .to_string()
    }));
    odd.extend([r#""keys""#, "42", "true", "[]", "[null]"].map(str::to_owned));
    odd
}

/// Points under which a signature can be made without a key: 1, -1, 0, and one of order 8.
pub(crate) const SMALL_ORDER: [[u8; 32]; 4] = [
    first_and_rest(1, 0, 0),
    first_and_rest(0xec, 0xff, 0x7f),
    first_and_rest(0, 0, 0),
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

const fn first_and_rest(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut point = [middle; 32];
    point[0] = first;
    point[31] = last;
    point
}

fn hostile(keys: &Keys, attacker: &Keys, trap: &str) -> Vec<String> {
    let mut entries = Vec::new();
    let mut of = |key: &Signer, kid: &str, members: Value| {
        entries.push(edited(key.jwk_as(kid), members));
    };
    for key in attacker.all() {
        let name = |what: &str| format!("{}-{what}", key.kid);
        // Also under the names of the keys that sign.
        of(key, key.kid, json!({ "use": "enc" }));
        of(key, &name("enc"), json!({ "use": "enc" }));
        of(key, &name("use"), json!({ "use": "SIG" }));
        of(
            key,
            &name("ops"),
            json!({ "use": null, "key_ops": ["encrypt", "wrapKey"] }),
        );
        of(
            key,
            &name("both"),
            json!({ "use": "sig", "key_ops": ["deriveBits"] }),
        );
        for alg in ["none", "HS256", "RSA-OAEP", "ECDH-ES", "ES512", ""] {
            of(key, &name(alg), json!({ "alg": alg }));
        }
        let others = ["RS256", "ES256", "ES384", "EdDSA"].into_iter();
        for alg in others.filter(|alg| *alg != key.alg) {
            of(key, &name(alg), json!({ "alg": alg }));
        }
        // Only the address of the key.
        let nothing = json!({ "n": null, "e": null, "x": null, "y": null, "crv": null, "x5u": trap, "jku": trap });
        of(key, &name("x5u"), nothing);
    }
    for key in keys.all() {
        for (kid, alg) in [
            (key.kid, "HS256"),
            (key.kid, key.alg),
            ("k-oct-pem", "HS256"),
        ] {
            let secret = base64url(key.public_pem());
            let oct = json!({ "kty": "oct", "kid": kid, "alg": alg, "use": "sig", "k": secret });
            entries.push(oct.to_string());
        }
    }
    entries
}

/// The key that signs, with addresses that must not be fetched.
fn linked(keys: &Keys, trap: &str) -> String {
    edited(
        keys.es.jwk(),
        json!({ "x5u": trap, "jku": trap, "x5c": ["MIIB"], "x5t": "AA", "iat": 1, "more": { "keys": [] } }),
    )
}
