//! Any DPoP proof for one request. The first byte selects how the other bytes are used; see
//! [`run`].

use std::time::Duration;

use http::Method;
use obo_core::BearerToken;
use obo_core::binding::Thumbprint;
use obo_core::binding::dpop::{BaseUrl, Proof, ProofError, ProofRequest, VerifiedProof};
use serde_json::Value;
use url::Url;

use crate::{model, signer, world};

const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
/// The hash of the token that RFC 9449 section 7.1 prints.
const ATH: &str = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";
const BASE: &str = "https://A.example:443/v1/";
/// The base as other parts of the URI are appended to it.
const PLAIN_BASE: &str = "https://a.example/v1";
const TARGET: &str = "/orders?id=7";
const WINDOW: u64 = 60;

/// The lower four bits of the first byte select a key. The upper four bits select what the rest is:
///
/// - 0: a proof.
/// - 1: a header and a payload, separated by a NUL byte. The key signs them. In the header, the
///   byte 1 stands for its JWK, 2 for that of another key, and 3 for its JWK without the closing
///   brace.
/// - 2: the same, but the other key signs them.
/// - 3: `htu` and the target of a request, separated by a NUL byte.
/// - Others: changes to a valid proof, each with a position and a byte to xor.
///
/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let Some((choice, rest)) = bytes.split_first() else {
        return;
    };
    let key = usize::from(choice & 0x0f) % signer::ISSUER.len();
    let (own, other) = (&signer::ISSUER[key], &signer::FORGER[key]);
    let jwk = own.key().to_string();
    let open = jwk.trim_end_matches('}').to_owned();
    let jwks = [jwk, other.key().to_string(), open];
    match choice >> 4 {
        0 => assert!(verdict(rest).is_err(), "an unsigned proof is rejected"),
        signed @ (1 | 2) => {
            let (header, payload) = parts(rest);
            let header = world::with_tokens(header, &jwks);
            let signer = if signed == 1 { own } else { other };
            if let Ok(verified) = verdict(signer.seal(&header, payload).as_bytes()) {
                assert_acceptable(&header, payload, signer);
                assert_facts(&verified, payload, signer);
            }
        }
        3 => {
            let (htu, target) = parts(rest);
            if let (Ok(htu), Ok(target)) = (str::from_utf8(htu), str::from_utf8(target)) {
                assert_uri(htu, target);
            }
        }
        _ => {
            let jwk = &jwks[0];
            let header = format!(r#"{{"typ":"dpop+jwt","alg":"{}","jwk":{jwk}}}"#, own.alg);
            let now = world::NOW;
            let payload = format!(
                r#"{{"jti":"1","htm":"GET","htu":"{PLAIN_BASE}/orders","iat":{now},"ath":"{ATH}"}}"#
            );
            let valid = own.seal(header.as_bytes(), payload.as_bytes()).into_bytes();
            let mut changed = valid.clone();
            for change in rest.chunks_exact(3) {
                let at = usize::from(u16::from_le_bytes([change[0], change[1]])) % changed.len();
                changed[at] ^= change[2];
            }
            assert_eq!(verdict(&changed).is_ok(), changed == valid);
        }
    }
}

fn parts(bytes: &[u8]) -> (&[u8], &[u8]) {
    let nul = bytes.iter().position(|byte| *byte == 0);
    match nul {
        Some(nul) => (&bytes[..nul], &bytes[nul + 1..]),
        None => (bytes, b""),
    }
}

