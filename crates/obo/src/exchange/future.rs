use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::{Exchanged, TokenSource};
use crate::flight::Landing;
use crate::{ExchangeError, IssuedToken};

/// The future of [`TokenExchange`](super::TokenExchange); dropping it leaves the exchange to those who still wait.
pub struct ResponseFuture(State);

enum State {
    Known(Option<Result<Exchanged, ExchangeError>>),
    Waiting {
        landing: Landing<Result<IssuedToken, ExchangeError>>,
        /// The error of a flight that panicked or met the end of the runtime.
        lost: ExchangeError,
    },
}

impl ResponseFuture {
    pub(super) fn at_hand(outcome: Result<IssuedToken, ExchangeError>) -> Self {
        Self(State::Known(Some(outcome.map(|token| Exchanged {
            token,
            source: TokenSource::Cache,
        }))))
    }

    pub(super) fn failed(error: ExchangeError) -> Self {
        Self(State::Known(Some(Err(error))))
    }

    pub(super) fn waiting(
        landing: Landing<Result<IssuedToken, ExchangeError>>,
        lost: ExchangeError,
    ) -> Self {
        Self(State::Waiting { landing, lost })
    }
}

impl Future for ResponseFuture {
    type Output = Result<Exchanged, ExchangeError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Known(known) => known.take().map_or(Poll::Pending, Poll::Ready),
            State::Waiting { landing, lost } => {
                let landed = ready!(Pin::new(landing).poll(cx));
                let issued = landed.unwrap_or_else(|_| Err(lost.clone()));
                self.0 = State::Known(None);
                Poll::Ready(issued.map(|token| Exchanged {
                    token,
                    source: TokenSource::Exchange,
                }))
            }
        }
    }
}

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}
