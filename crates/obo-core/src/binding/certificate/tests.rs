use http::{HeaderName, HeaderValue};

use super::*;
use crate::binding::Thumbprint;

/// RFC 8705 appendix A.
const DER: &str = "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=";
const PRINTED: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

fn printed() -> [u8; 32] {
    *Thumbprint::parse(PRINTED).unwrap().as_bytes()
}

fn hex() -> String {
    printed().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pem() -> String {
    let (first, second) = DER.split_at(64);
    format!("-----BEGIN CERTIFICATE-----\n{first}\n{second}\n-----END CERTIFICATE-----\n")
}

fn url_encoded(text: &str) -> String {
    let escaped = |b: u8| match b.is_ascii_alphanumeric() || b == b'-' {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(escaped).collect()
}

fn lines(header: CertificateHeader, lines: &[&str]) -> Result<Option<[u8; 32]>, CertificateError> {
    let name = HeaderName::from_static(header.name());
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(&name, HeaderValue::from_str(line).unwrap());
    }
    header.read(&headers)
}

fn client_cert(line: &str) -> Result<Option<[u8; 32]>, CertificateError> {
    lines(CertificateHeader::ClientCert, &[line])
}

fn xfcc(line: &str) -> Result<Option<[u8; 32]>, CertificateError> {
    lines(CertificateHeader::XForwardedClientCert, &[line])
}

fn url_pem(line: &str) -> Result<Option<[u8; 32]>, CertificateError> {
    lines(CertificateHeader::XSslClientCert, &[line])
}

/// MT-01, MT-05
#[test]
fn rfc_8705_certificate_is_read_everywhere() {
    let (hash, escaped) = (hex(), url_encoded(&pem()));
    assert_eq!(client_cert(&format!(":{DER}:")), Ok(Some(printed())));
    assert_eq!(client_cert(&format!(" :{DER}: ")), Ok(Some(printed())));
    assert_eq!(url_pem(&escaped), Ok(Some(printed())));
    for element in [
        format!("Hash={hash}"),
        format!("hash={}", hash.to_uppercase()),
        format!("Hash=\"{hash}\""),
        format!("Cert=\"{escaped}\""),
        format!("Cert={escaped}"),
        format!(
            "By=spiffe://a/b;Hash={hash};Cert=\"{escaped}\";Chain=\"{escaped}{escaped}\";Subject=\"CN=a, O=\\\"b\\\"; c\";URI=;DNS=a;DNS=b"
        ),
    ] {
        assert_eq!(xfcc(&element), Ok(Some(printed())), "{element}");
    }
    for header in CertificateHeader::ALL {
        assert_eq!(lines(header, &[]), Ok(None));
        assert_eq!(lines(header, &[""]), Ok(None));
        assert_eq!(CertificateHeader::from_name(header.name()), Some(header));
    }
    assert_eq!(CertificateHeader::from_name("X-Client-Cert"), None);
}

/// MT-01
#[test]
fn first_certificate_of_pem_counts() {
    let other = pem().replace("MIIBBjCB", "MIIBBzCB");
    let key = "-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n";
    for text in [pem(), pem() + &other, key.to_owned() + &pem() + &other] {
        assert_eq!(thumbprint_of_pem(&text), Some(printed()));
    }
    for none in ["", "text", key, &pem()[..100], DER] {
        assert_eq!(thumbprint_of_pem(none), None, "{none}");
    }
}

/// MT-05
#[test]
fn rfc_9440_example_is_read() {
    let value = ":MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=:";
    assert!(client_cert(value).unwrap().is_some());
}

/// MT-05
#[test]
fn client_cert_is_one_byte_sequence() {
    let sequence = format!(":{DER}:");
    let two = lines(CertificateHeader::ClientCert, &[&sequence, &sequence]);
    assert_eq!(two, Err(CertificateError::SeveralLines));
    let empty = lines(CertificateHeader::ClientCert, &["", &sequence]);
    assert_eq!(empty, Err(CertificateError::SeveralLines));
    let base64_of_pem = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pem());
    let url_safe = DER.replace('/', "_").replace('+', "-");
    let hex: String = hex();
    use CertificateError as E;
    for (line, error) in [
        (format!("{sequence}, {sequence}"), E::List),
        (format!("{sequence},"), E::List),
        (url_encoded(&pem()), E::Pem),
        (format!(":{}:", url_encoded(DER)), E::Pem),
        (pem().replace('\n', " "), E::Pem),
        (DER.to_owned(), E::ByteSequence),
        (format!(":{DER}"), E::ByteSequence),
        (format!("{DER}:"), E::ByteSequence),
        (":".to_owned(), E::ByteSequence),
        (format!("\"{DER}\""), E::ByteSequence),
        (format!("{sequence};a=1"), E::ByteSequence),
        (format!("{sequence}{sequence}"), E::ByteSequence),
        (format!(":{}:", DER.trim_end_matches('=')), E::Base64),
        (format!(":{url_safe}:"), E::Base64),
        (format!(": {DER}:"), E::Base64),
        ("::".to_owned(), E::NotDer),
        (format!(":{base64_of_pem}:"), E::NotDer),
        (format!(":{hex}:"), E::NotDer),
        (format!(":{}:", &DER[4..]), E::NotDer),
        (format!(":{}:", &DER[..DER.len() - 4]), E::NotDer),
    ] {
        assert_eq!(client_cert(&line), Err(error), "{line}");
    }
    let long = format!(":{}:", "A".repeat(MAX));
    assert_eq!(client_cert(&long), Err(E::TooLong { limit: MAX }));
}

