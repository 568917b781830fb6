use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::future::Either;
use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use obo_core::{Caller, Target, TokenEndpointError};
use pin_project_lite::pin_project;
use tower::ServiceExt as _;
use tower::util::Oneshot;
use tower_service::Service;

use super::body::{ResponseBody, watched};
use super::downstream::{Refusal, refusal};
use super::replay::{Again, Resend};
use crate::box_error::BoxError;
use crate::idp::client_auth::{Given, Proving};
use crate::idp::proofs::{DPOP, DPOP_NONCE, has_nonce};
use crate::observe;
use crate::outbound::error::{CallError, ExchangeError};
use crate::outbound::exchange::{Exchanged, ResponseFuture as Exchanging, TokenExchange, Wanted};
use crate::polled::polled_after_completion;

const POLLED: &str = "on_behalf_of::ResponseFuture";

pin_project! {
    /// The future of [`OnBehalfOf`](crate::OnBehalfOf) and [`AppOnly`](crate::AppOnly).
    pub struct ResponseFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, B>,
        exchange: TokenExchange,
        // The target, if the token is a user's. `None` without a user, or if no token was
        // requested.
        of_user: Option<Arc<Target>>,
        // Taken when the first token is rejected.
        second: Option<Second<S, B>>,
        // Set if the token is bound, so that each request needs a proof.
        bound: Option<Box<Bound>>,
    }
}

pin_project! {
    #[project = StateProjection]
    enum State<S, B>
    where
        S: Service<Request<B>>,
    {
        Exchanging {
            exchanging: Exchanging,
            // Taken when the token arrives.
            pending: Option<Pending<S, B>>,
        },
        Signing {
            // Boxed, since only a key elsewhere needs it. Taken when the proof arrives.
            signing: Option<Box<Signing<S, B>>>,
        },
        Calling {
            #[pin]
            future: Either<S::Future, Oneshot<S, Request<B>>>,
            // Taken when the response arrives.
            exchanged: Option<Exchanged>,
        },
    }
}

/// A request that is not sent yet, and the service for it.
struct Pending<S, B> {
    request: Request<B>,
    inner: S,
    is_ready: bool,
}

impl<S: Clone, B> Pending<S, B> {
    /// Releases the service's readiness, such as a permit, while there is no token.
    fn release(&mut self) {
        if self.is_ready {
            self.inner = self.inner.clone();
            self.is_ready = false;
        }
    }
}

/// A request whose proof is signed elsewhere.
struct Signing<S, B> {
    proof: Given<HeaderValue>,
    exchanged: Exchanged,
    pending: Pending<S, B>,
}

/// What the proofs of a request need, and what is recorded of a request without one.
pub(super) struct Bound {
    /// Of the request as it is sent, without its query.
    pub(super) url: String,
    /// How many requests were sent.
    attempts: u32,
    caller: Option<Caller>,
    target: Option<Arc<Target>>,
}

impl Bound {
    /// Notices that the called service refuses the proof.
    pub(super) fn proof_refused(&self, exchanged: &Exchanged) {
        exchanged.doubt_signer();
        observe::proof_refused(self.target.as_deref());
    }
}

/// Records a call that is not made, since it has no proof that the called service accepts.
fn unproven(
    exchange: &TokenExchange,
    bound: Option<&Bound>,
    error: TokenEndpointError,
) -> CallError {
    let target = bound.and_then(|bound| bound.target.as_deref());
    let error = ExchangeError::of_token_endpoint(target, error);
    exchange.not_made(&error, bound.and_then(|bound| bound.caller.as_ref()));
    CallError::Exchange(error)
}

/// The most requests of one call.
const ATTEMPTS: u32 = 2;

/// A response that demands a nonce in the proof.
#[derive(Clone, Copy, Default)]
struct Demand {
    has_nonce: bool,
    /// Whether no other request may follow.
    is_last: bool,
}

impl Demand {
    /// Why it cannot be met.
    fn problem(self) -> Option<&'static str> {
        match self {
            Self {
                has_nonce: false, ..
            } => Some(
                "the called service demands a nonce in the proof, but its response has no usable `DPoP-Nonce`",
            ),
            Self { is_last: true, .. } => Some(
                "the called service demands another nonce in the proof than the one it has just sent",
            ),
            _ => None,
        }
    }
}

