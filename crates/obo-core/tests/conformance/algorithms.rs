//! Algorithms: RFC 7518, RFC 8037, RFC 8725 section 3.1, RFC 9864.

use aws_lc_rs::hmac;
use obo_core::{Algorithm, KeySet, MacAlgorithm, TokenError, UnverifiedJwt, VerificationKey};

use crate::signer::{ED25519, P256, P384, RSA, Signer, b64};
use crate::token::Token;
use crate::validate::{NOW, builder, key_set, published, refusal, strict, validate, verdict};

static SIGNERS: [&std::sync::LazyLock<Signer>; 4] = [&RSA, &P256, &P384, &ED25519];

/// AT-07, JW-01
#[test]
fn default_algorithms_verify() {
    for signer in SIGNERS {
        for alg in signer.algorithms() {
            let token = Token::new().signed_by(signer, alg).mint();
            verdict(&token).expect(alg);
            let own = Algorithm::from_name(alg).unwrap();
            let others = Algorithm::ALL.into_iter().filter(|a| *a != own);
            let policy = builder().algorithms(others).build().unwrap();
            let refused = validate(&policy, &published(), &token, NOW).unwrap_err();
            assert_eq!(refused, TokenError::Algorithm, "{alg}");
            let alone = builder().algorithms([own]).build().unwrap();
            validate(&alone, &published(), &token, NOW).expect(alg);
        }
    }
    let error = builder().algorithms([]).build().unwrap_err();
    assert_eq!(error.field(), "algorithms");
}

/// JW-01: the policy itself rejects the algorithm, even if the key was looked up before.
#[test]
fn policy_rejects_disallowed_algorithm() {
    let policy = builder().algorithms([Algorithm::Rs256]).build().unwrap();
    let token = Token::new().mint();
    let keys = published();
    let key = key_of(&keys, "p256", Algorithm::Es256);
    let jwt = UnverifiedJwt::parse(obo_core::BearerToken::parse(&token).unwrap()).unwrap();
    assert_eq!(
        policy.verify(jwt, key, NOW).unwrap_err(),
        TokenError::Algorithm
    );
}

/// JW-01
#[test]
fn each_algorithm_has_one_name() {
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::from_name(algorithm.name()), Some(algorithm));
    }
    for mac in MacAlgorithm::ALL {
        let name = format!("{mac:?}").to_uppercase();
        assert_eq!(mac.name(), name);
        assert_eq!(MacAlgorithm::from_name(&name), Some(mac));
        assert_eq!(Algorithm::from_name(&name), None);
    }
    assert_eq!(MacAlgorithm::from_name("RS256"), None);
}

fn key_of<'s>(keys: &'s KeySet, kid: &str, algorithm: Algorithm) -> &'s VerificationKey {
    match keys.select(Some(kid), algorithm) {
        obo_core::Selection::Key(key) => key,
        other => panic!("{other:?}"),
    }
}

/// JW-02, AT-05
#[test]
fn none_and_unknown_algs_are_rejected() {
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "",
        " none",
        "rs256",
        "Es256",
        "ES256 ",
        "ES256\\u0000",
        "ES256K",
        "ES512",
        "Ed448",
        "EDDSA",
        "eddsa",
        "RSA-OAEP",
        "dir",
        "HS256",
        "HS384",
        "HS512",
    ] {
        let token = Token::new().header("alg", &format!("\"{alg}\"")).mint();
        let expected = if alg.is_empty() {
            TokenError::Header("alg")
        } else {
            TokenError::Algorithm
        };
        assert_eq!(refusal(&token), expected, "{alg}");
    }
    let missing = Token::new().without_header("alg").mint();
    assert_eq!(refusal(&missing), TokenError::Algorithm);
    for odd in ["null", "1", "[\"ES256\"]", "{}", "true"] {
        let token = Token::new().header("alg", odd).mint();
        assert_eq!(refusal(&token), TokenError::Header("alg"), "{odd}");
    }
    let unsigned = Token::new().header("alg", "\"none\"").mint();
    let (message, _) = unsigned.rsplit_once('.').unwrap();
    assert_eq!(refusal(&format!("{message}.")), TokenError::Algorithm);
}

/// JW-03
#[test]
fn algorithm_must_fit_key() {
    let keys = published();
    for signer in SIGNERS {
        for other in SIGNERS {
            for alg in other.algorithms() {
                let token = Token::new()
                    .signed_by(signer, alg)
                    .header("kid", &format!("\"{}\"", signer.kid()))
                    .mint();
                let fits = signer.algorithms().contains(alg);
                assert_eq!(verdict(&token).is_ok(), fits, "{alg} by {}", signer.kid());
                if !fits {
                    assert_eq!(refusal(&token), TokenError::Algorithm);
                    let own = Algorithm::from_name(signer.algorithms()[0]).unwrap();
                    let key = key_of(&keys, signer.kid(), own);
                    let bearer = obo_core::BearerToken::parse(&token).unwrap();
                    let jwt = UnverifiedJwt::parse(bearer).unwrap();
                    let error = strict().verify(jwt, key, NOW).unwrap_err();
                    assert_eq!(error, TokenError::Algorithm);
                }
            }
        }
    }
}

