//! The forms in which proxies write a certificate, right and wrong.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use obo::binding::CertificateHeader;
use obo_test_support::base64url;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

/// RFC 8705 appendix A, as base64 of DER.
pub(super) const OWN: &str = "MIIBBjCBrAIBAjAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARtdGxzMB4XDTE4MTAxODEyMzcwOVoXDTIyMDUwMjEyMzcwOVowDzENMAsGA1UEAwwEbXRsczBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABNcnyxwqV6hY8QnhxxzFQ03C7HKW9OylMbnQZjjJ/Au08/coZwxS7LfA4vOLS9WuneIXhbGGWvsDSb0tH6IxLm8wCgYIKoZIzj0EAwIDSQAwRgIhAP0RC1E+vwJD/D1AGHGzuri+hlV/PpQEKTWUVeORWz83AiEA5x2eXZOVbUlJSGQgjwD5vaUaKlLR50Q2DmFfQj1L+SY=";
/// RFC 9440 appendix A.
pub(super) const OTHER: &str = "MIIBqDCCAU6gAwIBAgIBBzAKBggqhkjOPQQDAjA6MRswGQYDVQQKDBJMZXQncyBBdXRoZW50aWNhdGUxGzAZBgNVBAMMEkxBIEludGVybWVkaWF0ZSBDQTAeFw0yMDAxMTQyMjU1MzNaFw0yMTAxMjMyMjU1MzNaMA0xCzAJBgNVBAMMAkJDMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8YnXXfaUgmnMtOXU/IncWalRhebrXmckC8vdgJ1p5Be5F/3YC8OthxM4+k1M6aEAEFcGzkJiNy6J84y7uzo9M6NyMHAwCQYDVR0TBAIwADAfBgNVHSMEGDAWgBRm3WjLa38lbEYCuiCPct0ZaSED2DAOBgNVHQ8BAf8EBAMCBsAwEwYDVR0lBAwwCgYIKwYBBQUHAwIwHQYDVR0RAQH/BBMwEYEPYmRjQGV4YW1wbGUuY29tMAoGCCqGSM49BAMCA0gAMEUCIBHda/r1vaL6G3VliL4/Di6YK0Q6bMjeSkC3dFCOOB8TAiEAx/kHSB4urmiZ0NX5r5XarmPk0wmuydBVoU4hBVZ1yhk=";

type Lines = Vec<(String, String)>;

pub(super) fn der(certificate: &str) -> Vec<u8> {
    STANDARD.decode(certificate).unwrap()
}

pub(super) fn pem(certificate: &str) -> String {
    let lines: Vec<&str> = certificate
        .as_bytes()
        .chunks(64)
        .map(|line| str::from_utf8(line).unwrap())
        .collect();
    let lines = lines.join("\n");
    format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
}

