//! The proofs that a service makes of its own key.

use obo_core::binding::Thumbprint;
use obo_core::binding::dpop::{NewProof, ProofKey, PublicProofKey};
use obo_core::{Algorithm, Secret, SigningKey, compact_jws};
use obo_test_support::Signer;

use crate::proof::{ATH, TOKEN, verdict_at};
use crate::signer::{ED25519, P256, P384, RSA, b64};
use crate::validate::NOW;

pub(crate) fn key_of(signer: &Signer, algorithm: Algorithm) -> ProofKey {
    let pem = Secret::new(signer.private_pem());
    ProofKey::new(SigningKey::from_pem(algorithm, &pem).unwrap()).unwrap()
}

pub(crate) fn for_resource<'a>(jti: &'a str, nonce: Option<&'a str>) -> NewProof<'a> {
    NewProof {
        method: "GET",
        uri: "https://resource.example.org/protectedresource?id=7#top",
        token: Some(TOKEN),
        nonce,
        jti,
        now: NOW,
    }
}

/// DP-18, DP-23
#[test]
fn own_proof_is_accepted() {
    for (signer, algorithms) in [
        (&*P256, &[Algorithm::Es256][..]),
        (&*P384, &[Algorithm::Es384]),
        (&*ED25519, &[Algorithm::Ed25519]),
        (
            &*RSA,
            &[Algorithm::Rs256, Algorithm::Ps256, Algorithm::Ps512],
        ),
    ] {
        for algorithm in algorithms {
            let key = key_of(signer, *algorithm);
            let jwk = format!("{{{}}}", signer.key_members());
            assert_eq!(*key.thumbprint(), Thumbprint::of_jwk(&jwk).unwrap());
            for (jti, nonce) in [("a", None), ("b\"\\\n", Some("n\"1"))] {
                let proof = key.sign(&for_resource(jti, nonce)).unwrap();
                let verified = verdict_at(proof.expose(), NOW).unwrap();
                assert_eq!(verified.key, *key.thumbprint());
                assert_eq!((&*verified.jti, verified.nonce.as_deref()), (jti, nonce));
                assert_eq!(verified.issued_at, NOW);
            }
        }
    }
}

/// DP-18
#[test]
fn own_proof_has_exact_members() {
    let key = key_of(&ED25519, Algorithm::Ed25519);
    let text = |segment: &str| {
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, segment);
        String::from_utf8(bytes.unwrap()).unwrap()
    };
    let proof = key.sign(&for_resource("j", Some("n"))).unwrap();
    let segments: Vec<&str> = proof.expose().split('.').collect();
    let x = b64(ED25519.public_bytes());
    assert_eq!(
        text(segments[0]),
        format!(
            r#"{{"typ":"dpop+jwt","alg":"EdDSA","jwk":{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}}}"#
        )
    );
    let now = NOW.as_secs();
    assert_eq!(
        text(segments[1]),
        format!(
            r#"{{"jti":"j","htm":"GET","htu":"https://resource.example.org/protectedresource","iat":{now},"ath":"{ATH}","nonce":"n"}}"#
        )
    );
    // The token endpoint gets no token.
    let proof = NewProof {
        token: None,
        ..for_resource("j", None)
    };
    let input = key.public().signing_input(&proof);
    let (_, payload) = input.split_once('.').unwrap();
    assert_eq!(
        text(payload),
        format!(
            r#"{{"jti":"j","htm":"GET","htu":"https://resource.example.org/protectedresource","iat":{now}}}"#
        )
    );
}

/// DP-23
#[test]
fn external_signer_makes_same_proof() {
    let jwk = ED25519.jwk(r#""alg":"EdDSA","use":"sig""#);
    let key = PublicProofKey::new(Algorithm::Ed25519, &jwk).unwrap();
    let input = key.signing_input(&for_resource("j", None));
    let proof = compact_jws(&input, &ED25519.sign("EdDSA", input.as_bytes()));
    let own = key_of(&ED25519, Algorithm::Ed25519);
    let own = own.sign(&for_resource("j", None)).unwrap();
    assert_eq!(proof.expose(), own.expose());
    let rsa = RSA.jwk("");
    for (algorithm, bad) in [
        (Algorithm::Es256, &*jwk),
        (Algorithm::Rs256, r#"{"kty":"oct","k":"AAAA"}"#),
        (Algorithm::Rs256, &rsa.replacen('{', r#"{"d":"AAAA","#, 1)),
        (Algorithm::Rs256, "x"),
    ] {
        let error = PublicProofKey::new(algorithm, bad).unwrap_err();
        assert_eq!(error.field(), "dpop_key");
    }
    assert!(PublicProofKey::new(Algorithm::Ps256, &rsa).is_ok());
}

/// DP-18
#[test]
fn proof_key_debug_is_redacted() {
    let key = key_of(&P256, Algorithm::Es256);
    let (private, proof) = (P256.private_pem(), for_resource("s3cr3t", Some("s3cr3t")));
    let debug = format!("{key:?} {:?} {proof:?}", key.public());
    assert!(!debug.contains("s3cr3t") && !debug.contains(TOKEN));
    assert!(!debug.contains(&private[40..80]));
}
