//! Signatures that are nearly valid (RFC 7518 §3.3 to §3.5, RFC 8037 §3.1).

use crate::case::Case;
use crate::signer::{Signer, base64url};
use crate::target::Target;

pub(crate) fn cases(of: &Target<'_>) -> Vec<Case> {
    let mut cases = Vec::new();
    for key in of.at.keys.all() {
        let (header, claims) = of.segments(key.alg, &format!("{:?}", key.kid));
        let message = format!("{header}.{claims}");
        for (what, signature) in changed(key, &message) {
            let token = format!("{message}.{}", base64url(signature));
            cases.push(Case::invalid(format!("{}: {what}", key.alg), token));
        }
        cases.extend(of_other_texts(of, key));
    }
    cases.extend(ecdsa(of));
    cases
}

fn changed(key: &Signer, message: &str) -> Vec<(String, Vec<u8>)> {
    let good = key.sign(key.alg, message);
    let length = good.len();
    let mut changed = vec![
        ("nothing".to_owned(), Vec::new()),
        ("one byte".to_owned(), vec![0]),
        ("zeros".to_owned(), vec![0; length]),
        ("ones".to_owned(), vec![1; length]),
        ("highest bytes".to_owned(), vec![0xff; length]),
        ("half".to_owned(), good[..length / 2].to_vec()),
        ("other half".to_owned(), good[length / 2..].to_vec()),
        ("a byte less".to_owned(), good[..length - 1].to_vec()),
        ("its first byte missing".to_owned(), good[1..].to_vec()),
        ("a zero more".to_owned(), [&good[..], &[0]].concat()),
        ("a zero before".to_owned(), [&[0], &good[..]].concat()),
        ("twice".to_owned(), [&good[..], &good].concat()),
        ("reversed".to_owned(), good.iter().rev().copied().collect()),
        (
            "halves swapped".to_owned(),
            [&good[length / 2..], &good[..length / 2]].concat(),
        ),
        (
            "as hex".to_owned(),
            good.iter()
                .flat_map(|b| format!("{b:02x}").into_bytes())
                .collect(),
        ),
        ("as base64url".to_owned(), base64url(&good).into_bytes()),
        (
            "the message".to_owned(),
            message.as_bytes()[..length].to_vec(),
        ),
        ("of 1,026 bytes".to_owned(), vec![7; 1026]),
        ("of 1,027 bytes".to_owned(), vec![7; 1027]),
        ("of 4,000 bytes".to_owned(), vec![7; 4000]),
    ];
    for at in [
        0,
        1,
        length / 4,
        length / 2 - 1,
        length / 2,
        length - 2,
        length - 1,
    ] {
        for bit in [0, 7] {
            let mut flipped = good.clone();
            flipped[at] ^= 1 << bit;
            changed.push((format!("bit {bit} of byte {at}"), flipped));
        }
    }
    changed
}

/// A signature of another text, by the right key.
fn of_other_texts(of: &Target<'_>, key: &Signer) -> Vec<Case> {
    let kid = format!("{:?}", key.kid);
    let (header, claims) = of.segments(key.alg, &kid);
    let message = format!("{header}.{claims}");
    let admin = of.at.draft().claim("sub", r#""admin""#).claims.json();
    let admin = format!("{header}.{}", base64url(admin));
    let mut cases = Vec::new();
    for (what, signed) in [
        ("another payload", admin.clone()),
        ("the header", header.clone()),
        ("the payload", claims.clone()),
        ("nothing", String::new()),
        ("a dot more", format!("{message}.")),
        ("the JSON", of.at.draft().claims.json()),
        (
            "header and payload without a dot",
            format!("{header}{claims}"),
        ),
        ("all in lower case", message.to_lowercase()),
    ] {
        let signature = base64url(key.sign(key.alg, &signed));
        cases.push(Case::invalid(
            format!("{}: signature of {what}", key.alg),
            format!("{message}.{signature}"),
        ));
    }
    let signature = base64url(key.sign(key.alg, &message));
    cases.push(Case::invalid(
        format!("{}: another payload under it", key.alg),
        format!("{admin}.{signature}"),
    ));
    // Flips bits of header and payload so that they stay base64url.
    for at in [
        3,
        header.len() / 2,
        header.len() + 5,
        header.len() + claims.len() / 2,
        message.len() - 2,
    ] {
        let mut flipped = message.clone().into_bytes();
        flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        cases.push(Case::invalid(
            format!("{}: letter {at} is another", key.alg),
            format!("{flipped}.{signature}"),
        ));
    }
    cases
}

/// The order of P-256.
const N: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn ecdsa(of: &Target<'_>) -> Vec<Case> {
    let key = &of.at.keys.es;
    let (header, claims) = of.segments("ES256", r#""k-es""#);
    let message = format!("{header}.{claims}");
    let good = key.sign("ES256", &message);
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    let one = {
        let mut one = zero;
        one[31] = 1;
        one
    };
    let integer = |number: &[u8]| {
        let padded = if number[0] >= 0x80 {
            [&[0], number].concat()
        } else {
            number.to_vec()
        };
        [&[2, u8::try_from(padded.len()).unwrap()], &padded[..]].concat()
    };
    let both = [integer(r), integer(s)].concat();
    let der = [&[0x30, u8::try_from(both.len()).unwrap()], &both[..]].concat();
    let mut cases = Vec::new();
    for (what, signature) in [
        ("r and s are 0", [zero, zero].concat()),
        ("r is 0", [&zero, s].concat()),
        ("s is 0", [r, &zero].concat()),
        ("r and s are 1", [one, one].concat()),
        ("r and s are the order", [N, N].concat()),
        ("r is the order", [&N, s].concat()),
        ("s is the order", [r, &N].concat()),
        ("r is 0 and s is 1", [zero, one].concat()),
        ("r is 1 and s is 0", [one, zero].concat()),
        ("s plus the order, in 33 bytes", [r, &[1], s].concat()),
        ("DER", der.clone()),
        ("DER of zeros", vec![0x30, 6, 2, 1, 0, 2, 1, 0]),
        (
            "padded to the length of P-384",
            [&[0; 16], r, &[0; 16], s].concat(),
        ),
    ] {
        cases.push(Case::invalid(
            format!("ES256: {what}"),
            format!("{message}.{}", base64url(signature)),
        ));
    }
    // By the standard, both possible values of s are valid.
    let high = [r, &minus(&N, s)].concat();
    cases.push(Case::control(
        "ES256: the other s",
        format!("{message}.{}", base64url(high)),
    ));
    cases
}

/// The difference of two numbers, the first of which is greater.
fn minus(from: &[u8], what: &[u8]) -> Vec<u8> {
    let mut borrow = false;
    let digits = from.iter().zip(what).rev().map(|(a, b)| {
        let (digit, first) = a.overflowing_sub(*b);
        let (digit, second) = digit.overflowing_sub(u8::from(borrow));
        borrow = first || second;
        digit
    });
    let mut digits: Vec<u8> = digits.collect();
    digits.reverse();
    digits
}
