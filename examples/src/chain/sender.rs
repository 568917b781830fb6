//! What a token is bound to, and what the sender of a request has shown of it, for the page.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Request;
use obo::Caller;
use obo::binding::ClientCertificate;
use obo::time::{Clock, UnixTime};
use serde_json::{Value, json};

use super::Chain;
use super::binding::short;
use super::watch::parts;

/// A key or a certificate, by the start of its thumbprint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A key, which signs proofs.
    Key(String),
    /// A certificate of the connection.
    Certificate(String),
}

/// What the sender of a request has shown.
#[derive(Clone, Debug, Default)]
pub struct Sender {
    /// The proof of a key. It may be wrong or old.
    pub proof: Option<SentProof>,
    /// The certificate of the connection.
    pub certificate: Option<Proof>,
    /// Whether there is a header with a certificate, which no service of the chain reads.
    pub has_certificate_header: bool,
}

/// What a proof says.
#[derive(Clone, Debug)]
pub struct SentProof {
    /// The key in its header.
    pub key: Proof,
    /// For which method and URL it is.
    pub request: String,
    /// How many seconds ago it was made.
    pub age: i64,
}

impl Proof {
    /// What a JWT with these claims is bound to.
    pub(super) fn of_claims(claims: &Value) -> Option<Self> {
        let cnf = claims.get("cnf")?;
        let text = |name| Some(short(cnf.get(name)?.as_str()?));
        let key = text("jkt").map(Self::Key);
        key.or_else(|| text("x5t#S256").map(Self::Certificate))
    }

    /// What the token of a caller is bound to.
    pub(super) fn of_caller(caller: &Caller) -> Option<Self> {
        let binding = caller.binding();
        let key = binding.jkt.map(|jkt| Self::Key(short(&jkt.to_string())));
        key.or_else(|| binding.certificate.as_ref().map(Self::of_certificate))
    }

    fn of_certificate(thumbprint: &[u8; 32]) -> Self {
        Self::Certificate(short(&URL_SAFE_NO_PAD.encode(thumbprint)))
    }

    /// The thumbprint of a key on a curve (RFC 7638), which all keys of the chain are.
    fn of_jwk(jwk: &Value) -> Option<Self> {
        let member = |name| jwk.get(name).filter(|it| it.is_string());
        let members = json!({
            "crv": member("crv")?, "kty": member("kty")?, "x": member("x")?, "y": member("y")?
        });
        let digest = digest(&SHA256, members.to_string().as_bytes());
        Some(Self::Key(short(&URL_SAFE_NO_PAD.encode(digest))))
    }

    fn thumbprint(&self) -> &str {
        match self {
            Self::Key(thumbprint) | Self::Certificate(thumbprint) => thumbprint,
        }
    }
}

impl Sender {
    pub(super) fn of<B>(request: &Request<B>) -> Self {
        let headers = request.headers();
        let proof = headers.get("dpop").and_then(|it| it.to_str().ok());
        let certificate = request.extensions().get::<ClientCertificate>();
        Self {
            proof: proof.and_then(|it| SentProof::read(it, Clock::default().now())),
            certificate: certificate.map(|it| Proof::of_certificate(it.thumbprint())),
            has_certificate_header: headers.contains_key("client-cert"),
        }
    }
}

impl SentProof {
    fn read(proof: &str, now: UnixTime) -> Option<Self> {
        let [header, claims] = parts(proof)?;
        let text = |name| claims.get(name)?.as_str();
        let now = i64::try_from(now.as_secs()).ok()?;
        Some(Self {
            key: Proof::of_jwk(header.get("jwk")?)?,
            request: format!("{} {}", text("htm")?, text("htu")?),
            age: now - claims.get("iat")?.as_i64()?,
        })
    }
}

impl Chain {
    /// The words for a key or certificate: its kind, its thumbprint and whose it is.
    pub(super) fn named(&self, proof: &Proof) -> String {
        let holders = [
            ("the app", &self.app),
            ("service-a", &self.as_a),
            ("service-b", &self.as_b),
        ];
        let mut holders = holders.into_iter();
        let owner = holders.find(|(_, holder)| holder.shown() == proof.thumbprint());
        let owner = owner.map_or("another client", |(name, _)| name);
        match proof {
            Proof::Key(thumbprint) => format!("key {thumbprint} of {owner}"),
            Proof::Certificate(thumbprint) => format!("certificate {thumbprint} of {owner}"),
        }
    }
}