/// The data of a second attempt, if there may be one.
struct Second<S, B> {
    wanted: Wanted,
    parts: Parts,
    body: Again<B>,
    inner: S,
}

impl<S, B> Second<S, B> {
    /// The request once more, if its body can be replayed.
    fn pending(self) -> Option<(Wanted, Pending<S, B>)> {
        let body = (self.body)()?;
        let pending = Pending {
            request: Request::from_parts(self.parts, body),
            inner: self.inner,
            is_ready: false,
        };
        Some((self.wanted, pending))
    }
}

impl<S, B> ResponseFuture<S, B>
where
    S: Service<Request<B>>,
{
    /// Calls the inner service, which is ready, when the token arrives. If the token is rejected,
    /// calls it once more as `replay` says. With a `url`, requests have proofs for it.
    pub(super) fn new(
        exchange: TokenExchange,
        wanted: Result<Wanted, ExchangeError>,
        url: Option<String>,
        request: Request<B>,
        inner: &mut S,
        replay: &impl Resend<B>,
    ) -> Self
    where
        S: Clone,
    {
        let wanted = match wanted {
            Ok(wanted) => wanted,
            Err(error) => {
                // Releases the readiness, such as a permit.
                *inner = inner.clone();
                return Self::failed(exchange, error);
            }
        };
        let (request, again) = replay.prepare(request);
        let second = again.map(|(parts, body)| Second {
            wanted: wanted.clone(),
            parts,
            body,
            inner: inner.clone(),
        });
        // The service that was polled ready moves into the future; its clone must be polled ready
        // again.
        let clone = inner.clone();
        let pending = Pending {
            request,
            inner: mem::replace(inner, clone),
            is_ready: true,
        };
        let (caller, target) = (wanted.grant.subject(), wanted.grant.target());
        let of_user = caller.and(target).cloned();
        let bound = url.map(|url| {
            Box::new(Bound {
                url,
                attempts: 0,
                caller: caller.cloned(),
                target: target.cloned(),
            })
        });
        Self {
            state: State::exchanging(&exchange, wanted, pending),
            exchange,
            of_user,
            second,
            bound,
        }
    }

    fn failed(exchange: TokenExchange, error: ExchangeError) -> Self {
        Self {
            state: State::Exchanging {
                exchanging: Exchanging::failed(error),
                pending: None,
            },
            exchange,
            of_user: None,
            second: None,
            bound: None,
        }
    }
}

impl<S, B> State<S, B>
where
    S: Service<Request<B>>,
{
    fn exchanging(exchange: &TokenExchange, wanted: Wanted, pending: Pending<S, B>) -> Self {
        Self::Exchanging {
            exchanging: exchange.request(wanted),
            pending: Some(pending),
        }
    }

    /// Sends the request with the token. If it needs a proof that is signed elsewhere, waits for it
    /// first.
    fn with_token(
        exchange: &TokenExchange,
        bound: Option<&mut Bound>,
        exchanged: Exchanged,
        mut pending: Pending<S, B>,
    ) -> Result<Self, CallError> {
        let request = &mut pending.request;
        let authorization = exchanged.token().authorization().clone();
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, authorization);
        // A proof of the caller's own is not for this request.
        request.headers_mut().remove(&DPOP);
        if let Some(bound) = bound {
            bound.attempts += 1;
            let proving = exchange.prove(&exchanged, request.method(), &bound.url);
            match proving.transpose() {
                Ok(None) => {}
                Ok(Some(Proving::Signed(proof))) => {
                    request.headers_mut().insert(&DPOP, proof);
                }
                Ok(Some(remote)) => {
                    let signing = Signing {
                        proof: Box::pin(exchange.proven(remote)),
                        exchanged,
                        pending,
                    };
                    return Ok(Self::Signing {
                        signing: Some(Box::new(signing)),
                    });
                }
                Err(error) => return Err(unproven(exchange, Some(bound), error)),
            }
        }
        Ok(Self::calling(exchanged, pending))
    }

    fn calling(exchanged: Exchanged, pending: Pending<S, B>) -> Self {
        let Pending {
            request,
            mut inner,
            is_ready,
        } = pending;
        Self::Calling {
            future: match is_ready {
                true => Either::Left(inner.call(request)),
                false => Either::Right(inner.oneshot(request)),
            },
            exchanged: Some(exchanged),
        }
    }
}

