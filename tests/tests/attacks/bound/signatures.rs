//! Proofs without a signature, or with one that anybody could make.

use obo_test_support::{base64url, mac};

use super::world::Holder;
use crate::case::Case;

const JWK: Option<&str> = Some("proof_jwk");
const ALGORITHM: Option<&str> = Some("proof_algorithm");
const SIGNATURE: Option<&str> = Some("proof_bad_signature");

pub(super) fn cases(holder: &Holder<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    let mut unsigned =
        |name: &str, alg: &str, jwk: Option<&str>, sign: &dyn Fn(&str) -> String, code| {
            let token = holder.token();
            let proof = holder.proof(&token).header("alg", &format!("{alg:?}"));
            let proof = match jwk {
                Some(jwk) => proof.header("jwk", jwk),
                None => proof,
            };
            let (header, claims) = proof.segments();
            let input = format!("{header}.{claims}");
            let text = format!("{input}.{}", sign(&input));
            cases.push(holder.case(name, &token, text, code));
        };
    let secret = holder.key().public_bytes();
    let members = format!("{{{}}}", holder.key().key_members());
    let oct = format!("{{\"kty\":\"oct\",\"k\":\"{}\"}}", base64url(secret));
    unsigned("alg none", "none", None, &|_| String::new(), ALGORITHM);
    unsigned(
        "alg none with a signature",
        "none",
        None,
        &|_| "AAAA".to_owned(),
        ALGORITHM,
    );
    unsigned(
        "HS256 by the public key",
        "HS256",
        None,
        &|input| base64url(mac("HS256", secret, input.as_bytes())),
        ALGORITHM,
    );
    unsigned(
        "HS256 by the JWK",
        "HS256",
        None,
        &|input| base64url(mac("HS256", members.as_bytes(), input.as_bytes())),
        ALGORITHM,
    );
    unsigned(
        "HS256 by an oct key",
        "HS256",
        Some(&oct),
        &|input| base64url(mac("HS256", secret, input.as_bytes())),
        ALGORITHM,
    );
    unsigned(
        "an oct key",
        "ES256",
        Some(&oct),
        &|input| base64url(mac("HS256", secret, input.as_bytes())),
        JWK,
    );
    let thief = holder.world.thief.es.raw();
    let other_alg = holder.world.thief.rsa.raw();
    let sign = |input: &str| base64url(holder.key().sign("ES256", input.as_bytes()));
    unsigned("no signature", "ES256", None, &|_| String::new(), SIGNATURE);
    unsigned("zeros", "ES256", None, &|_| base64url([0; 64]), SIGNATURE);
    unsigned("ones", "ES256", None, &|_| base64url([1; 64]), SIGNATURE);
    unsigned(
        "of another text",
        "ES256",
        None,
        &|_| sign("a.b"),
        SIGNATURE,
    );
    unsigned(
        "of the payload",
        "ES256",
        None,
        &|input| sign(input.split_once('.').unwrap().1),
        SIGNATURE,
    );
    unsigned(
        "of another key",
        "ES256",
        None,
        &|input| base64url(thief.sign("ES256", input.as_bytes())),
        SIGNATURE,
    );
    unsigned(
        "of an RSA key",
        "ES256",
        None,
        &|input| base64url(other_alg.sign("RS256", input.as_bytes())),
        SIGNATURE,
    );
    unsigned(
        "cut",
        "ES256",
        None,
        &|input| base64url(&holder.key().sign("ES256", input.as_bytes())[..63]),
        SIGNATURE,
    );
    unsigned(
        "longer",
        "ES256",
        None,
        &|input| base64url([holder.key().sign("ES256", input.as_bytes()), vec![0]].concat()),
        SIGNATURE,
    );
    unsigned(
        "as DER",
        "ES256",
        None,
        &|input| base64url(der(&holder.key().sign("ES256", input.as_bytes()))),
        SIGNATURE,
    );
    unsigned(
        "halves swapped",
        "ES256",
        None,
        &|input| {
            let signature = holder.key().sign("ES256", input.as_bytes());
            let (r, s) = signature.split_at(32);
            base64url([s, r].concat())
        },
        SIGNATURE,
    );
    unsigned(
        "as hex",
        "ES256",
        None,
        &|input| {
            let signature = holder.key().sign("ES256", input.as_bytes());
            signature.iter().map(|b| format!("{b:02x}")).collect()
        },
        SIGNATURE,
    );
    unsigned("huge", "ES256", None, &|_| "A".repeat(4000), SIGNATURE);
    unsigned(
        "padded",
        "ES256",
        None,
        &|input| sign(input) + "==",
        SIGNATURE,
    );
    unsigned(
        "in another alphabet",
        "ES256",
        None,
        &|input| sign(input)[..85].to_owned() + "+",
        SIGNATURE,
    );
    cases
}

/// Two numbers of a signature as RFC 3279 writes them.
fn der(signature: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| [&[2, 33, 0][..], bytes].concat();
    let (r, s) = signature.split_at(32);
    let numbers = [number(r), number(s)].concat();
    [&[0x30, 70][..], &numbers].concat()
}