fn verdict(proof: &[u8]) -> Result<VerifiedProof, ProofError> {
    let request = ProofRequest {
        method: &Method::GET,
        base: &BaseUrl::new(BASE).unwrap(),
        target: TARGET,
        token_digest: &BearerToken::parse(TOKEN).unwrap().digest(),
        now: world::now(),
        window: Duration::from_secs(WINDOW),
    };
    let verdict = Proof::parse(proof).and_then(|proof| proof.verify(request));
    if let Err(error) = &verdict {
        let text = format!("{error} {error:?} {}", error.code());
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    verdict
}

/// Panics unless a proof with this header and these claims, signed by this key, is valid.
fn assert_acceptable(header: &[u8], payload: &[u8], signer: &signer::Signer) {
    let header = model::unique(header).expect("the header is JSON and has each member once");
    let text = |name: &str| header.get(name).and_then(Value::as_str).unwrap_or_default();
    let same_alg = text("alg") == signer.alg || signer.alg == "EdDSA" && text("alg") == "Ed25519";
    assert!(same_alg, "the algorithm is that of the key");
    let typ = text("typ").to_ascii_lowercase();
    assert!(
        matches!(&*typ, "dpop+jwt" | "application/dpop+jwt"),
        "{typ}"
    );
    for refused in ["crit", "b64", "zip", "cty", "enc"] {
        assert!(header.get(refused).is_none(), "{refused}");
    }
    let jwk = header["jwk"].as_object().expect("the `jwk` is an object");
    let own = signer.key();
    for (name, value) in own.as_object().unwrap() {
        assert_eq!(
            jwk.get(name),
            Some(value),
            "the `jwk` is that of the signer"
        );
    }
    for private in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert!(jwk.get(private).is_none_or(Value::is_null), "{private}");
    }
    assert!(jwk.get("use").is_none_or(|it| it.is_null() || it == "sig"));
    let declared = jwk.get("alg").filter(|alg| !alg.is_null());
    assert!(declared.is_none_or(|it| it == signer.alg || it == text("alg")));

    let claims = model::unique(payload).expect("the claims are JSON and have each member once");
    let claim = |name: &str| claims[name].as_str().unwrap_or_default();
    assert_eq!(claim("htm"), "GET");
    assert_eq!(claim("ath"), ATH);
    assert!((1..=256).contains(&claim("jti").len()));
    assert!(is_same(claim("htu"), &format!("{PLAIN_BASE}/orders")));
    let off = claims["iat"].as_f64().expect("`iat` is a number") - world::NOW as f64;
    assert!(off.abs() <= WINDOW as f64, "{off}");
    if let Some(nonce) = claims.get("nonce") {
        assert!(
            nonce
                .as_str()
                .is_some_and(|it| (1..=256).contains(&it.len()))
        );
    }
}

fn assert_facts(verified: &VerifiedProof, payload: &[u8], signer: &signer::Signer) {
    let claims = model::unique(payload).unwrap();
    assert_eq!(claims["jti"], *verified.jti);
    assert_eq!(
        claims.get("nonce").and_then(Value::as_str),
        verified.nonce.as_deref()
    );
    let jwk = signer.key().to_string();
    assert_eq!(Ok(verified.key), Thumbprint::of_jwk(&jwk));
    assert!(verified.forget_at(Duration::from_secs(WINDOW)) > world::now());
}

/// Compares with a parser that repairs: what it calls different is never the same.
fn assert_uri(htu: &str, target: &str) {
    let base = BaseUrl::new(BASE).unwrap();
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if base.check(htu, target).is_ok() {
        assert!(
            is_same(htu, &format!("{PLAIN_BASE}{path}")),
            "{htu} {target}"
        );
    }
    let is_legal = is_legal(path) && (path.is_empty() || path.starts_with('/'));
    if path.len() < 4096 {
        let exact = base.check(&format!("{PLAIN_BASE}{path}"), target);
        assert_eq!(exact.is_ok(), is_legal, "{target}: {exact:?}");
    }
}

/// Whether a path has only characters of RFC 3986 section 3.3.
fn is_legal(path: &str) -> bool {
    let mut escapes = path.split('%');
    let is_plain = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b))
    };
    escapes.next().is_some_and(is_plain)
        && escapes.all(|text| {
            let digits = text.as_bytes().first_chunk::<2>();
            digits.is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit)) && is_plain(&text[2..])
        })
}

fn is_same(htu: &str, expected: &str) -> bool {
    let authority = htu.split(['/', '?', '#']).nth(2).unwrap_or_default();
    let is_strict = htu.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && !authority.contains('@')
        && htu.to_ascii_lowercase().starts_with("https://");
    let (Ok(htu), Ok(expected)) = (Url::parse(htu), Url::parse(expected)) else {
        return false;
    };
    is_strict && htu.origin() == expected.origin() && plain(htu.path()) == plain(expected.path())
}

/// Decodes escapes of unreserved characters, and writes the others in upper case.
fn plain(path: &str) -> String {
    let mut parts = path.split('%');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match byte {
            Some(byte) if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                plain.push(char::from(byte));
            }
            Some(byte) => plain += &format!("%{byte:02X}"),
            None => return format!("malformed {path}"),
        }
        plain += &part[2..];
    }
    plain
}
