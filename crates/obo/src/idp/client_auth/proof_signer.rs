use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;
use obo_core::binding::Thumbprint;
use obo_core::binding::dpop::{NewProof, ProofKey, PublicProofKey};
use obo_core::{ErrorClass, Secret, TokenEndpointError, compact_jws};
use tokio::time::{Instant, timeout_at};

use super::Given;
use super::assertion::misconfigured;
use super::remote_signer::RemoteSigner;

/// Signs the proofs of one key: in this process, or elsewhere.
pub(crate) enum ProofSigner {
    Own(ProofKey),
    Remote(Arc<RemoteKey>),
}

pub(crate) struct RemoteKey {
    public: PublicProofKey,
    signer: RemoteSigner,
    /// Whether a signature was verified, and no proof was rejected since.
    is_known: AtomicBool,
}

/// The header of a request, which is there already unless the key is elsewhere.
pub(crate) enum Proving {
    Signed(HeaderValue),
    Remote(Given<HeaderValue>),
}

impl ProofSigner {
    pub(super) fn remote(public: PublicProofKey, signer: RemoteSigner) -> Self {
        Self::Remote(Arc::new(RemoteKey {
            public,
            signer,
            is_known: AtomicBool::default(),
        }))
    }

    pub(crate) fn public(&self) -> &PublicProofKey {
        match self {
            Self::Own(key) => key.public(),
            Self::Remote(key) => &key.public,
        }
    }

    pub(crate) fn thumbprint(&self) -> &Thumbprint {
        self.public().thumbprint()
    }

    /// Verifies the next signature of a key elsewhere: a server has rejected a proof, and the
    /// signer may have another key by now.
    pub(crate) fn doubt(&self) {
        if let Self::Remote(key) = self {
            key.is_known.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn prove(&self, proof: &NewProof<'_>) -> Result<Proving, TokenEndpointError> {
        match self {
            Self::Own(key) => header(key.sign(proof)).map(Proving::Signed),
            Self::Remote(key) => {
                let (key, input) = (Arc::clone(key), key.public.signing_input(proof));
                Ok(Proving::Remote(Box::pin(async move {
                    let signature = key.sign(&input).await?;
                    header(Some(compact_jws(&input, &signature)))
                })))
            }
        }
    }
}

impl RemoteKey {
    async fn sign(&self, input: &str) -> Result<Vec<u8>, TokenEndpointError> {
        let signature = self.signer.sign(input).await?;
        // Not each one: that would cost as much as a signature, and servers verify it too.
        if !self.is_known.load(Ordering::Relaxed) {
            if !self.public.verifies(input, &signature) {
                return Err(misconfigured(format!(
                    "the signer of the DPoP key signed with another key than that of the JWK, whose thumbprint is {}, or \
                     not by {}; give `DpopKey::with_signer` the public half of the key that signs",
                    self.public.thumbprint(),
                    self.public.algorithm().name(),
                )));
            }
            self.is_known.store(true, Ordering::Relaxed);
        }
        Ok(signature)
    }
}

impl Proving {
    /// Waits for a key that is elsewhere, at most until the deadline.
    pub(crate) async fn before(self, deadline: Instant) -> Result<HeaderValue, TokenEndpointError> {
        let signing = match self {
            Self::Signed(proof) => return Ok(proof),
            Self::Remote(signing) => signing,
        };
        let signed = timeout_at(deadline, signing).await.unwrap_or_else(|_| {
            let problem = "the signer of the DPoP key did not sign before the deadline";
            Err(TokenEndpointError::new(ErrorClass::Transient, problem))
        });
        signed.map_err(TokenEndpointError::of_this_service)
    }
}

fn header(proof: Option<Secret>) -> Result<HeaderValue, TokenEndpointError> {
    let proof = proof.and_then(|proof| HeaderValue::from_str(proof.expose()).ok());
    let mut proof = proof.ok_or_else(|| misconfigured("the DPoP proof could not be signed"))?;
    proof.set_sensitive(true);
    Ok(proof)
}

impl From<ProofKey> for ProofSigner {
    fn from(key: ProofKey) -> Self {
        Self::Own(key)
    }
}

impl fmt::Debug for ProofSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProofSigner({})", self.thumbprint())
    }
}
