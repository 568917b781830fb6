//! Random names: `jti` values and key ids.

use aws_lc_rs::rand;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

pub(crate) fn jti() -> String {
    text::<16>()
}

pub(crate) fn text<const OCTETS: usize>() -> String {
    let mut octets = [0; OCTETS];
    rand::fill(&mut octets).expect("the system's random source");
    URL_SAFE_NO_PAD.encode(octets)
}
