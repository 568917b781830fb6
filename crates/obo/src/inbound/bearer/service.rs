use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response, header};
use obo_core::Caller;
use tower_service::Service;

use super::caller::let_pass_without;
use super::credentials::{absent, credentials};
use super::{BearerAuthLayer, ResponseFuture};
use crate::inbound::resource_server::{Verdict, Wait, Waited};
use crate::observe;
use crate::refusal::rejection::Rejection;

/// The service that [`BearerAuthLayer`] makes.
#[derive(Clone, Debug)]
pub struct BearerAuth<S> {
    inner: S,
    layer: BearerAuthLayer,
}

impl<S> BearerAuth<S> {
    /// Wraps `inner`, as [`BearerAuthLayer`] does.
    pub fn new(inner: S, layer: BearerAuthLayer) -> Self {
        Self { inner, layer }
    }

    /// The wrapped service.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The wrapped service, to change it.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Unwraps the service.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

/// What becomes of a request.
pub(super) enum Step {
    Pass,
    Refuse(Rejection),
    Wait(Wait),
}

impl<S, B, R> Service<Request<B>> for BearerAuth<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let future = match self.layer.admit(&mut request) {
            Step::Pass => ResponseFuture::passed(request, &mut self.inner),
            Step::Refuse(rejection) => ResponseFuture::refused(&rejection, &request),
            Step::Wait(wait) => {
                // What makes this service ready, such as a permit, is left to others: a clone is polled after the wait.
                self.inner = self.inner.clone();
                ResponseFuture::waiting(wait, self.layer.clone(), request, self.inner.clone())
            }
        };
        future.naming(self.layer.metadata.clone())
    }
}

impl BearerAuthLayer {
    fn admit<B>(&self, request: &mut Request<B>) -> Step {
        let verdict = match credentials(request.headers(), request.uri()) {
            Ok(Some(found)) => self.server.judge(found),
            Ok(None) => return self.anonymous(request).into(),
            Err(rejection) => return Step::Refuse(rejection),
        };
        step(request, verdict)
    }

    /// Judges a request after a wait; there may be one for the keys, then one for the issuer's answer.
    pub(super) fn admit_after<B>(&self, request: &mut Request<B>, over: Waited) -> Step {
        let verdict = match credentials(request.headers(), request.uri()) {
            Ok(Some(found)) => self.server.judge_again(found, over),
            Ok(None) => return self.anonymous(request).into(),
            Err(rejection) => return Step::Refuse(rejection),
        };
        step(request, verdict)
    }

    fn anonymous<B>(&self, request: &mut Request<B>) -> Result<(), Rejection> {
        if !self.open.covers(request) {
            return Err(absent(request.headers()));
        }
        // What another layer may have admitted is not admitted by this one.
        let_pass_without(request.extensions_mut());
        conceal(request.headers_mut());
        observe::anonymous(request);
        Ok(())
    }
}

fn step<B>(request: &mut Request<B>, verdict: Verdict) -> Step {
    match verdict {
        Verdict::Admitted(caller) => pass(request, caller).into(),
        Verdict::Refused(rejection) => Step::Refuse(rejection),
        Verdict::Wait(wait) => Step::Wait(wait),
    }
}

fn pass<B>(request: &mut Request<B>, caller: Caller) -> Result<(), Rejection> {
    observe::allowed(request, &caller);
    request.extensions_mut().insert(caller);
    conceal(request.headers_mut());
    Ok(())
}

/// Keeps the credentials, of whatever scheme, out of logs of headers and out of the tables of HTTP/2. There is one line.
fn conceal(headers: &mut HeaderMap) {
    if let Some(credentials) = headers.get_mut(header::AUTHORIZATION) {
        credentials.set_sensitive(true);
    }
}

impl From<Result<(), Rejection>> for Step {
    fn from(decided: Result<(), Rejection>) -> Self {
        match decided {
            Ok(()) => Self::Pass,
            Err(rejection) => Self::Refuse(rejection),
        }
    }
}