/// Escapes all but letters, digits and hyphens, as proxies do.
fn escaped(text: &str) -> String {
    let escaped = |b: u8| match b.is_ascii_alphanumeric() || b == b'-' {
        true => char::from(b).to_string(),
        false => format!("%{b:02X}"),
    };
    text.bytes().map(escaped).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn hash(certificate: &str) -> String {
    hex(digest(&SHA256, &der(certificate)).as_ref())
}

fn sequence(der: &[u8]) -> String {
    format!(":{}:", STANDARD.encode(der))
}

/// The form in which the proxy writes a certificate.
pub(super) fn write(kind: CertificateHeader, certificate: &str) -> String {
    match kind {
        CertificateHeader::ClientCert => format!(":{certificate}:"),
        CertificateHeader::XForwardedClientCert => format!("Hash={}", hash(certificate)),
        _ => escaped(&pem(certificate)),
    }
}

fn named(lines: Vec<(&str, String)>) -> Lines {
    let lines = lines.into_iter();
    lines.map(|(name, line)| (name.to_owned(), line)).collect()
}

/// Other ways to write the holder's certificate.
pub(super) fn equal(kind: CertificateHeader) -> Lines {
    let (pem, cert, own) = (pem(OWN), escaped(&pem(OWN)), hash(OWN));
    let other = hash(OTHER);
    named(match kind {
        CertificateHeader::ClientCert => vec![("blanks around", format!("  :{OWN}: "))],
        CertificateHeader::XForwardedClientCert => vec![
            ("in upper case", format!("Hash={}", own.to_uppercase())),
            ("a name in lower case", format!("hash={own}")),
            ("in quotes", format!("Hash=\"{own}\"")),
            ("Cert alone", format!("Cert=\"{cert}\"")),
            ("Cert without quotes", format!("Cert={cert}")),
            ("both", format!("Hash={own};Cert=\"{cert}\"")),
            ("both, Cert first", format!("Cert=\"{cert}\";Hash={own}")),
            (
                "all keys",
                format!(
                    "By=spiffe://a/b;Hash={own};Subject=\"CN=a\\\", O=b; c\";URI=spiffe://a/c;DNS=a;DNS=b"
                ),
            ),
            ("a chain too", format!("Hash={own};Chain=\"{cert}{cert}\"")),
            ("the last of two", format!("Hash={other},Hash={own}")),
            (
                "the last of three",
                format!("Hash={other}, By=a,Hash={own}"),
            ),
            (
                "an element in a quote",
                format!("Hash={own};Subject=\"x,Hash={other}\""),
            ),
            (
                "a pair in a quote",
                format!("Subject=\"x;Hash={other}\";Hash={own}"),
            ),
        ],
        _ => vec![
            ("with CRLF", escaped(&pem.replace('\n', "\r\n"))),
            ("without a line at the end", escaped(pem.trim_end())),
            (
                "in lower-case escapes",
                cert.replace("%0A", "%0a").replace("%2F", "%2f"),
            ),
            (
                "all escaped",
                pem.bytes().map(|b| format!("%{b:02X}")).collect(),
            ),
            (
                "little escaped",
                pem.replace('\n', "%0A").replace(' ', "%20"),
            ),
        ],
    })
}

/// Well-formed, and another certificate.
pub(super) fn another(kind: CertificateHeader) -> Lines {
    let mut changed = der(OWN);
    let last = changed.len() - 1;
    changed[last] ^= 1;
    let changed = STANDARD.encode(changed);
    let small = STANDARD.encode([0x30, 3, 2, 1, 7]);
    let (own, other) = (hash(OWN), hash(OTHER));
    let mut lines = named(vec![
        ("one bit changed", write(kind, &changed)),
        ("something small", write(kind, &small)),
    ]);
    if kind == CertificateHeader::XForwardedClientCert {
        let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, &der(OWN));
        let padded = format!("{}{}", hex(sha1.as_ref()), "0".repeat(24));
        lines.extend(named(vec![
            ("the first of two", format!("Hash={own},Hash={other}")),
            (
                "in a quote",
                format!("Hash={other};Subject=\"x,Hash={own}\""),
            ),
            (
                "in a quoted pair",
                format!("Subject=\"x;Hash={own}\";Hash={other}"),
            ),
            (
                "after a quoted quote",
                format!("Subject=\"\\\",Hash={own}\";Hash={other}"),
            ),
            ("SHA-1", format!("Hash={padded}")),
            ("zero", format!("Hash={}", "0".repeat(64))),
            (
                "Cert of another",
                format!("Cert=\"{}\"", escaped(&pem(OTHER))),
            ),
            (
                "a chain of its own",
                format!("Hash={other};Chain=\"{}\"", escaped(&pem(OWN))),
            ),
        ]));
    }
    lines
}

pub(super) fn malformed(kind: CertificateHeader) -> Lines {
    match kind {
        CertificateHeader::ClientCert => of_client_cert(),
        CertificateHeader::XForwardedClientCert => of_xfcc(),
        _ => of_pem(escaped),
    }
}

