//! Random names: `jti` values and key ids.

use aws_lc_rs::rand;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

pub(crate) fn text<const OCTETS: usize>() -> String {
    let mut octets = [0; OCTETS];
    rand::fill(&mut octets).expect("the system's random source");
    BASE64_URL_SAFE_NO_PAD.encode(octets)
}
