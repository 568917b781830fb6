//! Any header in which a proxy passes on a client's certificate. The first byte selects the header.
//! A newline separates lines.
//!
//! The byte 1 stands for base64 of a certificate, 2 for its URL-encoded PEM text, 3 for its hash in
//! hex, and 4 for the hash of another one.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue};
use obo_core::binding::certificate::CertificateHeader;

use crate::world;

/// Bytes with the outer form of a certificate.
const DER: [u8; 12] = [0x30, 10, 2, 1, 0, 0xff, 0xfb, 0xef, 3, 4, 5, 6];

static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let base64 = STANDARD.encode(DER);
    let pem = format!("-----BEGIN CERTIFICATE-----\n{base64}\n-----END CERTIFICATE-----\n");
    let escaped = pem.bytes().map(|b| match b.is_ascii_alphanumeric() {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    });
    vec![base64, escaped.collect(), hex(&hash(&DER)), "ab".repeat(32)]
});

fn hash(der: &[u8]) -> [u8; 32] {
    digest(&SHA256, der).as_ref().try_into().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let all = CertificateHeader::ALL;
    let header = all[usize::from(*choice) % all.len()];
    let mut headers = HeaderMap::new();
    let mut lines = Vec::new();
    for line in rest.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(&world::with_tokens(line, &WORDS)) else {
            return;
        };
        headers.append(HeaderName::from_static(header.name()), value.clone());
        lines.push(value);
    }
    let lines: Option<Vec<&str>> = lines.iter().map(|line| line.to_str().ok()).collect();
    let read = header.read(&headers);
    if let Err(error) = &read {
        let text = format!("{error} {error:?} {}", error.code());
        assert!(!text.contains(char::is_control), "{text:?}");
        assert!(error.code().starts_with("certificate_"));
    }
    let Some(lines) = lines else {
        assert!(read.is_err(), "a line that is not ASCII is refused");
        return;
    };
    let last = lines.last().copied().unwrap_or_default();
    let last = last.trim_matches([' ', '\t']);
    let expected = match header {
        CertificateHeader::XForwardedClientCert => of_xfcc(last),
        _ if lines.len() > 1 => {
            assert!(read.is_err(), "several lines are refused");
            return;
        }
        CertificateHeader::ClientCert => of_byte_sequence(last),
        _ => of_pem(last),
    };
    match read {
        Ok(None) => assert_eq!(last, ""),
        Ok(found) => assert_eq!(found, expected, "{header} {lines:?}"),
        Err(_) => assert!(!is_certainly_good(header, &lines), "{header} {lines:?}"),
    }
}

/// The forms that must be accepted.
fn is_certainly_good(header: CertificateHeader, lines: &[&str]) -> bool {
    let [base64, pem, hash, _] = &WORDS[..] else {
        return false;
    };
    let [line] = lines else {
        return false;
    };
    match header {
        CertificateHeader::ClientCert => *line == format!(":{base64}:"),
        CertificateHeader::XSslClientCert => line == pem,
        _ => [
            format!("Hash={hash}"),
            format!("Cert=\"{pem}\""),
            format!("By=a;Hash={hash};Cert=\"{pem}\""),
        ]
        .contains(&(*line).to_owned()),
    }
}

fn of_byte_sequence(line: &str) -> Option<[u8; 32]> {
    let inner = line.strip_prefix(':')?.strip_suffix(':')?;
    Some(hash(&STANDARD.decode(inner).ok()?))
}

fn of_pem(text: &str) -> Option<[u8; 32]> {
    let mut parts = text.split('%');
    let mut pem = parts.next()?.as_bytes().to_vec();
    for part in parts {
        pem.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        pem.extend_from_slice(&part.as_bytes()[2..]);
    }
    let pem = String::from_utf8(pem).ok()?;
    if pem.matches("-----BEGIN").count() != 1 {
        return None;
    }
    let body = pem.trim_end().strip_prefix("-----BEGIN CERTIFICATE-----")?;
    let body = body.strip_suffix("-----END CERTIFICATE-----")?;
    let body: String = body.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    Some(hash(&STANDARD.decode(body).ok()?))
}

/// The hash in the last element, and otherwise that of its certificate; `None` unless both agree.
fn of_xfcc(line: &str) -> Option<[u8; 32]> {
    let pairs = split(split(line, ',').pop()?, ';');
    let value = |name: &str| {
        let mut found = pairs.iter().filter_map(|pair| pair.split_once('='));
        let (_, value) = found.find(|(key, _)| key.trim().eq_ignore_ascii_case(name))?;
        let quoted = value.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        Some(quoted.unwrap_or(value).replace('\\', ""))
    };
    let of_cert = match value("cert") {
        Some(cert) => Some(of_pem(&cert)?),
        None => None,
    };
    let of_hash = value("hash").map(|text| text.to_ascii_lowercase());
    let of_cert_in_hex = of_cert.map(|cert| hex(&cert));
    match (of_cert_in_hex, of_hash) {
        (Some(cert), Some(hash)) if cert != hash => None,
        (Some(_), _) => of_cert,
        (None, of_hash) => {
            let text = of_hash.filter(|text| text.len() == 64 && text.is_ascii())?;
            let byte = |i: usize| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok();
            let bytes: Option<Vec<u8>> = (0..32).map(byte).collect();
            bytes?.try_into().ok()
        }
    }
}

/// Splits outside of quotes.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut start, mut is_quoted, mut is_escaped) = (Vec::new(), 0, false, false);
    for (place, c) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if is_quoted && c == '\\' {
            is_escaped = true;
        } else if c == '"' {
            is_quoted = !is_quoted;
        } else if c == at && !is_quoted {
            parts.push(&text[start..place]);
            start = place + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}
