//! What a token is requested with, and the result.

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
use crate::binding::Thumbprint;
use crate::validate::caller::Caller;

/// A request for a token.
#[derive(Clone, Debug)]
pub enum Grant {
    /// A token on behalf of a user, in exchange for the user's token (RFC 8693).
    Exchange(ExchangeRequest),
    /// A token of this service's own (RFC 6749 section 4.4).
    ClientCredentials {
        /// The service that the token is for. Without one, the token only identifies this service,
        /// such as an [`ActorToken`](crate::ActorToken).
        target: Option<Arc<Target>>,
        /// Whether the token must be new, not cached.
        is_fresh: bool,
        /// Of the key that the token must be bound to.
        thumbprint: Option<Thumbprint>,
    },
}

impl Grant {
    /// A token of this service's own for `target`. A cached one is enough.
    pub fn client_credentials(target: Option<Arc<Target>>) -> Self {
        Self::ClientCredentials {
            target,
            is_fresh: false,
            thumbprint: None,
        }
    }

    /// Binds the token to the key with this thumbprint (RFC 9449 section 5). The request must have
    /// a proof of the key, and a token that is not bound to it is not accepted.
    #[must_use]
    pub fn with_thumbprint(self, thumbprint: Option<Thumbprint>) -> Self {
        match self {
            Self::Exchange(request) => Self::Exchange(request.with_thumbprint(thumbprint)),
            Self::ClientCredentials {
                target, is_fresh, ..
            } => Self::ClientCredentials {
                target,
                is_fresh,
                thumbprint,
            },
        }
    }

    /// The thumbprint of the key that the token must be bound to; `None` for a bearer token.
    pub fn thumbprint(&self) -> Option<&Thumbprint> {
        match self {
            Self::Exchange(request) => request.thumbprint(),
            Self::ClientCredentials { thumbprint, .. } => thumbprint.as_ref(),
        }
    }

    /// The exchange; `None` for client credentials.
    pub fn exchange(&self) -> Option<&ExchangeRequest> {
        match self {
            Self::Exchange(request) => Some(request),
            Self::ClientCredentials { .. } => None,
        }
    }

    /// The user on whose behalf the token is requested.
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

    /// Whether the token must be new, not cached.
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
