use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use obo_core::{Caller, Target};
use tokio::time::Instant;

use super::cache::Place;
use super::engine::Engine;
use super::entries::Outcome;
use super::{Exchanged, TokenSource};
use crate::idp::client_auth::ProofSigner;
use crate::idp::flight::{Flight, Interrupted};
use crate::observe;
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};
use crate::polled::polled_after_completion;

/// The future of [`TokenExchange`](super::TokenExchange). Dropping it does not cancel the exchange,
/// which others may wait for.
pub struct ResponseFuture(pub(super) State);

pub(super) enum State {
    Known(Option<Result<Exchanged, ExchangeError>>),
    Waiting(Flight<Outcome>, Box<Waiter>),
}

/// A call that waits for an exchange.
pub(super) struct Waiter {
    pub(super) engine: Arc<Engine>,
    pub(super) place: Place,
    pub(super) caller: Option<Caller>,
    pub(super) target: Option<Arc<Target>>,
    /// When it joined the exchange of another call; `None` if it started the exchange.
    pub(super) joined_at: Option<Instant>,
    pub(super) is_recorded: bool,
    /// Of the key that the token is bound to.
    pub(super) signer: Option<Arc<ProofSigner>>,
}

impl Waiter {
    fn landed(&self, landed: Result<Outcome, Interrupted>) -> Result<Exchanged, ExchangeError> {
        let target = self.target.as_deref();
        let issued = landed.unwrap_or_else(|Interrupted| {
            let problem = "the exchange was interrupted";
            let kind = ExchangeErrorKind::Transient;
            Err(ExchangeError::new(kind, target, problem))
        });
        if self.is_recorded {
            let call = observe::Call {
                key: self.signer.as_ref().map(|signer| signer.thumbprint()),
                ..self.engine.settings.call_of(self.caller.as_ref())
            };
            match (&issued, self.joined_at) {
                (Ok(token), Some(at)) => {
                    let source = observe::Source::Shared(at.elapsed());
                    observe::token_obtained(source, call, target, token);
                }
                // The exchange itself has recorded it.
                (Ok(_), None) => {}
                (Err(error), _) => observe::call_not_made(&error.failure(), call),
            }
        }
        issued.map(|token| Exchanged {
            token,
            source: TokenSource::Exchange,
            place: self.place,
            signer: self.signer.clone(),
        })
    }
}

impl ResponseFuture {
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
            State::Waiting(flight, waiter) => {
                let landed = ready!(Pin::new(flight).poll(cx));
                let exchanged = waiter.landed(landed);
                self.0 = State::Known(None);
                Poll::Ready(exchanged)
            }
        }
    }
}

opaque_debug!(ResponseFuture);
