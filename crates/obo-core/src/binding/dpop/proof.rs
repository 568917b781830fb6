use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method};

use super::base_url::{BaseUrl, MAX_URI};
use super::error::ProofError;
use crate::binding::thumbprint::{Thumbprint, read_digest};
use crate::error::TokenError;
use crate::jose::crypto::{Algorithm, PublicKey, are_same};
use crate::jose::jwk::PublicJwk;
use crate::time::UnixTime;
use crate::wire::base64url;
use crate::wire::json::{self, Names, Scanner, numeric_date};

/// The longest proof, in bytes. One with an RSA key of 8192 bits has less than 4 KiB.
const MAX_PROOF: usize = 8 * 1024;
/// The longest JSON of a segment. Base64 may need two bytes more.
const MAX_JSON: usize = MAX_PROOF / 4 * 3 + 2;
/// The longest `jti` and the longest `nonce`, in bytes.
const MAX_TEXT: usize = 256;
/// RSA with 8192 bits. Base64 may need two bytes more.
const MAX_SIGNATURE: usize = 1024 + 2;

/// The algorithms of proofs that are accepted by default: all that this crate verifies.
const DEFAULT: &[Algorithm] = &Algorithm::ALL;

/// A DPoP proof (RFC 9449 section 4.2) whose form was checked, and nothing else.
///
/// The form is as strict as that of a token: a compact JWS of JSON objects without duplicate
/// members, with `typ`, an asymmetric `alg`, and a public `jwk` that fits it.
pub struct Proof<'p> {
    header: Arc<ProofHeader>,
    claims: ProofClaims,
    signing_input: &'p str,
    signature: &'p str,
}

/// The header of a proof: the public key, its thumbprint and the algorithm.
///
/// A client sends the same one with each of its proofs, so it can be kept:
/// [`Proof::parse_with_header`].
pub struct ProofHeader {
    key: PublicKey,
    thumbprint: Thumbprint,
    algorithm: Algorithm,
}

/// The request that a proof must be for.
#[derive(Clone, Copy)]
pub struct ProofRequest<'r> {
    /// The method.
    pub method: &'r Method,
    /// Under which URL clients call this service.
    pub base: &'r BaseUrl,
    /// Path and query as they were received, before a router has changed them.
    pub target: &'r str,
    /// SHA-256 of the token that the request carries: [`BearerToken::digest`], or
    /// [`SubjectToken::digest`] of a validated token, which is computed once.
    ///
    /// [`BearerToken::digest`]: crate::BearerToken::digest
    /// [`SubjectToken::digest`]: crate::SubjectToken::digest
    pub token_digest: &'r [u8; 32],
    /// The time.
    pub now: UnixTime,
    /// How far `iat` may be off, either way. There is no leeway on top.
    pub window: Duration,
}

/// A proof of the sender's key, for one request.
///
/// It was not compared with the token's binding, and may have been used before.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedProof {
    /// The thumbprint of the key.
    pub key: Thumbprint,
    /// The identifier of the proof, unique for this key. At most 256 bytes.
    pub jti: String,
    /// When the client made it (`iat`).
    pub issued_at: UnixTime,
    /// The nonce of this service that it repeats. At most 256 bytes.
    pub nonce: Option<String>,
}

struct ProofClaims {
    jti: String,
    htm: Method,
    htu: String,
    iat: UnixTime,
    ath: [u8; 32],
    nonce: Option<String>,
}

