use http::Uri;
use obo_core::{Caller, ExchangeRequest};
use tower_layer::Layer;

use super::route::Route;
use super::{OnBehalfOf, Replay};
use crate::observe;
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};
use crate::outbound::exchange::{Exchanged, TokenExchange, Wanted};

/// Gives a client's requests tokens on behalf of their caller; [`TokenExchange::to`] and
/// [`TokenExchange::to_any`] make it.
///
/// `R` is how requests are [replayed](Replay), `()` if they are not.
#[derive(Clone, Debug)]
pub struct OnBehalfOfLayer<R = ()> {
    pub(super) exchange: TokenExchange,
    pub(super) replay: R,
    pub(super) route: Route,
}

impl OnBehalfOfLayer {
    pub(crate) fn new(exchange: TokenExchange, route: Route) -> Self {
        Self {
            exchange,
            replay: (),
            route,
        }
    }
}

impl<R> OnBehalfOfLayer<R> {
    /// Sends a request once more, with a new token, when the called service rejects the token of the first time.
    ///
    /// Without it such a token is let go too, so that the next request has a new one.
    #[must_use]
    pub fn replay<B>(self, replay: Replay<B>) -> OnBehalfOfLayer<Replay<B>> {
        OnBehalfOfLayer {
            exchange: self.exchange,
            replay,
            route: self.route,
        }
    }

    /// The token for a request of `caller` to `uri`, for a client that is no tower service.
    ///
    /// It is denied where a request would be, and has to be sent there and nowhere else.
    ///
    /// # Errors
    ///
    /// Why there is none; the caller's own token is never a substitute.
    pub async fn token<C>(
        &self,
        caller: &Caller<C>,
        uri: &Uri,
    ) -> Result<Exchanged, ExchangeError> {
        let wanted = self.wanted(Some(&caller.untyped()), uri, false);
        self.exchange
            .ask(wanted.inspect_err(|error| observe::call_not_made(&error.failure()))?)
            .await
    }

    /// What is to be exchanged for a request to `uri`, if it may go there.
    pub(super) fn wanted(
        &self,
        subject: Option<&Caller>,
        uri: &Uri,
        is_fresh: bool,
    ) -> Result<Wanted, ExchangeError> {
        let found = self.route.find(uri);
        let Some(subject) = subject else {
            return Err(ExchangeError::new(
                ExchangeErrorKind::NoSubject,
                found.as_ref().map(|found| &*found.target),
                "neither this client nor the request says on whose behalf it calls; \
                 use `on_behalf_of`, or put the caller into the request's extensions",
            ));
        };
        let found = found.ok_or_else(|| self.route.unknown(uri))?;
        let request = ExchangeRequest::new(subject, found.target);
        let request = match is_fresh {
            true => request.fresh(),
            false => request,
        };
        Ok(Wanted {
            grant: request.into(),
            dialect: found.dialect,
        })
    }
}

impl<S, R: Clone> Layer<S> for OnBehalfOfLayer<R> {
    type Service = OnBehalfOf<S, R>;

    fn layer(&self, inner: S) -> OnBehalfOf<S, R> {
        OnBehalfOf::new(inner, self.clone())
    }
}
