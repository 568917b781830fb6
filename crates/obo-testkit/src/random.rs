//! Random names: `jti` values and key ids.

use aws_lc_rs::rand;

use crate::base64url;

pub(crate) fn text<const OCTETS: usize>() -> String {
    let mut octets = [0; OCTETS];
    rand::fill(&mut octets).expect("the system's random source");
    base64url::encode(&octets)
}
