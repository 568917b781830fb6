//! The compact form, strict: RFC 7515 sections 5.2 and 7.1.

use obo_core::{BearerCredentials, TokenError, UnverifiedJwt};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::signer::{P256, b64};
use crate::token::{Token, seal};
use crate::validate::{refusal, verdict};

const TOO_FEW_OR_MANY: TokenError = TokenError::Malformed("it must have three segments");

fn parts(token: &str) -> [String; 3] {
    let parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

fn sealed(header: &str, payload: &str) -> String {
    seal(&P256, "ES256", header.as_bytes(), payload.as_bytes())
}

/// JW-09
#[test]
fn token_has_three_segments() {
    let token = Token::new().mint();
    verdict(&token).unwrap();
    let [header, payload, signature] = parts(&token);
    for bad in [
        header.clone(),
        format!("{header}.{payload}"),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
    ] {
        assert_eq!(refusal(&bad), TOO_FEW_OR_MANY, "{bad}");
    }
    for (bad, part) in [
        (format!(".{payload}.{signature}"), "header"),
        (format!("{header}..{signature}"), "payload"),
        ("..".to_owned(), "header"),
    ] {
        assert_eq!(refusal(&bad), TokenError::Malformed(part), "{bad}");
    }
    assert_eq!(
        refusal(&format!("{header}.{payload}.")),
        TokenError::Signature
    );
}

/// AT-08, JW-34
#[test]
fn encrypted_token_is_rejected() {
    let header = b64(r#"{"alg":"RSA-OAEP-256","enc":"A256GCM","kid":"rsa"}"#);
    for jwe in [
        format!("{header}.a2V5.aXY.dGV4dA.dGFn"),
        format!("{header}...."),
    ] {
        assert_eq!(refusal(&jwe), TOO_FEW_OR_MANY);
    }
    let enc = Token::new().header("enc", "\"A256GCM\"").mint();
    assert_eq!(refusal(&enc), TokenError::Header("enc"));
}

/// JW-09
#[test]
fn non_base64url_is_rejected() {
    let token = Token::new().mint();
    let [header, payload, signature] = parts(&token);
    for (i, part) in [&header, &payload, &signature].into_iter().enumerate() {
        for bad in [
            format!("{part}="),
            format!("{part}=="),
            format!("{part}\n"),
            format!(" {part}"),
            format!("{part}?"),
            format!("+{}", &part[1..]),
            format!("/{}", &part[1..]),
        ] {
            let mut changed = [header.clone(), payload.clone(), signature.clone()];
            changed[i] = bad.clone();
            verdict(&changed.join(".")).expect_err(&bad);
        }
    }
}

/// JW-09: the signature covers the text, so even the signer's own spelling must be rejected.
#[test]
fn other_base64_spelling_is_rejected() {
    let signed = |header: &str, claims: &str| {
        let message = format!("{header}.{claims}");
        let signature = b64(P256.sign("", message.as_bytes()));
        format!("{message}.{signature}")
    };
    // Until one byte is left over, so the last character has four bits too many.
    let spelled = |json: String| {
        let blanks = (0..3)
            .find(|blanks| (json.len() + blanks) % 3 == 1)
            .unwrap();
        b64(format!("{json}{}", " ".repeat(blanks)))
    };
    let token = Token::new()
        .header("x", "\"~~~???>>>\"")
        .claim("x", "\"~~~???>>>\"");
    let (header, claims) = (spelled(token.header_json()), spelled(token.claims_json()));
    verdict(&signed(&header, &claims)).unwrap();
    for respell in [
        |part: &str| part.replace(['-', '_'], "/"),
        |part: &str| part.replace('-', "+").replace('_', "/"),
        |part: &str| format!("{}{}", &part[..part.len() - 1], next(part)),
        |part: &str| format!("{part}~"),
    ] {
        let bad = respell(&header);
        assert_ne!(bad, header);
        assert_eq!(
            refusal(&signed(&bad, &claims)),
            TokenError::Malformed("header"),
            "{bad}"
        );
        let bad = respell(&claims);
        assert_ne!(bad, claims);
        assert_eq!(
            refusal(&signed(&header, &bad)),
            TokenError::Malformed("payload"),
            "{bad}"
        );
    }
}

/// The character with the same bits and one that should be zero.
fn next(part: &str) -> char {
    let last = part.as_bytes()[part.len() - 1];
    char::from(last + 1)
}

/// JW-09
#[test]
fn trailing_bits_must_be_zero() {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let token = Token::new().mint();
    let [header, payload, signature] = parts(&token);
    // 64 bytes are 86 characters. The last has four bits too many.
    let (rest, last) = signature.split_at(85);
    let value = ALPHABET
        .iter()
        .position(|c| *c == last.as_bytes()[0])
        .unwrap();
    for bits in 1..16 {
        let other = char::from(ALPHABET[value | bits]);
        let twin = format!("{header}.{payload}.{rest}{other}");
        assert_eq!(refusal(&twin), TokenError::Signature, "{other}");
    }
}

/// JW-10
#[test]
fn json_serialization_is_rejected() {
    let token = Token::new().mint();
    let [header, payload, signature] = parts(&token);
    for json in [
        format!(r#"{{"protected":"{header}","payload":"{payload}","signature":"{signature}"}}"#),
        format!(
            r#"{{"payload":"{payload}","signatures":[{{"protected":"{header}","signature":"{signature}"}}]}}"#
        ),
    ] {
        assert!(matches!(refusal(&json), TokenError::Credentials(_)));
        assert_eq!(refusal(&b64(&json)), TOO_FEW_OR_MANY);
    }
}

/// JW-09
#[test]
fn header_and_payload_are_json_objects() {
    let token = Token::new();
    let (header, claims) = (token.header_json(), token.claims_json());
    verdict(&sealed(&header, &claims)).unwrap();
    verdict(&sealed(&header, &format!(" {claims}\n"))).unwrap();
    for wrap in [
        |json: &str| format!("[{json}]"),
        |json: &str| format!("{json}{json}"),
        |json: &str| format!("{json}x"),
        |json: &str| format!("\u{feff}{json}"),
        |json: &str| format!("{json}\0"),
        |_: &str| "null".to_owned(),
        |_: &str| "\"text\"".to_owned(),
        |_: &str| "1".to_owned(),
        |_: &str| String::new(),
        |json: &str| json.trim_end_matches('}').to_owned(),
        |json: &str| json.replacen(',', ",,", 1),
        |json: &str| json.replacen('}', ",}", 1),
        |json: &str| json.replace('"', "'"),
        |json: &str| format!("/**/{json}"),
    ] {
        let bad = wrap(&claims);
        assert_eq!(
            refusal(&sealed(&header, &bad)),
            TokenError::Malformed("payload"),
            "{bad}"
        );
        let bad = wrap(&header);
        assert_eq!(
            refusal(&sealed(&bad, &claims)),
            TokenError::Malformed("header"),
            "{bad}"
        );
    }
}

/// JW-09
#[test]
fn text_must_be_utf8() {
    for bytes in [&b"\xff"[..], b"\xc3", b"\xed\xa0\x80", b"\xfe\xff"] {
        let payload = [b"{\"x\":\"", bytes, b"\"}"].concat();
        let token = Token::new().payload(payload).mint();
        assert_eq!(refusal(&token), TokenError::Malformed("payload"));
    }
    let surrogate = Token::new().claim("x", r#""\ud800""#).mint();
    assert_eq!(refusal(&surrogate), TokenError::Malformed("payload"));
}

/// JW-35
#[test]
fn token_size_is_limited() {
    let sized = |length: usize| {
        let text = format!("\"{}\"", "x".repeat(length));
        Token::new().claim("x", text).mint()
    };
    let token = sized(6_000);
    assert!((8_000..16_000).contains(&token.len()));
    verdict(&token).unwrap();
    for length in [13_000, 1 << 20] {
        assert_eq!(
            refusal(&sized(length)),
            TokenError::TooLong { limit: 16 * 1024 }
        );
    }
}

/// JW-35
#[test]
fn header_over_4_kib_is_rejected() {
    let sized = |length: usize| {
        let text = format!("\"{}\"", "x".repeat(length));
        Token::new().header("x", &text).mint()
    };
    let header = |token: &str| token.find('.').unwrap();
    let longest = (2_500..).find(|length| header(&sized(*length)) == 4096);
    let longest = longest.unwrap();
    verdict(&sized(longest)).unwrap();
    let limit = 4096;
    assert_eq!(refusal(&sized(longest + 1)), TokenError::TooLong { limit });
}

/// TX-27
#[test]
fn deep_json_does_not_overflow_stack() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        for depth in [200, 2_000] {
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            let unclosed = open.repeat(depth);
            for json in [&deep, &unclosed] {
                if json.len() < 10_000 {
                    let token = Token::new().claim("x", json.as_str()).mint();
                    assert_eq!(refusal(&token), TokenError::Malformed("payload"));
                }
                if json.len() < 2_500 {
                    let token = Token::new().header("x", json).mint();
                    assert_eq!(refusal(&token), TokenError::Malformed("header"));
                }
            }
        }
    }
    let unclosed = Token::new().claim("x", "[".repeat(10_000)).mint();
    assert_eq!(refusal(&unclosed), TokenError::Malformed("payload"));
    let shallow = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    verdict(&Token::new().claim("x", shallow).mint()).unwrap();
}

/// The `kid` and the issuer of a token.
type Shown = [Option<String>; 2];

/// What both ways to read credentials show of a token.
fn both(credentials: &[u8]) -> [Result<Shown, TokenError>; 2] {
    let Some(credentials) = BearerCredentials::of_authorization(credentials) else {
        panic!("the scheme is `Bearer`");
    };
    let shown = |jwt: UnverifiedJwt<'_>| {
        let texts = [jwt.kid(), jwt.issuer()];
        texts.map(|text| text.map(str::to_owned))
    };
    let in_two_steps = credentials.token().and_then(UnverifiedJwt::parse);
    let at_once = UnverifiedJwt::parse_credentials(credentials);
    [in_two_steps.map(shown), at_once.map(shown)]
}

/// BT-04
#[test]
fn credentials_are_read_alike() {
    let token = Token::new().mint();
    let [header, payload, signature] = parts(&token);
    let odd = |signature: &str| format!("Bearer {header}.{payload}.{signature}").into_bytes();
    let cases = [
        (odd(&signature), true),
        (odd(""), true),
        (odd("="), true),
        (odd("~+/=="), true),
        (odd("a=b"), false),
        (odd("a b"), false),
        (odd("a%"), false),
        (odd("\u{e4}"), false),
        (odd(&"a".repeat(17_000)), false),
        (b"Bearer opaque".to_vec(), false),
        (b"Bearer ".to_vec(), false),
        (b"Bearer \xff.\xff.\xff".to_vec(), false),
    ];
    for (credentials, is_read) in cases {
        let [in_two_steps, at_once] = both(&credentials);
        assert_eq!(in_two_steps, at_once, "{credentials:?}");
        assert_eq!(at_once.is_ok(), is_read, "{credentials:?}");
    }
}

proptest! {
    #[test]
    fn edited_credentials_are_read_alike(
        place in any::<Index>(),
        removed in 0..3_usize,
        added in proptest::collection::vec(any::<u8>(), 0..3),
    ) {
        let mut credentials = format!("Bearer {}", Token::new().mint()).into_bytes();
        let start = 7 + place.index(credentials.len() - 7);
        let end = credentials.len().min(start + removed);
        credentials.splice(start..end, added);
        let [in_two_steps, at_once] = both(&credentials);
        prop_assert_eq!(in_two_steps, at_once);
    }
}