impl<'p> Proof<'p> {
    /// The value of the one `DPoP` header of a request.
    ///
    /// # Errors
    ///
    /// [`ProofError::Missing`] or [`ProofError::Several`].
    pub fn header(headers: &'p HeaderMap) -> Result<&'p [u8], ProofError> {
        let mut lines = headers.get_all("dpop").iter();
        match (lines.next(), lines.next()) {
            (Some(line), None) => Ok(line.as_bytes()),
            (None, _) => Err(ProofError::Missing),
            (Some(_), Some(_)) => Err(ProofError::Several),
        }
    }

    /// Reads the value of the `DPoP` header.
    ///
    /// # Errors
    ///
    /// Returns the first rule of RFC 9449 section 4.3 that its form breaks.
    pub fn parse(value: &'p [u8]) -> Result<Self, ProofError> {
        Self::parse_with(value, DEFAULT)
    }

    /// As [`parse`](Self::parse), with another list of accepted algorithms.
    ///
    /// # Errors
    ///
    /// Fails like [`parse`](Self::parse).
    pub fn parse_with(value: &'p [u8], accepted: &[Algorithm]) -> Result<Self, ProofError> {
        Self::parse_with_header(value, |text| {
            ProofHeader::parse_with(text, accepted).map(Arc::new)
        })
    }

    /// As [`parse`](Self::parse), with the header from a function. It is called with the first
    /// segment, and returns what [`ProofHeader::parse`] returns for exactly this text, perhaps from
    /// a cache.
    ///
    /// # Errors
    ///
    /// Fails like [`parse`](Self::parse), and with the error of the function.
    pub fn parse_with_header(
        value: &'p [u8],
        header: impl FnOnce(&'p str) -> Result<Arc<ProofHeader>, ProofError>,
    ) -> Result<Self, ProofError> {
        if value.len() > MAX_PROOF {
            return Err(ProofError::TooLong { limit: MAX_PROOF });
        }
        if value.contains(&b',') {
            return Err(ProofError::Several);
        }
        let proof = str::from_utf8(value).map_err(|_| ProofError::Malformed("it is not ASCII"))?;
        let segments = || {
            let (signing_input, signature) = proof.rsplit_once('.')?;
            let (header, payload) = signing_input.split_once('.')?;
            (!payload.contains('.')).then_some((signing_input, header, payload, signature))
        };
        let (signing_input, text, payload, signature) =
            segments().ok_or(ProofError::Malformed("it must have three segments"))?;
        let header = header(text)?;
        Ok(Self {
            header,
            claims: decoded(payload, "payload", ProofClaims::read)?,
            signing_input,
            signature,
        })
    }

    /// Checks that the proof is for this request and signed by its key.
    ///
    /// The signature is verified last, because it costs the most.
    ///
    /// Three checks are left: that the key is the one to which the token is bound
    /// ([`Binding::check`](crate::binding::Binding::check)), that the nonce is good where the
    /// service demands one, and, last, that the proof was not used before.
    ///
    /// # Errors
    ///
    /// Returns the first rule that the proof breaks.
    pub fn verify(self, request: ProofRequest<'_>) -> Result<VerifiedProof, ProofError> {
        let claims = self.claims;
        if claims.htm != *request.method {
            return Err(ProofError::Method {
                expected: crate::wire::seen::seen(request.method.as_str()),
            });
        }
        request.base.check(&claims.htu, request.target)?;
        let (window, now) = (request.window, request.now);
        let ago = now.saturating_since(claims.iat);
        if ago > window {
            return Err(ProofError::Expired { ago, window });
        }
        let early = claims.iat.saturating_since(now);
        if early > window {
            return Err(ProofError::IssuedInFuture { early, window });
        }
        if !are_same(&claims.ath, request.token_digest) {
            return Err(ProofError::OtherToken);
        }
        let mut signature = [0; MAX_SIGNATURE];
        let signature = base64url::decode_into(self.signature, &mut signature);
        let input = self.signing_input.as_bytes();
        if !signature.is_some_and(|signature| self.header.key.verifies(input, signature)) {
            return Err(ProofError::Signature);
        }
        Ok(VerifiedProof {
            key: self.header.thumbprint,
            jti: claims.jti,
            issued_at: claims.iat,
            nonce: claims.nonce,
        })
    }

    /// The algorithm of the proof.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }
}

impl ProofHeader {
    /// Reads the first segment of a proof.
    ///
    /// # Errors
    ///
    /// Returns the first rule of RFC 9449 section 4.3 that it breaks.
    pub fn parse(text: &str) -> Result<Self, ProofError> {
        Self::parse_with(text, DEFAULT)
    }

    fn parse_with(text: &str, accepted: &[Algorithm]) -> Result<Self, ProofError> {
        decoded(text, "header", |json| Self::read(json, accepted))
    }

    fn read(json: &[u8], accepted: &[Algorithm]) -> Result<Self, ProofError> {
        let header = Header::read(json)?;
        let algorithm = header.alg.as_deref().and_then(Algorithm::from_name);
        let algorithm = algorithm.filter(|algorithm| accepted.contains(algorithm));
        let algorithm = algorithm.ok_or_else(|| ProofError::Algorithm {
            expected: Vec::from_iter(accepted.iter().map(|alg| alg.name())).join(", "),
        })?;
        let jwk = header.jwk.ok_or(ProofError::Jwk("is missing"))?;
        let jwk = PublicJwk::parse_of_sender(jwk).map_err(ProofError::Jwk)?;
        let (key, members) = jwk.key(algorithm).map_err(ProofError::Jwk)?;
        Ok(Self {
            key,
            thumbprint: Thumbprint::of_members(&members),
            algorithm,
        })
    }
}

/// Reads the JSON of a segment.
fn decoded<T>(
    segment: &str,
    part: &'static str,
    read: impl FnOnce(&[u8]) -> Result<T, ProofError>,
) -> Result<T, ProofError> {
    let mut json = [0; MAX_JSON];
    let json = base64url::decode_into(segment, &mut json);
    read(json.ok_or(ProofError::Malformed(part))?)
}

impl VerifiedProof {
    /// From when on no clock of this service accepts the proof, so its `jti` may be forgotten. With
    /// another clock that shares the record of used proofs, add by how far it may be off.
    pub fn forget_at(&self, window: Duration) -> UnixTime {
        // The end of the window is still in it.
        let end = self.issued_at.saturating_add(window);
        end.saturating_add(Duration::from_secs(1))
    }
}

/// A JSON error of a part.
fn in_part(error: &TokenError, part: &'static str) -> ProofError {
    match error {
        TokenError::DuplicateMember(_) => ProofError::DuplicateMember(part),
        _ => ProofError::Malformed(part),
    }
}

/// Reads each member of a strict JSON object.
fn members<'j>(
    json: &'j [u8],
    part: &'static str,
    mut each: impl FnMut(&str, &'j str) -> Result<(), ProofError>,
) -> Result<(), ProofError> {
    let json = str::from_utf8(json).map_err(|_| ProofError::Malformed(part))?;
    let mut json = Scanner::of(json, part);
    let (mut names, mut first) = (Names::default(), Ok(()));
    let read = json.object(|json, name| {
        let value = json.value_checked_inside()?;
        json.check_scalar(value)?;
        if first.is_ok() {
            first = each(&name, value);
        }
        names.push(name);
        Ok(())
    });
    read.and_then(|()| json.end())
        .and_then(|()| names.check(part))
        .map_err(|error| in_part(&error, part))?;
    first
}

struct Header<'j> {
    alg: Option<Cow<'j, str>>,
    jwk: Option<&'j str>,
}

impl<'j> Header<'j> {
    fn read(json: &'j [u8]) -> Result<Self, ProofError> {
        let (mut alg, mut typ, mut jwk) = (None, None, None);
        members(json, "header", |name, value| {
            match name {
                "alg" => alg = json::text(value),
                "typ" => typ = json::text(value),
                "jwk" => jwk = Some(value),
                "crit" => return Err(ProofError::Header("crit")),
                "b64" => return Err(ProofError::Header("b64")),
                "zip" => return Err(ProofError::Header("zip")),
                "cty" => return Err(ProofError::Header("cty")),
                "enc" => return Err(ProofError::Header("enc")),
                _ => {}
            }
            Ok(())
        })?;
        match typ.is_some_and(|typ| is_type(&typ)) {
            true => Ok(Self { alg, jwk }),
            false => Err(ProofError::Type),
        }
    }
}

/// Media types are compared without case and without `application/` (RFC 7515 section 4.1.9).
fn is_type(typ: &str) -> bool {
    ["dpop+jwt", "application/dpop+jwt"]
        .iter()
        .any(|own| typ.eq_ignore_ascii_case(own))
}

impl ProofClaims {
    fn read(json: &[u8]) -> Result<Self, ProofError> {
        let (mut jti, mut htm, mut htu, mut iat) = (None, None, None, None);
        let (mut ath, mut nonce) = (None, None);
        members(json, "payload", |name, value| {
            match name {
                "jti" => jti = Some(bounded("jti", value, MAX_TEXT)?),
                "htm" => {
                    let method = json::text(value).filter(|text| text.len() <= MAX_TEXT);
                    let method = method.and_then(|it| Method::from_bytes(it.as_bytes()).ok());
                    htm = Some(method.ok_or(ProofError::InvalidClaim("htm"))?);
                }
                "htu" => htu = Some(bounded("htu", value, MAX_URI)?),
                "nonce" => nonce = Some(bounded("nonce", value, MAX_TEXT)?),
                "iat" => {
                    let time = numeric_date(value).ok_or(ProofError::InvalidClaim("iat"))?;
                    iat = Some(time);
                }
                "ath" => {
                    let hash = json::text(value);
                    let hash = hash.and_then(|hash| read_digest(&hash));
                    ath = Some(hash.ok_or(ProofError::InvalidClaim("ath"))?);
                }
                _ => {}
            }
            Ok(())
        })?;
        let missing = ProofError::MissingClaim;
        Ok(Self {
            jti: jti.ok_or(missing("jti"))?,
            htm: htm.ok_or(missing("htm"))?,
            htu: htu.ok_or(missing("htu"))?,
            iat: iat.ok_or(missing("iat"))?,
            ath: ath.ok_or(missing("ath"))?,
            nonce,
        })
    }
}

/// A string that is neither empty nor longer than `most` bytes.
fn bounded(claim: &'static str, value: &str, most: usize) -> Result<String, ProofError> {
    let text = json::non_empty(value).filter(|text| text.len() <= most);
    let text = text.ok_or(ProofError::InvalidClaim(claim))?;
    Ok(text.into_owned())
}

impl fmt::Debug for Proof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.header, f)
    }
}

impl fmt::Debug for ProofHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proof({:?}, {})", self.algorithm, self.thumbprint)
    }
}

impl fmt::Debug for ProofRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (method, base) = (self.method, self.base);
        write!(f, "ProofRequest({method}, {base}, [redacted])")
    }
}

impl fmt::Debug for VerifiedProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedProof({}, {:?})", self.key, self.issued_at)
    }
}