/// RFC 9440: a byte sequence of DER.
fn of_client_cert() -> Lines {
    let (der, pem, good) = (der(OWN), pem(OWN), format!(":{OWN}:"));
    let other = format!(":{OTHER}:");
    let url_safe = OWN.replace('+', "-").replace('/', "_");
    let indefinite = [&[0x30, 0x80][..], &der[4..], &[0, 0]].concat();
    let long_form = [&[0x30, 0x83, 0][..], &der[2..]].concat();
    named(vec![
        ("the URL-encoded form", escaped(&pem)),
        ("PEM in one line", pem.replace('\n', " ")),
        ("PEM between colons", format!(":{}:", pem.replace('\n', ""))),
        ("PEM in base64", sequence(pem.as_bytes())),
        ("base64 twice", sequence(OWN.as_bytes())),
        ("escaped base64", format!(":{}:", escaped(OWN))),
        ("the XFCC form", format!("Hash={}", hash(OWN))),
        ("hex", hex(&der)),
        ("hex between colons", format!(":{}:", hex(&der))),
        ("no colons", OWN.to_owned()),
        ("no colon first", format!("{OWN}:")),
        ("no colon last", format!(":{OWN}")),
        ("two colons", format!("::{OWN}::")),
        ("colons alone", "::".to_owned()),
        ("a colon", ":".to_owned()),
        ("in quotes", format!("\"{OWN}\"")),
        ("in quotes and colons", format!("\":{OWN}:\"")),
        ("a parameter", format!("{good};a=1")),
        ("a list", format!("{good}, {good}")),
        ("a list of two", format!("{other}, {good}")),
        ("a comma", format!("{good},")),
        ("an inner list", format!("({good})")),
        ("a dictionary", format!("a={good}")),
        ("two sequences", format!("{good}{good}")),
        ("no padding", format!(":{}:", OWN.trim_end_matches('='))),
        ("too much padding", format!(":{OWN}=:")),
        ("another alphabet", format!(":{url_safe}:")),
        ("bits left over", format!(":{}Z=:", &OWN[..OWN.len() - 2])),
        ("a blank within", format!(":{} {}:", &OWN[..8], &OWN[8..])),
        ("a blank before", format!(": {OWN}:")),
        ("cut", format!(":{}:", &OWN[..OWN.len() - 4])),
        ("without its start", format!(":{}:", &OWN[4..])),
        ("a byte after", sequence(&[&der[..], &[0]].concat())),
        (
            "a chain",
            sequence(&[der.clone(), self::der(OTHER)].concat()),
        ),
        ("another type", sequence(&[&[0x31], &der[1..]].concat())),
        ("an indefinite length", sequence(&indefinite)),
        ("a length in long form", sequence(&long_form)),
        ("two bytes", sequence(&[0x30, 0x82])),
        ("a hash", format!(":{}:", base64url(digest(&SHA256, &der)))),
        ("a word", "x".to_owned()),
        ("null", "(null)".to_owned()),
        ("a boolean", "?1".to_owned()),
    ])
}

