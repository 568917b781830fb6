//! Base64url (RFC 7515 section 2), strict: no padding, no other characters, no bits left over.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::NO_PAD;

/// The engine that uses SIMD where the processor has it. All engines accept the same texts.
#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_feature = "neon")
))]
mod fastest {
    pub(super) use base64::engine::Simd as Engine;

    pub(super) fn engine() -> Engine {
        Engine::url_safe(super::NO_PAD)
    }
}

#[cfg(not(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_feature = "neon")
)))]
mod fastest {
    pub(super) use base64::engine::GeneralPurpose as Engine;

    pub(super) fn engine() -> Engine {
        Engine::new(&base64::alphabet::URL_SAFE, super::NO_PAD)
    }
}

static ENGINE: LazyLock<fastest::Engine> = LazyLock::new(fastest::engine);

pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    ENGINE.decode(text).ok()
}

/// Decodes and appends to `to`.
pub(crate) fn decode_onto(text: &str, to: &mut Vec<u8>) -> Option<()> {
    ENGINE.decode_vec(text, to).ok()
}

/// Decodes into the start of `room`, which must be up to two bytes longer than the result.
pub(crate) fn decode_into<'r>(text: &str, room: &'r mut [u8]) -> Option<&'r [u8]> {
    let length = ENGINE.decode_slice(text, room).ok()?;
    room.get(..length)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    /// JW-09
    #[test]
    fn fast_decoder_matches_plain_one() {
        let bytes: Vec<u8> = (0..150_u8).map(|i| i.wrapping_mul(151)).collect();
        for length in 0..=bytes.len() {
            let bytes = &bytes[..length];
            let text = URL_SAFE_NO_PAD.encode(bytes);
            assert_eq!(decode(&text).as_deref(), Some(bytes));
        }
        for length in [4, 63, 64, 95, 96, 110, 148, 150] {
            let text = URL_SAFE_NO_PAD.encode(&bytes[..length]);
            for place in 0..text.len() {
                for other in ('\0'..='\u{7f}').chain(['\u{e9}', '\u{2013}']) {
                    let mut changed = text.clone();
                    changed.replace_range(place..=place, other.encode_utf8(&mut [0; 4]));
                    let expected = URL_SAFE_NO_PAD.decode(&changed).ok();
                    assert_eq!(decode(&changed), expected, "{place} {other:?}");
                }
            }
            for end in ["=", "==", "A", "\n"] {
                let longer = text.clone() + end;
                assert_eq!(decode(&longer), URL_SAFE_NO_PAD.decode(&longer).ok());
            }
        }
    }
}
