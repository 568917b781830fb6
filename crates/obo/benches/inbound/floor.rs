//! The minimum work: one signature verification, and one SHA-256 of the token.

use std::cell::Cell;
use std::hint::black_box;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo_testkit::{TestAlg, TestKey};

/// A processor learns the branches of one signature, but not of so many.
const MOST: usize = 256;

pub(crate) struct Floor {
    key: ParsedPublicKey,
    token: String,
    signed: Vec<Signed>,
    turn: Cell<usize>,
}

struct Signed {
    message: Vec<u8>,
    signature: Vec<u8>,
}

impl Floor {
    /// `tokens` are verified in turn: as many different ones as the row has.
    pub(crate) fn new(key: &TestKey, tokens: &[String]) -> Self {
        let signed = |token: &String| {
            let (message, signature) = token.rsplit_once('.').unwrap();
            Signed {
                message: message.as_bytes().to_vec(),
                signature: URL_SAFE_NO_PAD.decode(signature).unwrap(),
            }
        };
        Self {
            key: parsed(key),
            token: tokens[0].clone(),
            signed: tokens.iter().take(MOST).map(signed).collect(),
            turn: Cell::new(0),
        }
    }

    pub(crate) fn verify(&self) {
        let turn = self.turn.replace(self.turn.get() + 1);
        let Signed { message, signature } = &self.signed[turn % self.signed.len()];
        self.key.verify_sig(message, signature).unwrap();
    }

    pub(crate) fn hash(&self) {
        black_box(digest(&SHA256, black_box(self.token.as_bytes())));
    }
}

fn parsed(key: &TestKey) -> ParsedPublicKey {
    let jwk = key.public_jwk("bench");
    let member = |name: &str| {
        let text = jwk[name].as_str().unwrap();
        URL_SAFE_NO_PAD.decode(text).unwrap()
    };
    match key.alg() {
        TestAlg::Rs256 => {
            let (n, e) = (member("n"), member("e"));
            let components = RsaPublicKeyComponents { n: &n, e: &e };
            let der = components.as_der().unwrap();
            ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der.as_ref()).unwrap()
        }
        TestAlg::Es256 => {
            let point = [vec![4], member("x"), member("y")].concat();
            ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).unwrap()
        }
        _ => ParsedPublicKey::new(&ED25519, member("x")).unwrap(),
    }
}
