//! Tokens that are bound to a certificate, behind a proxy that passes it on in a header.

use obo::binding::CertificateHeader;
use obo_test_support::base64url;
use obo_tests::expected::{INVALID, MALFORMED, PROOF, SCOPE};

use super::certificate_forms::{self as forms, OTHER, OWN, der};
use super::draft::{sha256, thumbprint};
use super::world::{BoundWorld, Dpop, Holder, Settings, proven};
use crate::case::{Case, Sent};
use crate::score::Score;

const MISSING: &str = "missing_certificate";
const ANOTHER: &str = "another_certificate";

/// RFC 8705 appendix A.
const PRINTED: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

/// The requests of the rightful holder of the certificate, and of others.
pub(super) struct Shown<'h, 'w> {
    holder: &'h Holder<'w>,
    header: &'static str,
    /// A token that is bound to the certificate.
    token: String,
}

impl<'h, 'w> Shown<'h, 'w> {
    fn new(holder: &'h Holder<'w>) -> Self {
        let (header, _) = holder.world.settings.certificate.unwrap();
        Self {
            holder,
            header: header.name(),
            token: holder.world.confirmed(&confirmation(PRINTED)),
        }
    }

    fn kind(&self) -> CertificateHeader {
        CertificateHeader::from_name(self.header).unwrap()
    }

    /// A request with this token and these lines of the header.
    fn sent<L: AsRef<[u8]>>(&self, token: &str, lines: impl IntoIterator<Item = L>) -> Sent {
        let mut sent = Sent::token(token);
        for line in lines {
            sent = sent.field(self.header, line);
        }
        sent
    }

    fn admitted(&self, name: impl Into<String>, sent: Sent) -> Case {
        Case::request(name, sent, None)
    }

    /// The token is refused.
    fn refused(&self, name: impl Into<String>, sent: Sent, code: &'static str) -> Case {
        let refusal = self.holder.under(INVALID, "Bearer");
        Case::request(name, sent, Some(refusal)).because(code)
    }

    /// The request itself is refused.
    fn malformed(&self, name: impl Into<String>, sent: Sent) -> Case {
        let refusal = self.holder.under(MALFORMED, "Bearer");
        Case::request(name, sent, Some(refusal)).because("invalid_request")
    }
}

fn confirmation(thumbprint: &str) -> String {
    format!("{{\"x5t#S256\":{thumbprint:?}}}")
}

/// What a listed proxy writes.
fn listed(holder: &Holder<'_>) -> Vec<Case> {
    let shown = Shown::new(holder);
    let (kind, token) = (shown.kind(), &shown.token);
    let (own, other) = (forms::write(kind, OWN), forms::write(kind, OTHER));
    let plain = holder.world.plain();
    let none: [&str; 0] = [];
    let mut cases = vec![
        shown.admitted("the certificate", shown.sent(token, [&own])),
        shown.refused("no header", shown.sent(token, none), MISSING),
        shown.refused("an empty header", shown.sent(token, [""]), MISSING),
        shown.refused("another certificate", shown.sent(token, [&other]), ANOTHER),
        shown.admitted("a plain token", shown.sent(&plain, none)),
        shown.admitted(
            "a plain token with a certificate",
            shown.sent(&plain, [&other]),
        ),
        shown.malformed(
            "a plain token with an odd header",
            shown.sent(&plain, ["x"]),
        ),
    ];
    // A blank is no certificate either.
    let blank = shown.refused("a blank", shown.sent(token, [" "]), MISSING);
    cases.push(blank);
    for (name, line) in forms::equal(kind) {
        cases.push(shown.admitted(name, shown.sent(token, [line])));
    }
    for (name, line) in forms::another(kind) {
        cases.push(shown.refused(name, shown.sent(token, [line]), ANOTHER));
    }
    for (name, line) in forms::malformed(kind) {
        cases.push(shown.malformed(name, shown.sent(token, [line])));
    }
    let two = [
        ("twice", &*own, &*own),
        ("another, then its own", &other, &own),
        ("its own, then another", &own, &other),
        ("an empty line first", "", &own),
        ("an empty line last", &own, ""),
    ];
    for (name, first, second) in two {
        let sent = shown.sent(token, [first, second]);
        let is_list = kind == CertificateHeader::XForwardedClientCert;
        cases.push(match second {
            _ if !is_list => shown.malformed(name, sent),
            "" => shown.refused(name, sent, MISSING),
            second if second == own => shown.admitted(name, sent),
            _ => shown.refused(name, sent, ANOTHER),
        });
    }
    for (name, byte) in [
        ("latin-1", b"\xe9".as_slice()),
        ("UTF-8", "\u{e4}".as_bytes()),
    ] {
        let line = [own.as_bytes(), byte].concat();
        cases.push(shown.malformed(name, shown.sent(token, [line])));
    }
    let long = "A".repeat(33_000);
    cases.push(shown.malformed("33,000 bytes", shown.sent(token, [long])));
    cases.extend(elsewhere(&shown, &own));
    cases.extend(confirmations(&shown, &own));
    cases
}