/// PEM in which `escape` replaces what a header cannot have.
fn of_pem(escape: fn(&str) -> String) -> Lines {
    let good = pem(OWN);
    let two = |first: &str, second: &str| escape(&format!("{}{}", pem(first), pem(second)));
    let labelled = |label: &str| escape(&good.replace("CERTIFICATE", label));
    let escaped_good = escape(&good);
    let private = "-----BEGIN PRIVATE KEY-----\nMC4CAQ==\n-----END PRIVATE KEY-----\n";
    let mut lines = named(vec![
        ("a chain", two(OWN, OTHER)),
        ("a chain from the root", two(OTHER, OWN)),
        ("twice the same", two(OWN, OWN)),
        ("a key after", escape(&format!("{good}{private}"))),
        ("a key before", escape(&format!("{private}{good}"))),
        ("text before", escape(&format!("Bag Attributes\n{good}"))),
        ("a line before", escape(&format!("\n{good}"))),
        ("text after", escape(&format!("{good}x"))),
        ("the RFC 9440 form", format!(":{OWN}:").replace('=', "%3D")),
        ("base64 alone", OWN.replace('=', "%3D")),
        ("no end", escape(good.split("-----END").next().unwrap())),
        ("no start", escape(&good[28..])),
        ("cut", escape(&good[..100])),
        (
            "another end",
            escape(&good.replace("END CERTIFICATE", "END X")),
        ),
        (
            "four hyphens",
            escape(&good.replace("-----BEGIN", "----BEGIN")),
        ),
        ("label of a key", labelled("PUBLIC KEY")),
        ("label of a trusted one", labelled("TRUSTED CERTIFICATE")),
        ("label X509", labelled("X509 CERTIFICATE")),
        ("label in lower case", labelled("certificate")),
        ("label of a request", labelled("CERTIFICATE REQUEST")),
        ("escaped twice", escaped_good.replace('%', "%25")),
        ("a plus for each blank", escaped_good.replace("%20", "+")),
        ("an escape without digits", format!("{escaped_good}%")),
        ("an escape with one digit", format!("{escaped_good}%0")),
        (
            "an escape of no hex",
            escaped_good.replacen("%0A", "%0G", 1),
        ),
        (
            "an escape with a sign",
            escaped_good.replacen("%0A", "%+A", 1),
        ),
        (
            "an escape of UTF-8",
            escaped_good.replacen("%0A", "%C3%A4", 1),
        ),
        (
            "an escape of no UTF-8",
            escaped_good.replacen("%0A", "%FF", 1),
        ),
        ("a NUL", escaped_good.replacen("%0A", "%00", 1)),
        ("a letter less", escape(&good.replacen("MIIB", "MII", 1))),
        ("a letter more", escape(&good.replacen("MIIB", "MIIBB", 1))),
        ("a hyphen within", escape(&good.replacen("MIIB", "MI-B", 1))),
        ("a blank within", escape(&good.replacen("MIIB", "MI IB", 1))),
        ("a comma within", escape(&good.replacen("MIIB", "M,IB", 1))),
        ("no DER", escape(&good.replacen("MIIB", "AAAA", 1))),
        (
            "no content",
            escape("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        ),
        (
            "a header within",
            escape(&good.replacen("MIIB", "Proc-Type: 4\n\nMIIB", 1)),
        ),
        ("a word", "x".to_owned()),
        ("null", "(null)".to_owned()),
        ("none", "-".to_owned()),
    ]);
    let blanks = good.replace('\n', " ");
    lines.push(("blanks".to_owned(), blanks));
    let tabs = good.replace('\n', "\t");
    lines.push(("tabs".to_owned(), tabs));
    lines
}

/// Elements as Envoy writes them.
fn of_xfcc() -> Lines {
    let (own, other) = (hash(OWN), hash(OTHER));
    let cert = escaped(&pem(OWN));
    let pairs: Vec<&str> = own
        .as_bytes()
        .chunks(2)
        .map(|it| str::from_utf8(it).unwrap())
        .collect();
    let mut lines = named(vec![
        ("the hash alone", own.clone()),
        (
            "Hash and Cert disagree",
            format!("Hash={other};Cert=\"{cert}\""),
        ),
        (
            "Cert and Hash disagree",
            format!("Cert=\"{cert}\";Hash={other}"),
        ),
        ("two hashes", format!("Hash={own};Hash={own}")),
        (
            "two hashes in two cases",
            format!("Hash={own};hash={other}"),
        ),
        (
            "two certificates",
            format!("Cert=\"{cert}\";CERT=\"{cert}\""),
        ),
        ("no certificate", "By=spiffe://a;URI=spiffe://b".to_owned()),
        ("a chain in place of it", format!("Chain=\"{cert}\"")),
        ("a last element without one", format!("Hash={own},By=a")),
        ("an empty hash", "Hash=".to_owned()),
        ("a cut hash", format!("Hash={}", &own[1..])),
        ("a longer hash", format!("Hash={own}0")),
        ("no hex", format!("Hash=g{}", &own[1..])),
        ("a sign", format!("Hash=+{}", &own[1..])),
        ("0x", format!("Hash=0x{}", &own[2..])),
        ("hex with colons", format!("Hash={}", pairs.join(":"))),
        (
            "a hash in base64url",
            format!("Hash={}", base64url(digest(&SHA256, &der(OWN)))),
        ),
        ("an empty Cert", "Cert=\"\"".to_owned()),
        (
            "a good hash and a bad Cert",
            format!("Hash={own};Cert=\"x\""),
        ),
        (
            "a bad hash and a good Cert",
            format!("Hash=x;Cert=\"{cert}\""),
        ),
        ("a semicolon after", format!("Hash={own};")),
        ("a semicolon before", format!(";Hash={own}")),
        ("a comma after", format!("Hash={own},")),
        ("a comma before", format!(",Hash={own}")),
        ("an empty element", format!("Hash={own},,Hash={own}")),
        ("an open quote", format!("Hash=\"{own}")),
        ("a quote at the end", format!("Hash={own}\"")),
        ("an escaped end", format!("Hash=\"{own}\\\"")),
        ("text after a quote", format!("Hash=\"{own}\"x")),
        ("a quote before", format!("\"Hash={own}\"")),
        ("a quote opened before", format!("By=\"a,Hash={own}")),
        ("an odd quote in a value", format!("By=a\"b,Hash={own}")),
        ("no name", format!("={own}")),
        ("a blank in the name", format!("Ha sh={own}")),
        ("blanks around", format!("Hash = {own}")),
        ("a hyphen in the name", format!("X-Hash={own}")),
        ("two equals", format!("Hash=={own}")),
        ("a bare subject", format!("Subject=CN=a;Hash={own}")),
        ("no value", format!("By;Hash={own}")),
        ("a colon", format!("Hash: {own}")),
        ("JSON", format!("{{\"Hash\":\"{own}\"}}")),
        ("the RFC 9440 form", format!(":{OWN}:")),
        ("the URL-encoded form", cert.clone()),
        ("a bad element first", format!("x,Hash={own}")),
        ("a word", "x".to_owned()),
        ("a letter of another script", format!("Hash\u{430}={own}")),
    ]);
    // The mistakes of PEM texts, in quotes.
    for (name, text) in of_pem(escaped) {
        if !text.contains(['"', '\t']) {
            lines.push((format!("Cert: {name}"), format!("Cert=\"{text}\"")));
        }
    }
    lines
}
