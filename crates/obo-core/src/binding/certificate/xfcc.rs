//! `x-forwarded-client-cert`: elements with commas between them, one for each proxy; each has pairs
//! with semicolons between them.

use super::{CertificateError, pem_text, thumbprint};

/// Reads the last element. All others must be well-formed too, because a part of an earlier element
/// could otherwise become the last one.
pub(super) fn read(value: &str) -> Result<[u8; 32], CertificateError> {
    let mut rest = value;
    loop {
        let (mut hash, mut cert) = (None, None);
        // One element.
        let is_last = loop {
            let (name, text, after) = pair(rest)?;
            let mut other = None;
            let (slot, name) = if name.eq_ignore_ascii_case("hash") {
                (&mut hash, "Hash")
            } else if name.eq_ignore_ascii_case("cert") {
                (&mut cert, "Cert")
            } else {
                (&mut other, "")
            };
            if slot.replace(text).is_some() {
                return Err(CertificateError::Twice(name));
            }
            let mut ahead = after.chars();
            match ahead.next() {
                None => break true,
                Some(',') => {
                    rest = ahead.as_str().trim_start_matches([' ', '\t']);
                    break false;
                }
                Some(';') => rest = ahead.as_str(),
                Some(_) => return Err(CertificateError::Element("text after a quoted value")),
            }
        };
        if !is_last {
            continue;
        }
        let hash = hash.map(|hash| of_hex(&hash)).transpose()?;
        let der = cert.map(|cert| pem_text::read(&cert)).transpose()?;
        return match (hash, der.map(|der| thumbprint(&der))) {
            (Some(hash), Some(cert)) if hash != cert => Err(CertificateError::Disagree),
            (Some(thumbprint), _) | (None, Some(thumbprint)) => Ok(thumbprint),
            (None, None) => Err(CertificateError::NoCertificate),
        };
    }
}

/// A key and its value at the start of the text, and the rest.
fn pair(text: &str) -> Result<(&str, String, &str), CertificateError> {
    let wrong = CertificateError::Element;
    let (name, rest) = text.split_once('=').ok_or(wrong("a pair without `=`"))?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(wrong("a key that is not a word"));
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        let end = rest.find([',', ';']).unwrap_or(rest.len());
        let (value, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        return match value.contains(['"', '=', ' ', '\t']) {
            true => Err(wrong("a value that needs quotes and has none")),
            false => Ok((name, value.to_owned(), rest)),
        };
    };
    let (mut value, mut chars) = (String::new(), quoted.chars());
    loop {
        match chars.next() {
            Some('"') => return Ok((name, value, chars.as_str())),
            Some('\\') => value.extend(chars.next()),
            Some(c) => value.push(c),
            None => return Err(wrong("a quote that is not closed")),
        }
    }
}

/// SHA-256 in hex.
fn of_hex(text: &str) -> Result<[u8; 32], CertificateError> {
    // `from_str_radix` accepts a sign.
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(CertificateError::Hash);
    }
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = str::from_utf8(digits).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).map_err(|_| CertificateError::Hash)?;
    }
    Ok(hash)
}
