use std::sync::Arc;

use obo_core::{Algorithm, TokenEndpointError};

use super::assertion::misconfigured;
use super::{Closure, Given};

/// Signs with a key that is elsewhere, such as in a KMS or an HSM.
#[derive(Clone, Debug)]
pub(super) struct RemoteSigner {
    algorithm: Algorithm,
    sign: Closure<dyn Fn(Vec<u8>) -> Given<Vec<u8>> + Send + Sync>,
}

impl RemoteSigner {
    pub(super) fn new<S, F>(algorithm: Algorithm, sign: S) -> Self
    where
        S: Fn(Vec<u8>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<Vec<u8>, TokenEndpointError>> + Send + 'static,
    {
        Self {
            algorithm,
            sign: Closure(Arc::new(move |input| Box::pin(sign(input)))),
        }
    }

    /// The signature of the text, in the form of a JWS.
    pub(super) async fn sign(&self, input: &str) -> Result<Vec<u8>, TokenEndpointError> {
        let signature = self.sign.0(input.into()).await?;
        check_length(self.algorithm, &signature)?;
        Ok(signature)
    }
}

/// Rejects a signature that is not in the form of a JWS, which the server would not explain.
fn check_length(algorithm: Algorithm, signature: &[u8]) -> Result<(), TokenEndpointError> {
    let (fits, expected) = match algorithm {
        Algorithm::Es256 | Algorithm::Ed25519 => (signature.len() == 64, "64"),
        Algorithm::Es384 => (signature.len() == 96, "96"),
        _ => (signature.len() >= 256, "256 or more"),
    };
    if fits {
        return Ok(());
    }
    Err(misconfigured(format!(
        "the signer returned {} bytes for {}, whose signatures have {expected} in a JWS; convert DER to the form of a JWS",
        signature.len(),
        algorithm.name(),
    )))
}