/// MT-05
#[test]
fn xfcc_lines_are_one_list() {
    let read = |all: &[&str]| lines(CertificateHeader::XForwardedClientCert, all);
    let (own, other) = (
        format!("Hash={}", hex()),
        format!("Hash={}", "ab".repeat(32)),
    );
    let (both, quoted) = (format!("{other},{own}"), format!("URI=\"x,{other}\";{own}"));
    for all in [
        &[&*other, &*own][..],
        &[&other, &other, &own],
        &[&other, &both],
        &["", &own],
        &[&other, &quoted],
    ] {
        assert_eq!(read(all), Ok(Some(printed())), "{all:?}");
    }
    assert_eq!(read(&[&both, &other]), Ok(Some([0xab; 32])));
    for none in ["", " ", "\t"] {
        assert_eq!(read(&[&own, none]), Ok(None));
    }
    // Each line counts, and a quote ends in its own line.
    for (all, error) in [
        (
            [&*own, "x"],
            CertificateError::Element("a pair without `=`"),
        ),
        (["x", &own], CertificateError::Element("a pair without `=`")),
        (
            ["URI=\"", &own],
            CertificateError::Element("a quote that is not closed"),
        ),
        ([&own, "URI=a"], CertificateError::NoCertificate),
        (["URI=a", ","], CertificateError::NoCertificate),
    ] {
        assert_eq!(read(&all), Err(error), "{all:?}");
    }
}

/// MT-05
#[test]
fn last_xfcc_element_counts() {
    let (own, other) = (
        format!("Hash={}", hex()),
        format!("Hash={}", "ab".repeat(32)),
    );
    for line in [
        format!("{other},{own}"),
        format!("{other}, {own}"),
        format!("By=a;URI=b,{own}"),
        format!("{other};Subject=\",{other}\",{own}"),
    ] {
        assert_eq!(xfcc(&line), Ok(Some(printed())), "{line}");
    }
    assert_eq!(xfcc(&format!("{own},{other}")), Ok(Some([0xab; 32])));
    let hidden = format!("{other};Subject=\"x,{own}\"");
    assert_eq!(xfcc(&hidden), Ok(Some([0xab; 32])));
    let header = CertificateHeader::XForwardedClientCert;
    assert_eq!(lines(header, &[&other, &own]), Ok(Some(printed())));
    // It does not fall back to an earlier element.
    assert_eq!(
        xfcc(&format!("{own},URI=a")),
        Err(CertificateError::NoCertificate)
    );
    assert_eq!(lines(header, &[&own, ""]), Ok(None));
}