/// Other headers, which this proxy does not write.
fn elsewhere(shown: &Shown<'_, '_>, own: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for kind in CertificateHeader::ALL {
        if kind.name() != shown.header {
            let sent = Sent::token(&shown.token).field(kind.name(), forms::write(kind, OWN));
            cases.push(shown.refused(format!("in {kind}"), sent, MISSING));
        }
    }
    for name in [
        "client-cert-chain",
        "client-certificate",
        "x-client-cert",
        "x-client-certificate",
        "ssl-client-cert",
        "x-ssl-client-certificate",
        "x-amzn-mtls-clientcert",
        "x-arr-clientcert",
        "client_cert",
        "x_ssl_client_cert",
        "x_forwarded_client_cert",
        "cert",
    ] {
        let sent = Sent::token(&shown.token).field(name, own);
        cases.push(shown.refused(format!("in {name}"), sent, MISSING));
    }
    let query = format!("{}={}", shown.header, base64url(own));
    let sent = Sent::token(&shown.token).query(&query);
    cases.push(shown.refused("in the query", sent, MISSING));
    cases
}

/// What the token says that it is bound to.
fn confirmations(shown: &Shown<'_, '_>, own: &str) -> Vec<Case> {
    let world = shown.holder.world;
    let mut cases = Vec::new();
    let der = der(OWN);
    let hex: String = {
        let bytes = base64_decoded(PRINTED);
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    };
    for (name, thumbprint, code) in [
        ("of the PEM text", sha256(forms::pem(OWN)), ANOTHER),
        ("of base64", sha256(OWN), ANOTHER),
        ("of a part", sha256(&der[4..]), ANOTHER),
        ("of its hash", sha256(base64_decoded(PRINTED)), ANOTHER),
        ("of another one", sha256(forms::der(OTHER)), ANOTHER),
        ("zero", base64url([0; 32]), ANOTHER),
        ("in hex", hex, "binding_not_checked"),
        ("padded", format!("{PRINTED}="), "binding_not_checked"),
        ("cut", PRINTED[..42].to_owned(), "binding_not_checked"),
        (
            "with bits left over",
            PRINTED[..42].to_owned() + "1",
            "binding_not_checked",
        ),
        ("empty", String::new(), "binding_not_checked"),
    ] {
        let token = world.confirmed(&confirmation(&thumbprint));
        let sent = shown.sent(&token, [own]);
        cases.push(shown.refused(format!("x5t#S256 {name}"), sent, code));
    }
    for (name, cnf) in [
        ("x5t", format!("{{\"x5t\":{PRINTED:?}}}")),
        ("x5t#s256", format!("{{\"x5t#s256\":{PRINTED:?}}}")),
        ("x5t#S512", format!("{{\"x5t#S512\":{PRINTED:?}}}")),
        (
            "x5c too",
            format!("{{\"x5t#S256\":{PRINTED:?},\"x5c\":[{OWN:?}]}}"),
        ),
        (
            "kid too",
            format!("{{\"x5t#S256\":{PRINTED:?},\"kid\":\"a\"}}"),
        ),
        ("a number", "{\"x5t#S256\":7}".to_owned()),
        ("an array", format!("{{\"x5t#S256\":[{PRINTED:?}]}}")),
        ("null", "{\"x5t#S256\":null}".to_owned()),
        ("nothing", "{}".to_owned()),
    ] {
        let token = world.confirmed(&cnf);
        let sent = shown.sent(&token, [own]);
        cases.push(shown.refused(format!("cnf with {name}"), sent, "binding_not_checked"));
    }
    // An escaped name is the same name.
    let token = world.confirmed(&format!("{{\"x5t\\u0023S256\":{PRINTED:?}}}"));
    cases.push(shown.admitted("an escaped name", shown.sent(&token, [own])));
    let poor = world.draft().claim("cnf", &confirmation(PRINTED));
    let poor = world.token(&poor.claim("scope", "\"a\""));
    let refusal = shown.holder.under(SCOPE, "Bearer");
    cases.push(Case::request(
        "no scope",
        shown.sent(&poor, [own]),
        Some(refusal),
    ));
    if world.settings.dpop == Dpop::Off {
        let jkt = thumbprint(shown.holder.key());
        let both = format!("{{\"x5t#S256\":{PRINTED:?},\"jkt\":{jkt:?}}}");
        let token = world.confirmed(&both);
        let sent = shown.sent(&token, [own]);
        cases.push(shown.refused("a key that is not checked", sent, "binding_not_checked"));
    }
    cases
}

