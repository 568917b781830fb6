use std::sync::Arc;

use obo_core::Grant;
use obo_core::dialect::Dialect;

use crate::idp::client_auth::ProofSigner;

/// The token that is requested, and the dialect of the request.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) grant: Grant,
    /// `None` for the dialect of the exchange.
    pub(crate) dialect: Option<Arc<dyn Dialect>>,
    /// Of the key that the grant binds the token to.
    pub(crate) signer: Option<Arc<ProofSigner>>,
}

impl Wanted {
    /// With a signer, the token is bound to its key.
    pub(crate) fn new(
        grant: impl Into<Grant>,
        dialect: Option<Arc<dyn Dialect>>,
        signer: Option<Arc<ProofSigner>>,
    ) -> Self {
        let thumbprint = signer.as_ref().map(|signer| *signer.thumbprint());
        Self {
            grant: grant.into().with_thumbprint(thumbprint),
            dialect,
            signer,
        }
    }
}

/// A bearer token.
impl<G: Into<Grant>> From<G> for Wanted {
    fn from(grant: G) -> Self {
        Self::new(grant, None, None)
    }
}
