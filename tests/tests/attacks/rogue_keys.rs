//! Tokens that are signed by the other keys of the odd and the hostile key sets.

use aws_lc_rs::digest::{SHA256, digest};

use crate::case::Case;
use crate::forge::signed_segments;
use crate::key_sets::SMALL_ORDER;
use crate::signer::{Signer, base64url, mac};
use crate::target::Target;

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    cases.extend(odd(of));
    cases.extend(hostile(of));
    cases.extend(forged(of));
    cases.extend(symmetric(of));
    cases
}

/// A token of the issuer, signed by a key of the attacker.
fn by(of: &Target<'_>, key: &Signer, alg: &str, kid: &str) -> Case {
    let token = of.token(key, alg, &format!("{kid:?}"));
    Case::invalid(format!("{alg} by {} as {kid}", key.kid), token)
}

fn odd(of: &Target<'_>) -> Vec<Case> {
    let attacker = of.attacker;
    let (rsa, es, ed) = (&attacker.rsa, &attacker.es, &attacker.ed);
    let of_es = [
        "1",
        "k-256k1",
        "k-521",
        "k-p384-short",
        "k-ec-ed",
        "k-kty-number",
        "k-no-kty",
        "k-kid-array",
        "k-ops-text",
        "k-ops-none",
        "k-ops-sign",
        "k-crv-number",
        "k-off",
        "k-zero",
        "k-no-y",
        "k-private-es",
        "k-name-twice",
        "k-other",
        "k-lower",
        "k-xyz",
        "k-okp-p256",
    ];
    let of_rsa = [
        "k-1024",
        "k-even",
        "k-e1",
        "k-e2",
        "k-e0",
        "k-no-e",
        "k-e-number",
        "k-padded-n",
        "k-private-rsa",
        "k-mldsa",
    ];
    let of_ed = ["k-x25519", "k-ed448", "k-private-ed", "k-twice"];
    let mut cases: Vec<_> = of_es.map(|kid| by(of, es, "ES256", kid)).into();
    cases.extend(of_rsa.map(|kid| by(of, rsa, "RS256", kid)));
    cases.extend(of_ed.map(|kid| by(of, ed, "EdDSA", kid)));
    // By the good one of two keys with the same name.
    let own = of.token(&of.at.keys.ed, "EdDSA", r#""k-twice""#);
    cases.push(Case::invalid("one of two", own));
    for (kid, alg) in [
        ("k-256k1", "ES256K"),
        ("k-521", "ES512"),
        ("k-mldsa", "ML-DSA-65"),
        ("k-ed448", "Ed448"),
    ] {
        cases.push(by(of, es, alg, kid));
    }
    cases.push(Case::invalid(
        "a kid that is a number",
        of.token(es, "ES256", "1"),
    ));
    cases
}

fn hostile(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for key in of.attacker.all() {
        let own = key.kid.to_owned();
        let named = [
            "enc", "use", "ops", "both", "none", "HS256", "RSA-OAEP", "ECDH-ES", "ES512", "",
            "RS256", "ES256", "ES384", "EdDSA", "x5u",
        ];
        let named = named.into_iter().filter(|what| *what != key.alg);
        let named = named.map(|what| format!("{}-{what}", key.kid));
        cases.extend(
            std::iter::once(own)
                .chain(named)
                .map(|kid| by(of, key, key.alg, &kid)),
        );
    }
    cases
}

/// Signatures that a key verifies although no private key made them.
fn forged(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let token = |alg: &str, kid: &str, signature: &dyn Fn(&str) -> Vec<u8>| {
        let (header, claims) = of.segments(alg, &format!("{kid:?}"));
        let message = format!("{header}.{claims}");
        format!("{message}.{}", base64url(signature(&message)))
    };
    // With an exponent of 1 the signature is the padded digest itself.
    let padded = |message: &str| {
        const SHA256_INFO: [u8; 19] = [
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x01, 0x05, 0x00, 0x04, 0x20,
        ];
        let hash = digest(&SHA256, message.as_bytes());
        let padding = [0xff; 256 - 3 - 19 - 32];
        [&[0, 1], &padding[..], &[0], &SHA256_INFO, hash.as_ref()].concat()
    };
    for kid in ["k-e1", "k-e2", "k-rsa"] {
        cases.push(Case::invalid(
            format!("padded digest as {kid}"),
            token("RS256", kid, &padded),
        ));
    }
    for (i, point) in SMALL_ORDER.iter().enumerate() {
        for (what, r) in [("itself", *point), ("one", SMALL_ORDER[0])] {
            let kid = format!("k-small-{i}");
            let signature = |_: &str| [r, [0; 32]].concat();
            let name = format!("small order, {kid}, {what}");
            cases.push(Case::invalid(name, token("EdDSA", &kid, &signature)));
        }
    }
    cases
}

/// Tokens that are signed with the secrets of the sets' `oct` keys.
fn symmetric(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for key in of.at.keys.all() {
        for kid in [key.kid, "k-oct-pem"] {
            for alg in ["HS256", key.alg] {
                let (header, claims) = of.segments(alg, &format!("{kid:?}"));
                let message = format!("{header}.{claims}");
                let signature = base64url(mac("HS256", key.public_pem().as_bytes(), &message));
                let name = format!("{alg} by the PEM of {} as {kid}", key.kid);
                cases.push(Case::invalid(name, format!("{message}.{signature}")));
            }
        }
    }
    let (header, claims) = of.segments("HS256", r#""k-oct""#);
    let message = format!("{header}.{claims}");
    let signature = base64url(mac("HS256", b"secret", &message));
    cases.push(Case::invalid(
        "by the secret of k-oct",
        format!("{message}.{signature}"),
    ));
    // The key does not matter if the `alg` is not allowed.
    let (header, claims) = of.segments("HS256", r#""k-es""#);
    let by_key = signed_segments(&of.at.keys.es, "ES256", &header, &claims);
    cases.push(Case::invalid("HS256 by the key itself", by_key));
    cases
}
