//! DPoP proofs (RFC 9449 section 4.3), one rule after another.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use obo_core::binding::Thumbprint;
use obo_core::binding::dpop::{
    BaseUrl, Proof, ProofError, ProofHeader, ProofRequest, VerifiedProof,
};
use obo_core::{Algorithm, BearerToken, UnixTime};
use obo_test_support::{Members, Signer};

use crate::proof_making::{for_resource, key_of};
use crate::signer::{ED25519, FORGER, P256, P384, RSA, b64};
use crate::validate::NOW;

pub(crate) const TOKEN: &str = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
/// RFC 9449 section 7.1.
pub(crate) const ATH: &str = "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo";
const WINDOW: Duration = Duration::from_secs(60);

/// A proof that is accepted, unless a test changes it.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) header: Members,
    pub(crate) claims: Members,
    pub(crate) signer: &'static Signer,
}

impl Draft {
    pub(crate) fn new() -> Self {
        Self::by(&P256, "ES256")
    }

    pub(crate) fn by(signer: &'static Signer, alg: &str) -> Self {
        let mut header = Members::default();
        header.repeat("typ", r#""dpop+jwt""#);
        header.repeat("alg", format!("{alg:?}"));
        header.repeat("jwk", format!("{{{}}}", signer.key_members()));
        let mut claims = Members::default();
        claims.repeat("jti", r#""e1j3V_bKic8-LAEB""#);
        claims.repeat("htm", r#""GET""#);
        claims.repeat("htu", r#""https://resource.example.org/protectedresource""#);
        claims.repeat("iat", NOW.as_secs().to_string());
        claims.repeat("ath", format!("{ATH:?}"));
        Self {
            header,
            claims,
            signer,
        }
    }

    pub(crate) fn header(mut self, name: &str, json: &str) -> Self {
        self.header.set(name, json);
        self
    }

    pub(crate) fn claim(mut self, name: &str, json: &str) -> Self {
        self.claims.set(name, json);
        self
    }

    pub(crate) fn sign(&self) -> String {
        let alg = self.header.get("alg").unwrap_or_default();
        let (header, claims) = (self.header.json(), self.claims.json());
        self.signer
            .compact(alg.trim_matches('"'), header.as_bytes(), claims.as_bytes())
    }

    pub(crate) fn verdict(&self) -> Result<VerifiedProof, ProofError> {
        verdict_at(&self.sign(), NOW)
    }

    pub(crate) fn refusal(&self) -> ProofError {
        self.verdict().unwrap_err()
    }
}

pub(crate) fn verdict_at(proof: &str, now: UnixTime) -> Result<VerifiedProof, ProofError> {
    let base = BaseUrl::new("https://resource.example.org").unwrap();
    Proof::parse(proof.as_bytes())?.verify(ProofRequest {
        method: &Method::GET,
        base: &base,
        target: "/protectedresource",
        token_digest: &BearerToken::parse(TOKEN).unwrap().digest(),
        now,
        window: WINDOW,
    })
}

/// DP-01, DP-08, DP-09: the request in RFC 9449 section 7.1.
#[test]
fn rfc_9449_example_verifies() {
    let proof = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0",
        "VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10",
        "NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjo",
        "iR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI",
        "6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2o",
        "W9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA",
    );
    let issued = UnixTime::from_secs(1_562_262_618);
    let verified = verdict_at(proof, issued).unwrap();
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    assert_eq!(verified.key, Thumbprint::parse(jkt).unwrap());
    assert_eq!(verified.jti, "e1j3V_bKic8-LAEB");
    assert_eq!(verified.issued_at, issued);
    assert_eq!(verified.nonce, None);
}

/// DP-02, DP-08: the request to the token endpoint in RFC 9449 section 4.1 has no `ath`.
#[test]
fn token_endpoint_proof_is_rejected() {
    let proof = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0",
        "VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10",
        "NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjo",
        "iUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.",
        "2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
    );
    let refused = verdict_at(proof, UnixTime::from_secs(1_562_262_616)).unwrap_err();
    assert_eq!(refused, ProofError::MissingClaim("ath"));
}

/// DP-02
#[test]
fn each_algorithm_verifies() {
    for (signer, algs) in [
        (&*P256, &["ES256"][..]),
        (&*P384, &["ES384"]),
        (&*ED25519, &["EdDSA", "Ed25519"]),
        (
            &*RSA,
            &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ),
    ] {
        for alg in algs {
            let draft = Draft::by(signer, "").header("alg", &format!("{alg:?}"));
            let verified = draft.verdict().unwrap();
            let jwk = format!("{{{}}}", signer.key_members());
            assert_eq!(verified.key, Thumbprint::of_jwk(&jwk).unwrap(), "{alg}");
        }
    }
    let proof = Draft::new().sign();
    let refused = Proof::parse_with(proof.as_bytes(), &[Algorithm::Ps256, Algorithm::Es384]);
    let refused = refused.unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("expected one of PS256, ES384")
    );
}

/// DP-03
#[test]
fn each_claim_is_required() {
    for name in ["jti", "htm", "htu", "iat", "ath"] {
        let mut draft = Draft::new();
        draft.claims.remove(name);
        assert_eq!(draft.refusal(), ProofError::MissingClaim(name));
        for odd in ["null", "true", "{}", "[]", r#""""#] {
            let refused = Draft::new().claim(name, odd).refusal();
            assert_eq!(refused, ProofError::InvalidClaim(name), "{odd}");
        }
    }
    let long = format!("{:?}", "j".repeat(257));
    for name in ["jti", "nonce", "htm"] {
        let refused = Draft::new().claim(name, &long).refusal();
        assert_eq!(refused, ProofError::InvalidClaim(name));
    }
    let longest = "j".repeat(256);
    let draft = Draft::new().claim("jti", &format!("{longest:?}"));
    assert_eq!(draft.verdict().unwrap().jti, longest);
    for iat in ["-1", "1e300", r#""1800000000""#] {
        let refused = Draft::new().claim("iat", iat).refusal();
        assert_eq!(refused, ProofError::InvalidClaim("iat"), "{iat}");
    }
}

/// DP-16
#[test]
fn nonce_is_read() {
    let draft = Draft::new().claim("nonce", r#""eyJ7S_zG.eyJH0-Z.HX4w-7v""#);
    let nonce = draft.verdict().unwrap().nonce;
    assert_eq!(nonce.as_deref(), Some("eyJ7S_zG.eyJH0-Z.HX4w-7v"));
}

/// DP-04
#[test]
fn method_must_be_equal() {
    for htm in ["get", "Get", "POST", "HEAD", "GET, POST"] {
        let refused = Draft::new().claim("htm", &format!("{htm:?}")).refusal();
        assert!(
            matches!(
                refused,
                ProofError::Method { .. } | ProofError::InvalidClaim("htm")
            ),
            "{htm}"
        );
    }
}

/// DP-05
#[test]
fn uri_must_be_equal() {
    for (htu, is_equal) in [
        ("https://resource.example.org/protectedresource", true),
        (
            "https://RESOURCE.example.org:443/protected%72esource?a#b",
            true,
        ),
        ("https://resource.example.org/protectedresource/", false),
        ("https://resource.example.com/protectedresource", false),
        ("http://resource.example.org/protectedresource", false),
        ("/protectedresource", false),
    ] {
        let verdict = Draft::new().claim("htu", &format!("{htu:?}")).verdict();
        assert_eq!(verdict.is_ok(), is_equal, "{htu}");
    }
    let long = format!("\"https://resource.example.org/{}\"", "x".repeat(4096));
    assert!(matches!(
        Draft::new().claim("htu", &long).refusal(),
        ProofError::OtherUri { part: "path", .. }
    ));
}

/// DP-07
#[test]
fn window_alone_bounds_time() {
    let proof = Draft::new().sign();
    let at = |seconds: i64| {
        let now = NOW.as_secs().checked_add_signed(seconds).unwrap();
        verdict_at(&proof, UnixTime::from_secs(now))
    };
    for inside in [-60, -59, 0, 59, 60] {
        assert!(at(inside).is_ok(), "{inside}");
    }
    let (ago, early) = (Duration::from_secs(61), Duration::from_secs(61));
    assert_eq!(
        at(61),
        Err(ProofError::Expired {
            ago,
            window: WINDOW
        })
    );
    assert_eq!(
        at(-61),
        Err(ProofError::IssuedInFuture {
            early,
            window: WINDOW
        })
    );
    let later = UnixTime::from_duration(Duration::new(NOW.as_secs() + 60, 1));
    assert!(verdict_at(&proof, later).is_err());
    // What must not be used again is kept for longer than it is accepted.
    let verified = at(0).unwrap();
    let forget_at = verified.forget_at(WINDOW);
    assert!(verdict_at(&proof, forget_at).is_err());
    assert_eq!(forget_at.as_secs(), NOW.as_secs() + 61);
}

/// DP-08
#[test]
fn proof_is_for_one_token() {
    let other = b64([7; 32]);
    let refused = Draft::new().claim("ath", &format!("{other:?}")).refusal();
    assert_eq!(refused, ProofError::OtherToken);
    for odd in [format!("{ATH}="), ATH[1..].to_owned(), "a1".repeat(32)] {
        let refused = Draft::new().claim("ath", &format!("{odd:?}")).refusal();
        assert_eq!(refused, ProofError::InvalidClaim("ath"), "{odd}");
    }
}

/// DP-02
#[test]
fn signature_must_be_of_the_key() {
    let jwk = format!("{{{}}}", P256.key_members());
    let forged = Draft::by(&FORGER, "ES256").header("jwk", &jwk);
    assert_eq!(forged.refusal(), ProofError::Signature);
    let good = Draft::new().sign();
    let (input, signature) = good.rsplit_once('.').unwrap();
    for bad in [
        "",
        "A",
        "AAAA",
        &signature[4..],
        &format!("{signature}AAAA"),
    ] {
        let refused = verdict_at(&format!("{input}.{bad}"), NOW).unwrap_err();
        assert_eq!(refused, ProofError::Signature, "{bad}");
    }
    // Each part is signed.
    let other = Draft::new().claim("jti", r#""another""#).sign();
    let (other, _) = other.rsplit_once('.').unwrap();
    assert_eq!(
        verdict_at(&format!("{other}.{signature}"), NOW),
        Err(ProofError::Signature)
    );
}

/// DP-01
#[test]
fn errors_show_nothing_of_the_proof() {
    let secret = "s3cr3t";
    let texts = [
        Draft::new().claim("htm", r#""s3cr3t""#).refusal(),
        Draft::new()
            .claim("htu", r#""https://s3cr3t.example""#)
            .refusal(),
        Draft::new().claim("htu", r#""s3cr3t""#).refusal(),
        Draft::new().header("typ", r#""s3cr3t""#).refusal(),
        Draft::new().claim("ath", r#""s3cr3t""#).refusal(),
    ];
    for error in texts {
        assert!(!format!("{error} {error:?}").contains(secret), "{error}");
        assert!(error.code().starts_with("proof_"));
    }
    let proof = Draft::new().claim("jti", r#""s3cr3t""#).sign();
    let read = Proof::parse(proof.as_bytes()).unwrap();
    let verified = verdict_at(&proof, NOW).unwrap();
    assert!(!format!("{read:?} {verified:?}").contains(secret));
}

#[test]
fn proofs_take_few_allocations() {
    let proof = Draft::new().claim("nonce", r#""n""#).sign();
    verdict_at(&proof, NOW).unwrap();
    let read = allocation_counter::measure(|| {
        verdict_at(&proof, NOW).unwrap();
    });
    let base = allocation_counter::measure(|| {
        BaseUrl::new("https://resource.example.org").unwrap();
    });
    let counted = read.count_total - base.count_total;
    assert!(counted <= 10, "{counted}");
    let (text, _) = proof.split_once('.').unwrap();
    let header = Arc::new(ProofHeader::parse(text).unwrap());
    let with_known_header = allocation_counter::measure(|| {
        Proof::parse_with_header(proof.as_bytes(), |_| Ok(Arc::clone(&header))).unwrap();
    });
    let counted = with_known_header.count_total;
    assert!(counted <= 4, "{counted}");
    let key = key_of(&P256, Algorithm::Es256);
    let made = allocation_counter::measure(|| {
        key.sign(&for_resource("j", Some("n"))).unwrap();
    });
    assert!(made.count_total <= 9, "{}", made.count_total);
}
