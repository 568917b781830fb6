//! When the certificates of a PEM text are valid (RFC 5280 section 4.1.2.5).

use std::time::{SystemTime, UNIX_EPOCH};

/// When all certificates of a chain are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) from: SystemTime,
    pub(crate) until: SystemTime,
}

impl Validity {
    /// `None` if the text has no certificate, or one that cannot be read.
    pub(crate) fn of_pem(chain: &str) -> Option<Self> {
        let blocks = pem::parse_many(chain).ok()?;
        let certificates = blocks.iter().filter(|block| block.tag() == "CERTIFICATE");
        let mut all = certificates.map(|block| Self::of_der(block.contents()));
        let first = all.next()??;
        all.try_fold(first, |whole, next| {
            let next = next?;
            Some(Self {
                from: whole.from.max(next.from),
                until: whole.until.min(next.until),
            })
        })
    }

    fn of_der(der: &[u8]) -> Option<Self> {
        let (SEQUENCE, certificate, _) = value(der)? else {
            return None;
        };
        let (SEQUENCE, mut fields, _) = value(certificate)? else {
            return None;
        };
        if let (VERSION, _, rest) = value(fields)? {
            fields = rest;
        }
        // The serial number, the algorithm of the signature, and the issuer.
        for _ in 0..3 {
            fields = value(fields)?.2;
        }
        let (SEQUENCE, times, _) = value(fields)? else {
            return None;
        };
        let (form, from, rest) = value(times)?;
        let from = time(form, from)?;
        let (form, until, _) = value(rest)?;
        let until = time(form, until)?;
        Some(Self { from, until })
    }
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The tag of the first value, its content, and what follows.
fn value(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let (length, rest) = match length {
        ..=0x7f => (usize::from(length), rest),
        0x81..=0x83 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(length - 0x80))?;
            let length = bytes
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

/// A time to the second, in UTC. Before 1970 is 1970.
fn time(form: u8, text: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(text).ok()?;
    let (year, rest) = match form {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let century = if year < "50" { "20" } else { "19" };
            (format!("{century}{year}"), rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.to_owned(), rest)
        }
        _ => return None,
    };
    let digits = rest.strip_suffix('Z')?;
    let is_time =
        digits.len() == 10 && (year.bytes().chain(digits.bytes())).all(|it| it.is_ascii_digit());
    if !is_time {
        return None;
    }
    if *year < *"1970" {
        return Some(UNIX_EPOCH);
    }
    let part = |at: usize| digits.get(at..at + 2).unwrap_or_default();
    let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(part);
    let text = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    humantime::parse_rfc3339(&text).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

    use obo_testkit::TestCertificate;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(from: i32, until: i32) -> String {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.not_before = date_time_ymd(from, 1, 2);
        params.not_after = date_time_ymd(until, 3, 4);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    fn years(chain: &str) -> Option<[String; 2]> {
        let read = Validity::of_pem(chain)?;
        Some([read.from, read.until].map(|it| humantime::format_rfc3339(it).to_string()))
    }

    #[test]
    fn validity_is_read() {
        let expected = |from: &str, until: &str| {
            let times = [(from, "01-02"), (until, "03-04")];
            Some(times.map(|(year, day)| format!("{year}-{day}T00:00:00Z")))
        };
        // Both forms of a time, from 1950 on and from 2050 on.
        assert_eq!(years(&certificate(2026, 2049)), expected("2026", "2049"));
        assert_eq!(years(&certificate(1999, 2050)), expected("1999", "2050"));
        let chain = certificate(2026, 2049) + &certificate(2027, 2040);
        assert_eq!(years(&chain), expected("2027", "2040"));
        let before = years(&certificate(1951, 2040)).unwrap();
        assert!(before[0].starts_with("1970"), "{before:?}");
        assert_eq!(years("no certificate"), None);
    }

    #[test]
    fn part_of_certificate_is_not_read() {
        let own = TestCertificate::self_signed("a.example");
        let whole = own.der();
        assert!(Validity::of_der(whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(Validity::of_der(&whole[..end]), None);
        }
    }
}