/// JW-03, JW-04
#[test]
fn public_key_is_not_hmac_secret() {
    for signer in SIGNERS {
        for secret in [
            signer.public_bytes().to_vec(),
            signer.jwk("").into_bytes(),
            b64(signer.public_bytes()).into_bytes(),
        ] {
            let unsigned = Token::new()
                .signed_by(signer, "HS256")
                .header("alg", "\"HS256\"")
                .mint();
            let (message, _) = unsigned.rsplit_once('.').unwrap();
            let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
            let tag = hmac::sign(&key, message.as_bytes());
            let token = format!("{message}.{}", b64(tag));
            assert_eq!(refusal(&token), TokenError::Algorithm);
        }
    }
}

/// JW-05, JW-06
#[test]
fn eddsa_and_ed25519_are_one() {
    for jwk_alg in ["", r#""alg":"EdDSA""#, r#""alg":"Ed25519""#] {
        let keys = key_set(&[ED25519.jwk(jwk_alg), P256.jwk("")]);
        for alg in ["EdDSA", "Ed25519"] {
            let token = Token::new().signed_by(&ED25519, alg).mint();
            validate(&strict(), &keys, &token, NOW).expect(alg);
            let only = builder().algorithms([Algorithm::Ed25519]).build().unwrap();
            validate(&only, &keys, &token, NOW).expect(alg);
            let without = builder().algorithms([Algorithm::Es256]).build().unwrap();
            let refused = validate(&without, &keys, &token, NOW).unwrap_err();
            assert_eq!(refused, TokenError::Algorithm);
            let on_p256 = Token::new().signed_by(&P256, alg).mint();
            let refused = validate(&strict(), &keys, &on_p256, NOW).unwrap_err();
            assert_eq!(refused, TokenError::Algorithm);
        }
    }
}

/// The ASN.1 DER form of an R ‖ S signature, as many libraries produce it.
fn der(signature: &[u8]) -> Vec<u8> {
    let integer = |half: &[u8]| {
        let mut value: Vec<u8> = half.iter().copied().skip_while(|b| *b == 0).collect();
        if value.first().is_none_or(|first| *first >= 0x80) {
            value.insert(0, 0);
        }
        [vec![2, value.len() as u8], value].concat()
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    let body = [integer(r), integer(s)].concat();
    [vec![0x30, body.len() as u8], body].concat()
}

/// JW-08
#[test]
fn ecdsa_signature_has_fixed_length() {
    for (signer, alg) in [(&P256, "ES256"), (&P384, "ES384")] {
        let token = Token::new().signed_by(signer, alg).mint();
        verdict(&token).unwrap();
        let (message, _) = token.rsplit_once('.').unwrap();
        let good = signer.sign(alg, message.as_bytes());
        let half = good.len() / 2;
        let (r, s) = good.split_at(half);
        let zero = vec![0; half];
        let ones = vec![0xff; half];
        for bad in [
            der(&good),
            [r, &zero].concat(),
            [&zero, s].concat(),
            [zero.as_slice(), &zero].concat(),
            [ones.as_slice(), &ones].concat(),
            [s, r].concat(),
            [&[0], r, &[0], s].concat(),
            good[..good.len() - 1].to_vec(),
            [good.as_slice(), &[0]].concat(),
            r.to_vec(),
            Vec::new(),
        ] {
            let token = format!("{message}.{}", b64(&bad));
            assert_eq!(refusal(&token), TokenError::Signature, "{alg} {bad:?}");
        }
    }
}

/// JW-08
#[test]
fn rsa_and_ed25519_have_one_length() {
    for (signer, alg) in [(&RSA, "RS256"), (&RSA, "PS256"), (&ED25519, "EdDSA")] {
        let token = Token::new().signed_by(signer, alg).mint();
        verdict(&token).unwrap();
        let (message, _) = token.rsplit_once('.').unwrap();
        let good = signer.sign(alg, message.as_bytes());
        for bad in [
            good[1..].to_vec(),
            [&[0], good.as_slice()].concat(),
            [good.as_slice(), &[0]].concat(),
            vec![0; good.len()],
            vec![1],
            vec![7; 1025],
            vec![7; 3000],
            Vec::new(),
        ] {
            let token = format!("{message}.{}", b64(&bad));
            assert_eq!(
                refusal(&token),
                TokenError::Signature,
                "{alg} {}",
                bad.len()
            );
        }
    }
}
