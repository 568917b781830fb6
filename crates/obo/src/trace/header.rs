//! The headers `traceparent` and `tracestate`, strict (W3C Trace Context level 1).

use std::collections::HashSet;

use http::{HeaderMap, HeaderName, HeaderValue};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(super) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// The length of version 00.
const LENGTH: usize = 55;
/// The most members of a `tracestate`.
const MEMBERS: usize = 32;

/// What requests of one trace have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace_id: u128,
    pub(super) is_sampled: bool,
}

impl Parent {
    /// Reads the one `traceparent`; `None` without exactly one that is valid.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all(TRACEPARENT).iter();
        let (line, None) = (lines.next()?, lines.next()) else {
            return None;
        };
        Self::parse(line.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let (known, rest) = (text.get(..LENGTH)?, text.get(LENGTH..)?);
        let mut fields = known.split('-');
        let version = hex(fields.next()?, 2)?;
        let (trace_id, parent_id) = (hex(fields.next()?, 32)?, hex(fields.next()?, 16)?);
        let flags = hex(fields.next()?, 2)?;
        // A later version may add fields.
        let fits = rest.is_empty() || version > 0 && rest.starts_with('-');
        let is_valid = version != 0xff && trace_id != 0 && parent_id != 0 && fits;
        (is_valid && fields.next().is_none()).then_some(Self {
            trace_id,
            is_sampled: flags & 1 == 1,
        })
    }

    /// The header of a request that is sent, as the span `parent_id`.
    pub(super) fn header(self, parent_id: u64) -> Option<HeaderValue> {
        let flags = u8::from(self.is_sampled);
        let text = format!("00-{:032x}-{parent_id:016x}-{flags:02x}", self.trace_id);
        HeaderValue::from_maybe_shared(text.into_bytes()).ok()
    }
}

/// A number of exactly so many lowercase hexadecimal digits.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let is_valid = text.len() == digits && text.bytes().all(is_digit);
    is_valid.then(|| u128::from_str_radix(text, 16).ok())?
}

/// The members of all `tracestate` headers in one; `None` without members, or if one is wrong.
pub(super) fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let (mut members, mut keys) = (Vec::new(), HashSet::new());
    for line in headers.get_all(TRACESTATE) {
        for member in line.to_str().ok()?.split(',') {
            let member = member.trim_matches([' ', '\t']);
            if member.is_empty() {
                continue;
            }
            let (key, value) = member.split_once('=')?;
            if !is_key(key) || !is_value(value) || !keys.insert(key) {
                return None;
            }
            members.push(member);
        }
    }
    let is_fit = (1..=MEMBERS).contains(&members.len());
    is_fit.then(|| HeaderValue::from_str(&members.join(",")).ok())?
}

/// `vendor`, or `tenant@vendor`.
fn is_key(key: &str) -> bool {
    let is_part = |part: &str, most: usize, may_start_with_digit: bool| {
        let is_rest = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'*' | b'/');
        let start = part.bytes().next();
        let starts_right = start
            .is_some_and(|b| b.is_ascii_lowercase() || may_start_with_digit && b.is_ascii_digit());
        starts_right && part.len() <= most && part.bytes().all(is_rest)
    };
    match key.split_once('@') {
        Some((tenant, vendor)) => is_part(tenant, 241, true) && is_part(vendor, 14, false),
        None => is_part(key, 256, false),
    }
}

fn is_value(value: &str) -> bool {
    let is_character = |b: u8| matches!(b, b' '..=b'~') && b != b',' && b != b'=';
    (1..=256).contains(&value.len()) && value.bytes().all(is_character) && !value.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(HeaderName, &str)]) -> HeaderMap {
        let pairs = pairs.iter();
        let pairs = pairs.map(|(name, value)| (name.clone(), value.parse().unwrap()));
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn valid_parents_are_read() {
        let parent = Parent::parse(GOOD).unwrap();
        assert_eq!(parent.trace_id, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert!(parent.is_sampled);
        let sent = parent.header(7).unwrap();
        let expected = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000007-01";
        assert_eq!(sent, expected);
        for (flags, is_sampled) in [("00", false), ("02", false), ("03", true), ("ff", true)] {
            let text = format!("{}{flags}", &GOOD[..53]);
            assert_eq!(Parent::parse(&text).unwrap().is_sampled, is_sampled);
        }
        for later in [
            GOOD.replacen("00", "cc", 1),
            format!("01{}-more", &GOOD[2..]),
        ] {
            assert!(Parent::parse(&later).is_some(), "{later}");
        }
    }

    #[test]
    fn invalid_parents_are_ignored() {
        let longer = format!("01{}.more", &GOOD[2..]);
        for bad in [
            "",
            "00",
            &GOOD[..54],
            &format!("{GOOD}-more"),
            &format!("{GOOD} "),
            &GOOD.to_uppercase(),
            &GOOD.replacen("00", "ff", 1),
            &GOOD.replacen("4bf9", "4BF9", 1),
            &GOOD.replacen('-', "_", 1),
            &GOOD.replacen("-00f0", "0-0f0", 1),
            &GOOD.replacen("4bf9", "+bf9", 1),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            &longer,
        ] {
            assert_eq!(Parent::parse(bad), None, "{bad}");
        }
        let twice = headers(&[(TRACEPARENT, GOOD), (TRACEPARENT, GOOD)]);
        assert_eq!(Parent::of(&twice), None);
        assert_eq!(Parent::of(&headers(&[])), None);
    }

    #[test]
    fn valid_states_are_joined() {
        let of = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| (TRACESTATE, *line)).collect();
            state(&headers(&lines)).map(|state| state.to_str().unwrap().to_owned())
        };
        assert_eq!(of(&["a=1, b=2", "3t@c=x y"]).unwrap(), "a=1,b=2,3t@c=x y");
        assert_eq!(of(&["a=1,,\t", ""]).unwrap(), "a=1");
        let most: Vec<_> = (0..32).map(|n| format!("k{n}=v")).collect();
        assert!(of(&[&most.join(",")]).is_some());
        let long = format!("k={}", "v".repeat(257));
        let more = format!("{},k32=v", most.join(","));
        for bad in [
            "a", "a=", "=a", "A=1", "1a=1", "a=1=2", "a=1,a=2", "a@=1", "@a=1", "t@1=1", "a b=1",
            &*long, &*more, "",
        ] {
            assert_eq!(of(&[bad]), None, "{bad}");
        }
        assert_eq!(of(&["a=1", "b"]), None);
    }
}
