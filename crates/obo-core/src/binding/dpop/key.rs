use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use crate::binding::thumbprint::Thumbprint;
use crate::error::ConfigError;
use crate::jose::crypto::{Algorithm, PublicKey, digest};
use crate::jose::jwk::PublicJwk;
use crate::jose::signing::{SigningKey, compact_jws};
use crate::secret::Secret;
use crate::time::UnixTime;

/// The key of this service, with which it proves its own requests (RFC 9449 section 4).
///
/// For a key that another system holds, see [`PublicProofKey`].
///
/// ```
/// use obo_core::binding::dpop::{NewProof, ProofKey};
/// use obo_core::{Algorithm, Secret, SigningKey, UnixTime};
///
/// let jwk = r#"{"kty":"OKP","crv":"Ed25519",
///     "d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
///     "x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
/// let key = ProofKey::new(SigningKey::from_jwk(Algorithm::Ed25519, &Secret::new(jwk))?)?;
/// assert_eq!(key.thumbprint().to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
/// let proof = key.sign(&NewProof {
///     method: "POST",
///     uri: "https://idp.example.com/token",
///     token: None,
///     nonce: None,
///     jti: "vj2wTUQ1nOlc8zXK", // 96 random bits, new for each proof
///     now: UnixTime::from_secs(1_800_000_000),
/// });
/// assert!(proof.is_some());
/// # Ok::<(), obo_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct ProofKey {
    public: PublicProofKey,
    key: SigningKey,
}

/// The public half of a proof key: it writes what an external signer signs.
///
/// ```
/// use obo_core::binding::dpop::{NewProof, PublicProofKey};
/// use obo_core::{Algorithm, Secret, compact_jws};
///
/// fn prove(key: &PublicProofKey, proof: &NewProof<'_>, sign: fn(&[u8]) -> Vec<u8>) -> Secret {
///     let input = key.signing_input(proof);
///     compact_jws(&input, &sign(input.as_bytes()))
/// }
/// ```
#[derive(Clone)]
pub struct PublicProofKey {
    algorithm: Algorithm,
    thumbprint: Thumbprint,
    /// The encoded header and its dot.
    header: String,
    key: Arc<PublicKey>,
}

/// What a proof says (RFC 9449 section 4.2).
#[derive(Clone, Copy)]
pub struct NewProof<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The URI of the request. Query and fragment are left out.
    pub uri: &'a str,
    /// The token that the request carries; `None` for the token endpoint.
    pub token: Option<&'a str>,
    /// The latest nonce of the server, if it has sent one.
    pub nonce: Option<&'a str>,
    /// A new identifier for each proof, with at least 96 random bits.
    pub jti: &'a str,
    /// The time.
    pub now: UnixTime,
}

#[derive(Serialize)]
struct Claims<'a> {
    jti: &'a str,
    htm: &'a str,
    htu: &'a str,
    iat: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ath: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
}

impl ProofKey {
    /// Takes the private key. Its public half and the thumbprint are computed once.
    ///
    /// # Errors
    ///
    /// Fails if the public half is not a usable JWK, for example of an RSA key with less than 2048
    /// bits.
    pub fn new(key: SigningKey) -> Result<Self, ConfigError> {
        let jwk = key.public_jwk();
        let jwk = jwk.ok_or_else(|| ConfigError::new("dpop_key", "has no public half"))?;
        let public = PublicProofKey::new(key.algorithm(), &jwk)?;
        Ok(Self { public, key })
    }

    /// Makes a proof for one request: a compact JWS. `None` only if the cryptography library fails.
    pub fn sign(&self, proof: &NewProof<'_>) -> Option<Secret> {
        let input = self.public.signing_input(proof);
        let signature = self.key.sign(input.as_bytes())?;
        Some(compact_jws(&input, &signature))
    }

    /// The thumbprint of the key, for cache keys and to compare it with `jkt`.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.public.thumbprint
    }

    /// The public half.
    pub fn public(&self) -> &PublicProofKey {
        &self.public
    }
}

impl PublicProofKey {
    /// Reads a public JWK. Only the members that identify the key become part of proofs.
    ///
    /// # Errors
    ///
    /// Fails if the JWK is not a public key for `algorithm`.
    pub fn new(algorithm: Algorithm, jwk: &str) -> Result<Self, ConfigError> {
        let alg = algorithm.name();
        let wrong = |problem: &str, seen: &str| {
            let problem = format!("the JWK {problem} ({alg}){seen}");
            ConfigError::new("dpop_key", problem)
        };
        let jwk = PublicJwk::parse(jwk).map_err(|problem| wrong(problem, ""))?;
        let (key, members) = jwk.key(algorithm).map_err(|problem| {
            let fitting = jwk.first_algorithm().ok();
            let other = fitting.filter(|fitting| *fitting != algorithm);
            let seen = other.map(|other| format!(": it is a key for {}", other.name()));
            wrong(problem, &seen.unwrap_or_default())
        })?;
        let jwk = members.json().concat();
        let header = format!(r#"{{"typ":"dpop+jwt","alg":"{alg}","jwk":{jwk}}}"#);
        Ok(Self {
            algorithm,
            thumbprint: Thumbprint::of_members(&members),
            header: URL_SAFE_NO_PAD.encode(header) + ".",
            key: Arc::new(key),
        })
    }

    /// The text to sign. [`compact_jws`] joins it with the signature.
    pub fn signing_input(&self, proof: &NewProof<'_>) -> String {
        let ath = proof
            .token
            .map(|token| URL_SAFE_NO_PAD.encode(digest(token.as_bytes())));
        let claims = Claims {
            jti: proof.jti,
            htm: proof.method,
            htu: proof.uri.split(['?', '#']).next().unwrap_or_default(),
            iat: proof.now.as_secs(),
            ath: ath.as_deref(),
            nonce: proof.nonce,
        };
        let mut json = Vec::with_capacity(192 + claims.htu.len() + proof.nonce.map_or(0, str::len));
        // Strings and a number into memory: writing them cannot fail.
        let _ = serde_json::to_writer(&mut json, &claims);
        let mut input = String::with_capacity(self.header.len() + json.len().div_ceil(3) * 4);
        input.push_str(&self.header);
        URL_SAFE_NO_PAD.encode_string(json, &mut input);
        input
    }

    /// Whether this key has signed the text, to find a signer that has another key.
    pub fn verifies(&self, signing_input: &str, signature: &[u8]) -> bool {
        self.key.verifies(signing_input.as_bytes(), signature)
    }

    /// The thumbprint of the key.
    pub fn thumbprint(&self) -> &Thumbprint {
        &self.thumbprint
    }

    /// The algorithm with which the signer must sign.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl fmt::Debug for ProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (algorithm, thumbprint) = (self.public.algorithm, self.public.thumbprint);
        write!(f, "ProofKey({algorithm:?}, {thumbprint}, [redacted])")
    }
}

impl fmt::Debug for PublicProofKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PublicProofKey({:?}, {})",
            self.algorithm, self.thumbprint
        )
    }
}

impl fmt::Debug for NewProof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NewProof({:?}, [redacted])", self.method)
    }
}