/// MT-05
#[test]
fn malformed_xfcc_is_rejected() {
    let (hash, escaped) = (hex(), url_encoded(&pem()));
    use CertificateError as E;
    for (line, error) in [
        (format!("Hash={hash};Hash={hash}"), E::Twice("Hash")),
        (format!("Hash={hash};HASH={hash}"), E::Twice("Hash")),
        (format!("Cert={escaped};cert={escaped}"), E::Twice("Cert")),
        (
            format!("Hash={};Cert=\"{escaped}\"", "ab".repeat(32)),
            E::Disagree,
        ),
        ("By=a".to_owned(), E::NoCertificate),
        ("Hash=".to_owned(), E::Hash),
        (format!("Hash={PRINTED}"), E::Hash),
        (format!("Hash={}", &hash[1..]), E::Hash),
        (format!("Hash={hash}0"), E::Hash),
        (format!("Hash=+{}", &hash[1..]), E::Hash),
        (format!("Hash={}", hash.replace('0', "g")), E::Hash),
        (
            format!(
                "Hash={}",
                &hash
                    .as_bytes()
                    .chunks(2)
                    .map(|it| str::from_utf8(it).unwrap())
                    .collect::<Vec<_>>()
                    .join(":")
            ),
            E::Hash,
        ),
        (
            "Cert=".to_owned(),
            E::PemText("no line `-----BEGIN CERTIFICATE-----` at the start"),
        ),
    ] {
        assert_eq!(xfcc(&line), Err(error), "{line}");
    }
    for line in [
        hash.clone(),
        format!("Hash={hash};"),
        format!("Hash={hash},"),
        format!("Hash={hash},,Hash={hash}"),
        format!(",Hash={hash}"),
        format!(";Hash={hash}"),
        format!("Hash=\"{hash}"),
        format!("Hash=\"{hash}\"x"),
        format!("Hash=\"{hash}\\\""),
        format!("Hash={hash}\""),
        format!("={hash}"),
        format!("Ha sh={hash}"),
        format!("Hash = {hash}"),
        format!("Subject=CN=a;Hash={hash}"),
        format!("Subject=\"a\"\";Hash={hash}"),
        "By".to_owned(),
    ] {
        let refused = xfcc(&line).unwrap_err();
        assert!(matches!(refused, E::Element(_)), "{line}: {refused:?}");
    }
}

/// MT-05
#[test]
fn url_encoded_pem_is_one_certificate() {
    let good = pem();
    let header = CertificateHeader::XSslClientCert;
    let escaped = url_encoded(&good);
    assert_eq!(
        lines(header, &[&escaped, &escaped]),
        Err(CertificateError::SeveralLines)
    );
    for same in [
        good.replace('\n', "\r\n"),
        good.trim_end().to_owned(),
        format!("{good}\n"),
    ] {
        assert_eq!(url_pem(&url_encoded(&same)), Ok(Some(printed())));
    }
    // Some proxies escape only what a header cannot have.
    let sparse = good.replace('\n', "%0A").replace(' ', "%20");
    assert_eq!(url_pem(&sparse), Ok(Some(printed())));
    for bad in [
        good.replace('\n', " "),
        good.replace('\n', "\t"),
        good.replace(' ', "%20").replace('\n', "%"),
        good.replace(' ', "%20").replace('\n', "%0"),
        good.replace(' ', "%20").replace('\n', "%+A"),
        good.replace(' ', "%20").replace('\n', "%C3%A9"),
        good.replace(' ', "%20").replace('\n', "%FF"),
    ] {
        let refused = url_pem(&bad).unwrap_err();
        assert!(matches!(refused, CertificateError::UrlEncoding(_)), "{bad}");
    }
    for bad in [
        DER.to_owned(),
        format!("\n{good}"),
        good.replace(' ', "+"),
        good.replace("CERTIFICATE", "PUBLIC KEY"),
        good.replace("CERTIFICATE", "PRIVATE KEY"),
        good.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        good.replace("-----END", "-----XND"),
        format!("{good}{good}"),
        format!("{good}x"),
        good.replace("MIIB", "MII"),
        good.replace("MIIB", "M I "),
        good.replace("MIIB", "M%3D"),
        good[..100].to_owned(),
    ] {
        let refused = url_pem(&url_encoded(&bad)).unwrap_err();
        assert!(
            matches!(refused, CertificateError::PemText(_)),
            "{bad}: {refused:?}"
        );
    }
    let other = good.replace("MIIB", "AAAA");
    assert_eq!(url_pem(&url_encoded(&other)), Err(CertificateError::NotDer));
}
