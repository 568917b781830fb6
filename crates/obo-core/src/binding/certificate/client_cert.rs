use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{CertificateError, checked_der, thumbprint};

/// Reads a byte sequence of DER (RFC 9440 section 2.1, RFC 8941 section 3.3.5), without parameters.
pub(super) fn read(value: &str) -> Result<[u8; 32], CertificateError> {
    if value.contains('%') || value.contains("-----") {
        return Err(CertificateError::Pem);
    }
    if value.contains(',') {
        return Err(CertificateError::List);
    }
    let inner = value.strip_prefix(':').and_then(|it| it.strip_suffix(':'));
    let inner = inner.filter(|inner| !inner.contains(':'));
    let inner = inner.ok_or(CertificateError::ByteSequence)?;
    let der = STANDARD.decode(inner);
    let der = der.map_err(|_| CertificateError::Base64)?;
    Ok(thumbprint(&checked_der(der)?))
}