fn base64_decoded(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::URL_SAFE_NO_PAD;
    engine.decode(text).unwrap()
}

/// The same lines from an address that is not listed: neither read nor passed on.
fn unlisted(holder: &Holder<'_>) -> Vec<Case> {
    let shown = Shown::new(holder);
    let (kind, token) = (shown.kind(), &shown.token);
    let (own, plain) = (forms::write(kind, OWN), holder.world.plain());
    let mut cases = vec![
        shown.admitted("a plain token", Sent::token(&plain)),
        shown.refused("no header", Sent::token(token), MISSING),
    ];
    let good = [("the certificate".to_owned(), own.clone())].into_iter();
    let lines = good.chain(forms::equal(kind)).chain(forms::another(kind));
    for (name, line) in lines.chain(forms::malformed(kind)) {
        let sent = shown.sent(token, [&line]);
        cases.push(shown.refused(format!("{name}, bound"), sent, MISSING));
        let sent = shown.sent(&plain, [&line]);
        cases.push(shown.admitted(format!("{name}, plain"), sent));
    }
    for (name, lines) in [("two lines", [&*own, &own]), ("an empty line", ["", &own])] {
        let sent = shown.sent(token, lines);
        cases.push(shown.refused(format!("{name}, bound"), sent, MISSING));
        cases.push(shown.admitted(format!("{name}, plain"), shown.sent(&plain, lines)));
    }
    // Whatever the sender says of its address.
    for (name, value) in [
        ("x-forwarded-for", "10.0.0.1"),
        ("x-forwarded-for", "127.0.0.2, 10.0.0.1"),
        ("forwarded", "for=10.0.0.1"),
        ("x-real-ip", "10.0.0.1"),
        ("client-ip", "127.0.0.2"),
        ("true-client-ip", "::1"),
        ("via", "1.1 proxy"),
    ] {
        let sent = shown.sent(token, [&own]).field(name, value);
        cases.push(shown.refused(format!("{name}: {value}"), sent, MISSING));
    }
    cases
}

