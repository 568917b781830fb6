use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use obo_core::dialect::{Dialect, Registration};
use obo_core::{
    CacheKey, CacheKeys, Caller, ExchangeRequest, IssuedToken, Target, TokenEndpointError,
    TokenRequest, UnixTime,
};

/// What the token endpoint is asked for.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// A token on behalf of a user.
    Exchange(ExchangeRequest),
    /// A token of this service's own.
    Own(Own),
}

#[derive(Clone, Debug)]
pub(crate) struct Own {
    /// For whom; without one, for nobody in particular.
    pub(crate) target: Option<Arc<Target>>,
    pub(crate) dialect: Option<Arc<dyn Dialect>>,
    pub(crate) is_fresh: bool,
}

impl Ask {
    pub(crate) fn caller(&self) -> Option<&Caller> {
        match self {
            Self::Exchange(request) => Some(request.subject()),
            Self::Own(_) => None,
        }
    }

    pub(crate) fn target(&self) -> Option<&Arc<Target>> {
        match self {
            Self::Exchange(request) => Some(request.shared_target()),
            Self::Own(own) => own.target.as_ref(),
        }
    }

    /// The dialect to ask in, where it is not that of the exchange.
    pub(super) fn dialect(&self) -> Option<&dyn Dialect> {
        match self {
            Self::Exchange(request) => request.dialect(),
            Self::Own(own) => own.dialect.as_deref(),
        }
    }

    /// Whether a token at hand will not do.
    pub(super) fn is_fresh(&self) -> bool {
        match self {
            Self::Exchange(request) => request.is_fresh(),
            Self::Own(own) => own.is_fresh,
        }
    }

    pub(super) fn key(&self, keys: &CacheKeys, dialect: &dyn Dialect) -> CacheKey {
        match self {
            Self::Exchange(request) => keys.exchange(&dialect.identity(), request),
            Self::Own(own) => keys.client(&dialect.identity(), own.target.as_deref()),
        }
    }

    pub(super) fn form(
        &self,
        dialect: &dyn Dialect,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        match self {
            Self::Exchange(request) => dialect.request(request, by),
            Self::Own(own) => dialect.client_request(own.target.as_deref(), by),
        }
    }

    pub(super) fn judge(
        &self,
        dialect: &dyn Dialect,
        answer: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        match self {
            Self::Exchange(request) => dialect.response(request, answer, now),
            Self::Own(own) => dialect.client_response(own.target.as_deref(), answer, now),
        }
    }
}

impl From<ExchangeRequest> for Ask {
    fn from(request: ExchangeRequest) -> Self {
        Self::Exchange(request)
    }
}
