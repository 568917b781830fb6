//! Keys that may verify a signature: RFC 7517, RFC 7518 sections 3 and 6, RFC 8037.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo_core::{Algorithm, KeySet, KeySetError, Selection, TokenError};

use crate::signer::{ED25519, P256, P384, RSA, b64};
use crate::token::Token;
use crate::validate::{NOW, key_set, strict, validate};

/// A set of one unusable and one good entry: the first is skipped and counted, the second works.
fn skipped(odd: &str) {
    let keys = key_set(&[odd.to_owned(), P256.jwk("")]);
    assert_eq!((keys.len(), keys.skipped()), (1, 1), "{odd}");
    validate(&strict(), &keys, &Token::new().mint(), NOW).expect(odd);
    let alone = KeySet::parse(format!(r#"{{"keys":[{odd}]}}"#).as_bytes());
    let error = alone.unwrap_err();
    assert!(
        matches!(error, KeySetError::NoUsableKey { keys: 1, .. }),
        "{odd}: {error}"
    );
}

fn kept(jwk: &str) -> KeySet {
    let keys = key_set(&[jwk.to_owned()]);
    assert_eq!((keys.len(), keys.skipped()), (1, 0), "{jwk}");
    keys
}

fn rsa(n: &[u8], e: &[u8]) -> String {
    format!(
        r#"{{"kty":"RSA","kid":"odd","n":"{}","e":"{}"}}"#,
        b64(n),
        b64(e)
    )
}

/// An odd number of exactly so many bits.
fn modulus(bits: usize) -> Vec<u8> {
    let mut n = vec![0xb7; bits.div_ceil(8)];
    let spare = n.len() * 8 - bits;
    n[0] = 0x80 >> spare;
    n
}

/// JW-07
#[test]
fn rsa_key_size_is_bounded() {
    for bits in [512, 1024, 2047, 8193, 16384] {
        skipped(&rsa(&modulus(bits), &[1, 0, 1]));
    }
    for bits in [2048, 3072, 4096, 8192] {
        kept(&rsa(&modulus(bits), &[1, 0, 1]));
    }
    // Leading zeros do not count.
    let padded = [vec![0; 128], modulus(1024)].concat();
    skipped(&rsa(&padded, &[1, 0, 1]));
}

/// JW-07
#[test]
fn rsa_modulus_and_exponent_are_odd() {
    let n = modulus(2048);
    for e in [
        &[][..],
        &[0],
        &[1],
        &[0, 0, 1],
        &[2],
        &[1, 0, 0],
        &[1, 0, 0, 0, 1],
        &[0xff; 256],
    ] {
        skipped(&rsa(&n, e));
    }
    for e in [&[3][..], &[1, 0, 1], &[0xff, 0xff, 0xff, 0xff]] {
        kept(&rsa(&n, e));
    }
    let mut even = n.clone();
    *even.last_mut().unwrap() &= 0xfe;
    skipped(&rsa(&even, &[1, 0, 1]));
    skipped(&rsa(&[0; 256], &[1, 0, 1]));
    skipped(&rsa(&[], &[1, 0, 1]));
}

/// JW-20
#[test]
fn leading_zeros_are_ignored() {
    for signer in [&RSA, &P256, &P384] {
        let jwk: serde_json::Value = serde_json::from_str(&signer.jwk("")).unwrap();
        for member in ["n", "e", "x", "y"] {
            let Some(number) = jwk[member].as_str() else {
                continue;
            };
            for zeros in [1, 2, 7] {
                let number = URL_SAFE_NO_PAD.decode(number).unwrap();
                let mut padded = jwk.clone();
                padded[member] = b64([vec![0; zeros], number].concat()).into();
                let keys = kept(&padded.to_string());
                let token = Token::new().signed_by(signer, signer.algorithms()[0]);
                validate(&strict(), &keys, &token.mint(), NOW).unwrap();
            }
        }
    }
    // An octet string is not a number.
    let jwk: serde_json::Value = serde_json::from_str(&ED25519.jwk("")).unwrap();
    let x = URL_SAFE_NO_PAD.decode(jwk["x"].as_str().unwrap()).unwrap();
    skipped(&okp(&[vec![0], x].concat()));
}

/// JW-20
#[test]
fn skipped_keys_show_their_reason() {
    let odd = [
        RSA.jwk(r#""use":"enc""#),
        P256.jwk(""),
        "null".to_owned(),
        r#"{"kty":"AKP","alg":"ML-DSA-65"}"#.to_owned(),
        P384.jwk(r#""d":"AA""#),
        rsa(&modulus(1024), &[3]),
        P384.jwk(r#""alg":"ES256""#),
        P384.jwk(r#""key_ops":["sign"]"#),
    ];
    let keys = key_set(&odd);
    let shown: Vec<_> = keys
        .first_skipped()
        .iter()
        .map(ToString::to_string)
        .collect();
    for (position, part) in [
        (0, "`use`"),
        (2, "JSON object"),
        (3, "`alg`"),
        (4, "private"),
        (5, "2048"),
        (6, "`alg`"),
        (7, "`key_ops`"),
    ] {
        let place = format!("keys[{position}] ");
        let found = shown.iter().find(|line| line.starts_with(&place));
        assert!(found.is_some_and(|line| line.contains(part)), "{shown:?}");
    }
    let many: Vec<_> = std::iter::repeat_n("null".to_owned(), 100)
        .chain([P256.jwk("")])
        .collect();
    let keys = key_set(&many);
    assert_eq!((keys.skipped(), keys.first_skipped().len()), (100, 16));
}

/// JW-04
#[test]
fn symmetric_key_is_skipped() {
    for oct in [
        r#"{"kty":"oct","kid":"p256","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ"}"#,
        r#"{"kty":"oct","kid":"o","alg":"HS256","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ"}"#,
        r#"{"kty":"oct","kid":"o","alg":"ES256","k":"AA"}"#,
        r#"{"kty":"oct"}"#,
    ] {
        skipped(oct);
    }
}

/// JW-05
#[test]
fn use_and_key_ops_are_enforced() {
    for (signer, alg) in [(&RSA, "RS256"), (&P256, "ES256"), (&ED25519, "EdDSA")] {
        for good in [
            "",
            r#""use":"sig""#,
            r#""key_ops":["verify"]"#,
            r#""key_ops":["sign","verify"]"#,
            r#""use":"sig","key_ops":["verify"]"#,
            r#""x5c":["MIIB"],"x5t":"AA","iat":1,"unknown":{"a":[]}"#,
        ] {
            let keys = kept(&signer.jwk(good));
            let token = Token::new().signed_by(signer, alg).mint();
            validate(&strict(), &keys, &token, NOW).expect(good);
        }
    }
    for bad in [
        r#""use":"enc""#,
        r#""use":"SIG""#,
        r#""use":"""#,
        r#""use":1"#,
        r#""use":["sig"]"#,
        r#""key_ops":["encrypt"]"#,
        r#""key_ops":["sign"]"#,
        r#""key_ops":["VERIFY"]"#,
        r#""key_ops":[]"#,
        r#""key_ops":"verify""#,
        r#""key_ops":[1]"#,
        r#""key_ops":{"verify":true}"#,
        r#""use":"enc","key_ops":["verify"]"#,
        r#""use":"sig","key_ops":["encrypt"]"#,
        r#""use":"enc","use":"sig""#,
    ] {
        for signer in [&RSA, &P384, &ED25519] {
            skipped(&signer.jwk(bad));
        }
    }
}

/// JW-05, JW-03
#[test]
fn alg_of_the_key_is_enforced() {
    for (signer, bad) in [
        (&RSA, "ES256"),
        (&RSA, "HS256"),
        (&RSA, "RSA-OAEP"),
        (&RSA, "rs256"),
        (&RSA, "none"),
        (&P384, "ES256"),
        (&P384, "ES512"),
        (&P384, "RS256"),
        (&P384, "ECDH-ES"),
        (&ED25519, "Ed448"),
        (&ED25519, "ES256"),
        (&ED25519, ""),
    ] {
        skipped(&signer.jwk(&format!(r#""alg":"{bad}""#)));
    }
    skipped(&RSA.jwk(r#""alg":1"#));
    for own in RSA.algorithms() {
        let keys = kept(&RSA.jwk(&format!(r#""alg":"{own}""#)));
        for alg in RSA.algorithms() {
            let token = Token::new().signed_by(&RSA, alg).mint();
            let result = validate(&strict(), &keys, &token, NOW).map(drop);
            let expected = if own == alg {
                Ok(())
            } else {
                Err(TokenError::Algorithm)
            };
            assert_eq!(result, expected, "{alg} by a key for {own}");
        }
    }
}

/// JW-20
#[test]
fn other_key_kinds_are_skipped() {
    for odd in [
        r#"{"kty":"AKP","kid":"pq","alg":"ML-DSA-65","pub":"AAAA"}"#,
        r#"{"kty":"OKP","kid":"dh","crv":"X25519","x":"3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08"}"#,
        r#"{"kty":"OKP","crv":"Ed448","x":"AAAA"}"#,
        r#"{"kty":"EC","kid":"btc","crv":"secp256k1","x":"NHASVPitTaGKPTqbHvhwVo4N8B4kXC2PTmvCbUgFpZA","y":"Bma_gJpbD3Xp0WHX_WyBZmuz0PLhB2aG9rU0wUuXZqU"}"#,
        r#"{"kty":"EC","crv":"P-521","x":"AA","y":"AA"}"#,
        r#"{"kty":"ec","crv":"P-256","x":"AA","y":"AA"}"#,
        r#"{"kty":"","kid":"x"}"#,
        r#"{"kty":null}"#,
        r#"{"kty":7}"#,
        "{}",
        "null",
        "1",
        "true",
        "\"key\"",
        "[]",
        r#"{"kty":"RSA"}"#,
        r#"{"kty":"EC"}"#,
        r#"{"kty":"OKP"}"#,
        r#"{"kty":"OKP","crv":"Ed25519"}"#,
    ] {
        skipped(odd);
    }
}

/// JW-20
#[test]
fn array_is_not_a_key() {
    let members = format!(
        r#"["OKP","kid",null,null,null,"Ed25519",null,null,"{}",null,null]"#,
        {
            let jwk: serde_json::Value = serde_json::from_str(&ED25519.jwk("")).unwrap();
            jwk["x"].as_str().unwrap().to_owned()
        }
    );
    skipped(&members);
}

/// JW-20
#[test]
fn bad_json_spoils_one_entry_only() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    for member in [
        r#""x":1,"x":1"#.to_owned(),
        r#""exp":1e400"#.to_owned(),
        r#""note":"\ud800""#.to_owned(),
        format!(r#""note":{deep}"#),
        r#""kty":"EC""#.to_owned(),
    ] {
        let odd = RSA.jwk(&member);
        let document = format!(r#"{{"keys":[{odd},{}]}}"#, P256.jwk(""));
        let keys = KeySet::parse(document.as_bytes()).expect(&member);
        validate(&strict(), &keys, &Token::new().mint(), NOW).unwrap();
    }
}

/// JW-20
#[test]
fn incomplete_key_is_skipped() {
    for signer in [&RSA, &P384, &ED25519] {
        let jwk: serde_json::Map<_, _> = serde_json::from_str(&signer.jwk("")).unwrap();
        for member in jwk.keys().filter(|name| *name != "kid") {
            for value in ["", "null", "1", "\"\"", "\"!\"", "\"AA==\"", "\"AA\"", "[]"] {
                let mut odd = jwk.clone();
                odd.remove(member);
                let mut text = serde_json::to_string(&odd).unwrap();
                if !value.is_empty() {
                    text = text.replacen('{', &format!("{{\"{member}\":{value},"), 1);
                }
                skipped(&text);
            }
        }
    }
}

/// JW-20
#[test]
fn numeric_kid_is_rejected() {
    let odd = format!(r#"{{{},"kid":7}}"#, RSA.key_members());
    skipped(&odd);
    let nameless = format!(r#"{{{}}}"#, RSA.key_members());
    assert!(matches!(
        kept(&nameless).select(None, Algorithm::Rs256),
        Selection::Key(key) if key.kid().is_none()
    ));
}

/// JW-20
#[test]
fn key_with_private_member_is_skipped() {
    for member in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        for value in ["\"AQAB\"", "[]"] {
            skipped(&RSA.jwk(&format!(r#""{member}":{value}"#)));
        }
    }
    for signer in [&P384, &ED25519] {
        skipped(&signer.jwk(r#""d":"AQAB""#));
    }
}

/// JW-03
#[test]
fn invalid_ec_point_is_skipped() {
    let jwk: serde_json::Value = serde_json::from_str(&P384.jwk("")).unwrap();
    let (x, y) = (jwk["x"].as_str().unwrap(), jwk["y"].as_str().unwrap());
    let ec = |crv: &str, x: &str, y: &str| {
        format!(r#"{{"kty":"EC","crv":"{crv}","x":"{x}","y":"{y}"}}"#)
    };
    kept(&ec("P-384", x, y));
    let point = [x, y]
        .map(|half| URL_SAFE_NO_PAD.decode(half).unwrap())
        .concat();
    // The same point, split at another place.
    let (short, long) = point.split_at(47);
    let zero = b64([0; 48]);
    for odd in [
        ec("P-384", y, x),
        ec("P-384", x, x),
        ec("P-384", &zero, &zero),
        ec("P-384", &b64([0xff; 48]), &b64([0xff; 48])),
        ec("P-256", x, y),
        ec("P-384", &b64(short), &b64(long)),
        ec("P-384", &format!("AAAB{x}"), y),
        ec("P-384", x, &y[..60]),
    ] {
        skipped(&odd);
    }
}

/// All encodings of the eight points of small order, canonical or not, in hexadecimal.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
];

fn okp(x: &[u8]) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#, b64(x))
}

/// JW-03
#[test]
fn small_order_points_are_skipped() {
    for hex in SMALL_ORDER {
        let point: Vec<u8> = (0..32)
            .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        skipped(&okp(&point));
    }
}

/// JW-03
#[test]
fn near_small_order_points_are_kept() {
    let point = |first, middle, last| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    for (first, middle, last) in [
        (0, 1, 0),
        (1, 0, 1),
        (2, 0, 0),
        (0xeb, 0xff, 0x7f),
        (0xef, 0xff, 0x7f),
        (0xed, 0xff, 0x7e),
        (0xed, 0xfe, 0x7f),
    ] {
        kept(&okp(&point(first, middle, last)));
    }
}

/// JW-03
#[test]
fn ed25519_key_has_32_bytes() {
    let jwk: serde_json::Value = serde_json::from_str(&ED25519.jwk("")).unwrap();
    let x = jwk["x"].as_str().unwrap();
    kept(&format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#));
    for length in [0, 1, 31, 33, 57, 64] {
        skipped(&okp(&vec![9; length]));
    }
}

/// JW-24
#[test]
fn set_has_at_most_1000_keys() {
    let set = |usable: usize| {
        let keys = std::iter::repeat_n(P256.jwk(""), usable);
        let odd = std::iter::repeat_n("null".to_owned(), 100);
        let keys: Vec<_> = odd.chain(keys).collect();
        KeySet::parse(format!(r#"{{"keys":[{}]}}"#, keys.join(",")).as_bytes())
    };
    let most = set(1000).unwrap();
    assert_eq!((most.len(), most.skipped()), (1000, 100));
    let limit = 1000;
    assert_eq!(set(1001).unwrap_err(), KeySetError::TooManyKeys { limit });
}