impl<S, B, R> Future for ResponseFuture<S, B>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    S::Error: Into<BoxError>,
{
    type Output = Result<Response<ResponseBody<R>>, CallError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let next = match this.state.as_mut().project() {
                StateProjection::Exchanging {
                    exchanging,
                    pending,
                } => {
                    let Poll::Ready(exchanged) = Pin::new(exchanging).poll(cx) else {
                        if let Some(pending) = pending {
                            pending.release();
                        }
                        return Poll::Pending;
                    };
                    let exchanged = exchanged.map_err(CallError::Exchange)?;
                    let Some(pending) = pending.take() else {
                        polled_after_completion(POLLED)
                    };
                    let bound = this.bound.as_deref_mut();
                    State::with_token(this.exchange, bound, exchanged, pending)?
                }
                StateProjection::Signing { signing } => {
                    let Some(mut signed) = signing.take() else {
                        polled_after_completion(POLLED)
                    };
                    let Poll::Ready(proof) = signed.proof.as_mut().poll(cx) else {
                        signed.pending.release();
                        *signing = Some(signed);
                        return Poll::Pending;
                    };
                    let Signing {
                        exchanged,
                        mut pending,
                        ..
                    } = *signed;
                    let bound = this.bound.as_deref();
                    let proof = proof.map_err(|error| unproven(this.exchange, bound, error))?;
                    pending.request.headers_mut().insert(&DPOP, proof);
                    State::calling(exchanged, pending)
                }
                StateProjection::Calling { future, exchanged } => {
                    let called = ready!(future.poll(cx));
                    // Dropped below unless it is used, which ends the recording of the body.
                    let second = this.second.take();
                    let mut response = called.map_err(CallError::inner)?;
                    let Some(exchanged) = exchanged.take() else {
                        polled_after_completion(POLLED)
                    };
                    let (refusal, demand) = match this.bound.as_deref() {
                        None => (refusal(&response, false), Demand::default()),
                        Some(bound) => {
                            this.exchange.keep_nonce(&bound.url, response.headers());
                            let demand = Demand {
                                has_nonce: has_nonce(response.headers()),
                                is_last: bound.attempts >= ATTEMPTS,
                            };
                            (refusal(&response, true), demand)
                        }
                    };
                    // It is for this service, not for its caller.
                    response.headers_mut().remove(&DPOP_NONCE);
                    let again = match refusal {
                        None => None,
                        // Another token would be refused in the same way.
                        Some(Refusal::Proof) => {
                            if let Some(bound) = this.bound.as_deref() {
                                bound.proof_refused(&exchanged);
                            }
                            None
                        }
                        Some(Refusal::Token) => match this.exchange.reject(&exchanged) {
                            false => None,
                            true => second.and_then(Second::pending).map(|(wanted, pending)| {
                                State::exchanging(this.exchange, wanted, pending)
                            }),
                        },
                        Some(Refusal::Nonce) => {
                            if let Some(problem) = demand.problem() {
                                let bound = this.bound.as_deref();
                                let error = TokenEndpointError::unusable(problem);
                                return Poll::Ready(Err(unproven(this.exchange, bound, error)));
                            }
                            let pending = second.and_then(Second::pending);
                            let sent = pending.map(|(_, pending)| {
                                let bound = this.bound.as_deref_mut();
                                State::with_token(this.exchange, bound, exchanged.clone(), pending)
                            });
                            sent.transpose()?
                        }
                        // Without a user, the response is passed on.
                        Some(Refusal::StepUp(needed)) => match this.of_user.as_deref() {
                            None => None,
                            target => {
                                let error = ExchangeError::of_step_up(target, needed);
                                observe::step_up_required(&error.failure());
                                return Poll::Ready(Err(CallError::Exchange(error)));
                            }
                        },
                    };
                    match again {
                        Some(again) => again,
                        None => {
                            response.extensions_mut().insert(exchanged.source());
                            let bound = this.bound.take();
                            let watched = watched(response, this.exchange, exchanged, bound);
                            return Poll::Ready(Ok(watched));
                        }
                    }
                }
            };
            this.state.set(next);
        }
    }
}

opaque_debug!(ResponseFuture<S, B> where S: Service<Request<B>>);
