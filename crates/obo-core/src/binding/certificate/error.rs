/// Why the header with a client's certificate is refused. No variant holds bytes of the header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// Longer than the limit.
    #[error("the header is longer than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The header occurs more than once.
    #[error("the header occurs more than once; the proxy must replace it and not add to it")]
    SeveralLines,
    /// It has bytes outside of visible ASCII.
    #[error("the header has bytes outside of visible ASCII")]
    NotAscii,
    /// `Client-Cert` is a list.
    #[error("the header is a list; expected one byte sequence (RFC 9440 section 2.2)")]
    List,
    /// `Client-Cert` has PEM or URL-encoded text.
    #[error(
        "the header has PEM text; expected base64 of DER between colons (RFC 9440 section 2.1), or set another header"
    )]
    Pem,
    /// `Client-Cert` is not a byte sequence.
    #[error(
        "the header is not a byte sequence: base64 between two colons (RFC 8941 section 3.3.5)"
    )]
    ByteSequence,
    /// The base64 is malformed.
    #[error("the certificate is not base64 with padding")]
    Base64,
    /// The bytes are not one DER value.
    #[error("the decoded certificate is not DER; base64 of PEM text is not accepted")]
    NotDer,
    /// The form of `x-forwarded-client-cert`.
    #[error("the header does not have the form `key=value;key=\"value\",…`: {0}")]
    Element(&'static str),
    /// A key occurs twice in one element.
    #[error("`{0}` occurs twice in an element of the header")]
    Twice(&'static str),
    /// The last element has neither `Hash` nor `Cert`.
    #[error("the last element of the header has neither `Hash` nor `Cert`")]
    NoCertificate,
    /// `Hash` is not SHA-256 in hex.
    #[error("`Hash` is not 64 hex digits, the SHA-256 of the certificate")]
    Hash,
    /// `Hash` and `Cert` are of two certificates.
    #[error("`Hash` and `Cert` of the header are of two certificates")]
    Disagree,
    /// The text is not URL-encoded.
    #[error("the PEM text is not URL-encoded: {0}")]
    UrlEncoding(&'static str),
    /// The text is not one PEM certificate.
    #[error("the header is not one PEM certificate: {0}")]
    PemText(&'static str),
}

impl CertificateError {
    /// The stable name of this error, for metrics and logs. There are few of them.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. } => "certificate_too_long",
            Self::SeveralLines => "certificate_several_lines",
            Self::NotAscii => "certificate_not_ascii",
            Self::List => "certificate_list",
            Self::Pem => "certificate_is_pem",
            Self::ByteSequence => "certificate_no_byte_sequence",
            Self::Base64 => "certificate_base64",
            Self::NotDer => "certificate_not_der",
            Self::Element(_) => "certificate_element",
            Self::Twice(_) => "certificate_key_twice",
            Self::NoCertificate => "certificate_absent",
            Self::Hash => "certificate_hash",
            Self::Disagree => "certificate_disagreement",
            Self::UrlEncoding(_) => "certificate_url_encoding",
            Self::PemText(_) => "certificate_pem",
        }
    }
}
