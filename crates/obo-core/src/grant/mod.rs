//! What a token is asked for with, and what comes of it.

pub(crate) mod cache_key;
mod digested;
pub(crate) mod echo;
pub(crate) mod issued_token;
pub(crate) mod request;
pub(crate) mod target;
pub(crate) mod token_endpoint;
pub(crate) mod token_request;

use std::sync::Arc;

use self::request::ExchangeRequest;
use self::target::Target;
use crate::validate::caller::Caller;

/// What a token endpoint is asked for.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A token on behalf of a user, in exchange for the user's own (RFC 8693).
    Exchange(ExchangeRequest),
    /// A token of this service's own (RFC 6749 section 4.4).
    ClientCredentials {
        /// The service that the token is for. Without one the token is about this service alone, such as an
        /// [`ActorToken`](crate::ActorToken).
        target: Option<Arc<Target>>,
        /// Whether a cached token is not enough.
        is_fresh: bool,
    },
}

impl Grant {
    /// A token of this service's own for `target`; a cached one is enough.
    pub fn client_credentials(target: Option<Arc<Target>>) -> Self {
        Self::ClientCredentials {
            target,
            is_fresh: false,
        }
    }

    /// The exchange, where it is one.
    pub fn exchange(&self) -> Option<&ExchangeRequest> {
        match self {
            Self::Exchange(request) => Some(request),
            Self::ClientCredentials { .. } => None,
        }
    }

    /// The user on whose behalf the token is.
    pub fn subject(&self) -> Option<&Caller> {
        self.exchange().map(ExchangeRequest::subject)
    }

    /// The service that the token is for.
    pub fn target(&self) -> Option<&Arc<Target>> {
        match self {
            Self::Exchange(request) => Some(request.shared_target()),
            Self::ClientCredentials { target, .. } => target.as_ref(),
        }
    }

    /// Whether a cached token is not enough.
    pub fn is_fresh(&self) -> bool {
        match self {
            Self::Exchange(request) => request.is_fresh(),
            Self::ClientCredentials { is_fresh, .. } => *is_fresh,
        }
    }
}

impl From<ExchangeRequest> for Grant {
    fn from(request: ExchangeRequest) -> Self {
        Self::Exchange(request)
    }
}
