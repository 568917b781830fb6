use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use obo_core::Target;

use super::cache::Place;
use super::entries::Outcome;
use super::{Exchanged, TokenSource};
use crate::idp::flight::{Flight, Interrupted};
use crate::observe;
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};
use crate::polled::polled_after_completion;

/// The future of [`TokenExchange`](super::TokenExchange). Dropping it does not cancel the exchange,
/// which others may wait for.
pub struct ResponseFuture(pub(super) State);

pub(super) enum State {
    Known(Option<Result<Exchanged, ExchangeError>>),
    Waiting {
        flight: Flight<Outcome>,
        place: Place,
        target: Option<Arc<Target>>,
    },
}

impl ResponseFuture {
    /// Reports a call that is not made, unless an exchange of its own reports it.
    pub(in crate::outbound) fn reported(self) -> Self {
        if let State::Known(Some(Err(error))) = &self.0 {
            observe::call_not_made(&error.failure());
        }
        self
    }

    pub(in crate::outbound) fn failed(error: ExchangeError) -> Self {
        Self(State::Known(Some(Err(error))))
    }
}

impl Future for ResponseFuture {
    type Output = Result<Exchanged, ExchangeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Known(known) => match known.take() {
                Some(known) => Poll::Ready(known),
                None => polled_after_completion("exchange::ResponseFuture"),
            },
            State::Waiting {
                flight,
                place,
                target,
            } => {
                let landed = ready!(Pin::new(flight).poll(cx));
                let issued = landed.unwrap_or_else(|Interrupted| {
                    let problem = "the exchange was interrupted";
                    let kind = ExchangeErrorKind::Transient;
                    let error = ExchangeError::new(kind, target.as_deref(), problem);
                    observe::call_not_made(&error.failure());
                    Err(error)
                });
                let place = *place;
                self.0 = State::Known(None);
                Poll::Ready(issued.map(|token| Exchanged {
                    token,
                    source: TokenSource::Exchange,
                    place,
                }))
            }
        }
    }
}

opaque_debug!(ResponseFuture);
