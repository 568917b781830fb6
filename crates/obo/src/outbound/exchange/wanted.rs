use std::sync::Arc;

use obo_core::Grant;
use obo_core::dialect::Dialect;

/// The token that is requested, and the dialect of the request.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) grant: Grant,
    /// `None` for the dialect of the exchange.
    pub(crate) dialect: Option<Arc<dyn Dialect>>,
}

impl<G: Into<Grant>> From<G> for Wanted {
    fn from(grant: G) -> Self {
        Self {
            grant: grant.into(),
            dialect: None,
        }
    }
}