/// A token that is bound to a key and to a certificate needs both; each alone needs its own.
fn both(holder: &Holder<'_>) -> Vec<Case> {
    let shown = Shown::new(holder);
    let (kind, world) = (shown.kind(), holder.world);
    let (own, other) = (forms::write(kind, OWN), forms::write(kind, OTHER));
    let jkt = thumbprint(holder.key());
    let double = world.confirmed(&format!("{{\"x5t#S256\":{PRINTED:?},\"jkt\":{jkt:?}}}"));
    let thief = world.thief.es.raw();
    let mut cases = Vec::new();
    let dpop = |token: &str, key, line: Option<&str>| {
        let sent = proven(token, holder.proof_by(key, "ES256", token).text());
        match line {
            Some(line) => sent.field(shown.header, line),
            None => sent,
        }
    };
    let under_dpop = holder.under(INVALID, "DPoP");
    let mut add = |name: &str, sent: Sent, code: Option<&'static str>| {
        cases.push(match code {
            None => Case::request(name, sent, None),
            Some("invalid_request") => {
                let refusal = holder.under(MALFORMED, "DPoP");
                Case::request(name, sent, Some(refusal)).because("invalid_request")
            }
            Some(code) if code.starts_with("proof_") => {
                Case::request(name, sent, Some(PROOF)).because(code)
            }
            Some(code) => Case::request(name, sent, Some(under_dpop)).because(code),
        });
    };
    let key = holder.key();
    add("both", dpop(&double, key, Some(&own)), None);
    add("the proof alone", dpop(&double, key, None), Some(MISSING));
    add(
        "another certificate",
        dpop(&double, key, Some(&other)),
        Some(ANOTHER),
    );
    add(
        "another key",
        dpop(&double, thief, Some(&own)),
        Some("another_key"),
    );
    add(
        "neither",
        dpop(&double, thief, Some(&other)),
        Some("another_key"),
    );
    add(
        "an odd certificate",
        dpop(&double, key, Some("x")),
        Some("invalid_request"),
    );
    let bare = Sent::line(format!("DPoP {double}")).field(shown.header, &own);
    add("the certificate alone", bare.clone(), Some("proof_missing"));
    add(
        "an odd proof",
        bare.field("dpop", "x"),
        Some("proof_malformed"),
    );
    // A token that is bound to the key alone, or to the certificate alone.
    let keyed = holder.token();
    add("a key, proven", dpop(&keyed, key, None), None);
    add(
        "a key, proven, any certificate",
        dpop(&keyed, key, Some(&other)),
        None,
    );
    let certified = &shown.token;
    let code = Some("not_bound_to_key");
    add(
        "a certificate under DPoP",
        dpop(certified, key, Some(&own)),
        code,
    );
    let used = dpop(&double, key, Some(&own));
    add("both once more", used, None);
    let is_required = world.settings.dpop == Dpop::Require;
    let sent = |token: &str| Sent::token(token).field(shown.header, &own);
    let proof = || holder.proof(&double).text();
    cases.push(match is_required {
        true => shown.refused("a certificate under Bearer", sent(certified), "not_bound"),
        false => shown.admitted("a certificate under Bearer", sent(certified)),
    });
    for (name, token) in [("both", &double), ("a key", &keyed)] {
        let name = format!("{name}, with the certificate under Bearer");
        cases.push(shown.refused(name, sent(token), "proof_missing"));
    }
    let with_proof = sent(&double).field("dpop", proof());
    cases.push(shown.refused("both under Bearer", with_proof, "proof_missing"));
    cases
}

const LISTED: [&str; 3] = ["127.0.0.1/32", "127.0.0.0/8", "::ffff:127.0.0.0/104"];
/// The last one has all addresses of IPv6, and none of IPv4.
const UNLISTED: [&str; 3] = ["127.0.0.2/32", "10.0.0.0/8", "2000::/3"];

async fn attack(
    settings: Settings,
    (name, family): (&'static str, &'static str),
    cases: fn(&Holder<'_>) -> Vec<Case>,
    is_hidden: bool,
) {
    let mut world = BoundWorld::start(settings).await;
    if is_hidden {
        let header = settings.certificate.map(|(header, _)| header.name());
        world.places.hidden_from_service = header;
    }
    let mut score = Score::of(name);
    world.run(family, cases, &mut score).await;
    score.settle();
}

fn with(kind: CertificateHeader, from: &'static str, dpop: Dpop) -> Settings {
    Settings {
        certificate: Some((kind, from)),
        dpop,
        ..Settings::ACCEPT
    }
}

/// MT-01, MT-02, MT-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn false_certificates_fail() {
    for (kind, from) in CertificateHeader::ALL.into_iter().zip(LISTED) {
        let settings = with(kind, from, Dpop::Off);
        attack(settings, ("certificates", kind.name()), listed, false).await;
    }
}

/// MT-01, MT-02, MT-05, MT-06
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn false_certificates_of_opaque_tokens_fail() {
    for (kind, from) in CertificateHeader::ALL.into_iter().zip(LISTED) {
        let settings = Settings {
            is_opaque: true,
            ..with(kind, from, Dpop::Accept)
        };
        attack(
            settings,
            ("opaque certificates", kind.name()),
            listed,
            false,
        )
        .await;
    }
}

/// MT-04
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spoofed_certificates_fail() {
    for (kind, from) in CertificateHeader::ALL.into_iter().zip(UNLISTED) {
        for is_opaque in [false, true] {
            let settings = Settings {
                is_opaque,
                ..with(kind, from, Dpop::Off)
            };
            attack(
                settings,
                ("spoofed certificates", kind.name()),
                unlisted,
                true,
            )
            .await;
        }
    }
}

/// MT-02, DP-09
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_proven_bindings_fail() {
    for (dpop, is_opaque) in [
        (Dpop::Accept, false),
        (Dpop::Require, false),
        (Dpop::Accept, true),
    ] {
        let kind = CertificateHeader::ClientCert;
        let settings = Settings {
            is_opaque,
            ..with(kind, LISTED[0], dpop)
        };
        attack(settings, ("both bindings", kind.name()), both, false).await;
    }
}
