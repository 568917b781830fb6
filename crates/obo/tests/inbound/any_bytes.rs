//! Any bytes as credentials: no panic, no admission, and a 4xx status.

use std::sync::LazyLock;

use proptest::prelude::*;
use tokio::runtime::{Builder, Runtime};

use crate::guarded::Guarded;
use crate::issuer::FakeIssuer;

struct Running {
    runtime: Runtime,
    guarded: Guarded,
    token: String,
}

static RUNNING: LazyLock<Running> = LazyLock::new(|| {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (guarded, token) = runtime.block_on(async {
        let idp = FakeIssuer::new().await;
        let (guarded, token) = (Guarded::by(idp.known()), idp.token().mint());
        // Created here, because tests run in parallel and this one counts its admitted requests.
        assert_eq!(guarded.status(&token).await, 200);
        (guarded, token)
    });
    Running {
        runtime,
        guarded,
        token,
    }
});

impl Running {
    fn refuses(&self, line: &[u8]) -> Result<(), TestCaseError> {
        let before = self.guarded.admitted();
        let response = self.runtime.block_on(self.guarded.with(line));
        prop_assert!(
            matches!(response.status().as_u16(), 400 | 401),
            "{}",
            response.status()
        );
        prop_assert_eq!(response.body(), "");
        prop_assert_eq!(self.guarded.admitted(), before);
        Ok(())
    }
}

/// All bytes that a header value may have.
fn header_bytes(length: usize) -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("no control character", |b| {
        *b == b'\t' || (*b >= 0x20 && *b != 0x7f)
    });
    proptest::collection::vec(byte, 0..length)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_header_is_rejected(line in header_bytes(200)) {
        RUNNING.refuses(&line)?;
    }

    #[test]
    fn any_token_is_rejected(token in header_bytes(400)) {
        RUNNING.refuses(&[b"Bearer ".as_slice(), &token].concat())?;
    }

    #[test]
    fn any_three_segments_are_rejected(header in any::<Vec<u8>>(), payload in any::<Vec<u8>>()) {
        let header = base64url(&header);
        let payload = base64url(&payload);
        RUNNING.refuses(format!("Bearer {header}.{payload}.AAAA").as_bytes())?;
    }

    #[test]
    fn token_with_changed_byte_is_rejected(
        position in any::<prop::sample::Index>(),
        byte in 0x21_u8..0x7f,
    ) {
        let mut token = RUNNING.token.clone().into_bytes();
        let position = position.index(token.len());
        prop_assume!(token[position] != byte);
        token[position] = byte;
        RUNNING.refuses(&[b"Bearer ".as_slice(), &token].concat())?;
    }

    #[test]
    fn part_of_a_token_is_rejected(cut in any::<prop::sample::Index>()) {
        let token = RUNNING.token.as_bytes();
        RUNNING.refuses(&[b"Bearer ".as_slice(), &token[..cut.index(token.len())]].concat())?;
    }
}

#[test]
fn unchanged_token_is_valid() {
    assert_eq!(RUNNING.guarded.admitted(), 1);
}

fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = |chunk: &[u8]| {
        chunk
            .iter()
            .fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte))
    };
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = bits(chunk) << (8 * (3 - chunk.len()));
        for i in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(bits >> (18 - 6 * i)) as usize & 63]));
        }
    }
    text
}
