use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{CertificateError, checked_der};

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Reads the DER of one certificate from a URL-encoded PEM text (RFC 7468 section 5).
pub(super) fn read(value: &str) -> Result<Vec<u8>, CertificateError> {
    let pem = decoded(value)?;
    let wrong = |problem| Err(CertificateError::PemText(problem));
    let text = pem.trim_end_matches(['\r', '\n']);
    if !text.starts_with("-----BEGIN ") {
        return wrong("no line `-----BEGIN CERTIFICATE-----` at the start");
    }
    let Some(rest) = text.strip_prefix(BEGIN) else {
        return wrong("its label is not `CERTIFICATE`");
    };
    let Some((body, after)) = rest.split_once(END) else {
        return wrong("no line `-----END CERTIFICATE-----`; it is cut");
    };
    if !after.is_empty() {
        return wrong("it has more than one certificate");
    }
    let base64: String = body.lines().collect();
    match STANDARD.decode(base64) {
        Ok(der) => checked_der(der),
        Err(_) => wrong("its content is not base64"),
    }
}

/// Decodes `%` and two hex digits. A plus sign stands for itself, because base64 has it.
fn decoded(value: &str) -> Result<String, CertificateError> {
    let wrong = |problem| CertificateError::UrlEncoding(problem);
    if value.contains([' ', '\t']) {
        return Err(wrong("it has blanks"));
    }
    let (mut text, mut rest) = (Vec::with_capacity(value.len()), value);
    while let Some((plain, escaped)) = rest.split_once('%') {
        text.extend_from_slice(plain.as_bytes());
        let cut = || wrong("a `%` without two hex digits");
        let (digits, after) = escaped.split_at_checked(2).ok_or_else(cut)?;
        // `from_str_radix` accepts a sign.
        let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let byte = u8::from_str_radix(digits, 16).ok().filter(|_| is_hex);
        text.push(byte.ok_or_else(cut)?);
        rest = after;
    }
    text.extend_from_slice(rest.as_bytes());
    let text = String::from_utf8(text).ok().filter(|text| text.is_ascii());
    text.ok_or_else(|| wrong("the decoded text is not ASCII"))
}
