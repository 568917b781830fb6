//! The certificate to which a token is bound (RFC 8705 section 3), and the headers in which a proxy
//! that ends the TLS connection passes it on.
//!
//! Such a header counts only on a connection from that proxy. From anywhere else, the sender has
//! written it: do not read it, and remove it.

mod client_cert;
mod error;
mod pem_text;
mod xfcc;

pub use error::CertificateError;

use std::fmt;

use http::HeaderMap;

use crate::jose::crypto::digest;

/// The longest header that is read, in bytes.
const MAX: usize = 32 * 1024;

/// SHA-256 of a certificate in DER: the `x5t#S256` of a token that is bound to it (RFC 8705 section
/// 3.1). It is computed over DER, never over PEM text.
pub fn thumbprint(der: &[u8]) -> [u8; 32] {
    digest(der)
}

/// The [`thumbprint`] of the first certificate of a PEM text, which is the owner's in a chain.
/// `None` without a certificate.
pub fn thumbprint_of_pem(text: &str) -> Option<[u8; 32]> {
    let blocks = pem::parse_many(text).ok()?;
    let own = blocks.iter().find(|block| block.tag() == "CERTIFICATE")?;
    Some(thumbprint(own.contents()))
}

/// A header in which a proxy passes on the client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CertificateHeader {
    /// `Client-Cert` (RFC 9440): DER as a byte sequence of structured fields.
    ClientCert,
    /// `x-forwarded-client-cert`, as Envoy writes it. Its last element is that of the nearest proxy.
    XForwardedClientCert,
    /// `x-ssl-client-cert`: a URL-encoded PEM text.
    XSslClientCert,
}

impl CertificateHeader {
    /// All headers.
    pub const ALL: [Self; 3] = [
        Self::ClientCert,
        Self::XForwardedClientCert,
        Self::XSslClientCert,
    ];

    /// The name of the header, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::ClientCert => "client-cert",
            Self::XForwardedClientCert => "x-forwarded-client-cert",
            Self::XSslClientCert => "x-ssl-client-cert",
        }
    }

    /// The header with this name, compared without case.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|header| header.name().eq_ignore_ascii_case(name))
    }

    /// The SHA-256 of the certificate in the header; `None` if there is no such header, or if it is
    /// empty because the client has no certificate.
    ///
    /// Call it only for a connection from the proxy that writes the header.
    ///
    /// # Errors
    ///
    /// Fails for a header that is malformed or ambiguous. Such a request must be refused.
    pub fn read(self, headers: &HeaderMap) -> Result<Option<[u8; 32]>, CertificateError> {
        let mut found = None;
        for line in headers.get_all(self.name()) {
            if line.len() > MAX {
                return Err(CertificateError::TooLong { limit: MAX });
            }
            // Only this header is a list, so several lines of it are one (RFC 9110 section 5.3), and
            // the last element is that of the nearest proxy. An empty last line counts: that proxy
            // saw no certificate, and the lines before may be the client's.
            if found.is_some() && self != Self::XForwardedClientCert {
                return Err(CertificateError::SeveralLines);
            }
            let line = line.to_str().map_err(|_| CertificateError::NotAscii)?;
            let line = line.trim_matches([' ', '\t']);
            found = Some(match (line, self) {
                ("", _) => None,
                (line, Self::ClientCert) => Some(client_cert::read(line)?),
                (line, Self::XForwardedClientCert) => Some(xfcc::read(line)?),
                (line, Self::XSslClientCert) => Some(thumbprint(&pem_text::read(line)?)),
            });
        }
        Ok(found.flatten())
    }
}

impl fmt::Display for CertificateHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Checks that the bytes are one value of DER that is a sequence, as a certificate is.
fn checked_der(der: Vec<u8>) -> Result<Vec<u8>, CertificateError> {
    let length = match der.as_slice() {
        [0x30, 0x82, high, low, rest @ ..] if *high != 0 => {
            usize::from(u16::from_be_bytes([*high, *low])) == rest.len()
        }
        [0x30, 0x81, length, rest @ ..] if *length >= 0x80 => usize::from(*length) == rest.len(),
        [0x30, length, rest @ ..] if *length < 0x80 => usize::from(*length) == rest.len(),
        _ => false,
    };
    match length {
        true => Ok(der),
        false => Err(CertificateError::NotDer),
    }
}

#[cfg(test)]
mod tests;
