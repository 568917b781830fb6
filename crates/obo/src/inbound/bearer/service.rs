use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response, header};
use tower_service::Service;

use super::caller::let_pass_without;
use super::credentials::{absent, credentials};
use super::future::{Pending, State};
use super::{BearerAuthLayer, ResponseFuture};
use crate::inbound::resource_server::{Verdict, Waited};
use crate::observe;

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

    inner_accessors!(S);
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
        let state = match self.layer.admit(&mut request, None) {
            Verdict::Admitted(()) => State::passed(request, &mut self.inner),
            Verdict::Refused(rejection) => State::refused(&rejection, &request),
            Verdict::Wait(wait) => {
                // What makes this service ready, such as a permit, is left to others: a clone is polled after the wait.
                self.inner = self.inner.clone();
                let pending = Some(Pending {
                    layer: self.layer.clone(),
                    request,
                    inner: self.inner.clone(),
                });
                State::Waiting { wait, pending }
            }
        };
        ResponseFuture {
            state,
            metadata: self.layer.metadata.clone(),
        }
    }
}

impl BearerAuthLayer {
    /// Judges a request, also after a wait: there may be one for the keys, then one for the issuer's answer.
    pub(super) fn admit<B>(&self, request: &mut Request<B>, waited: Option<Waited>) -> Verdict<()> {
        let verdict = match credentials(request.headers(), request.uri()) {
            Ok(Some(found)) => self.server.judge(found, waited),
            Ok(None) if self.open.covers(request) => {
                // What another layer may have admitted is not admitted by this one.
                let_pass_without(request.extensions_mut());
                observe::anonymous(request);
                conceal(request.headers_mut());
                return Verdict::Admitted(());
            }
            Ok(None) => return Verdict::Refused(absent(request.headers())),
            Err(rejection) => return Verdict::Refused(rejection),
        };
        match verdict {
            Verdict::Admitted(caller) => {
                observe::allowed(request, &caller);
                request.extensions_mut().insert(caller);
                conceal(request.headers_mut());
                Verdict::Admitted(())
            }
            Verdict::Refused(rejection) => Verdict::Refused(rejection),
            Verdict::Wait(wait) => Verdict::Wait(wait),
        }
    }
}

/// Keeps the credentials, of whatever scheme, out of logs of headers and out of the tables of HTTP/2. There is one line.
fn conceal(headers: &mut HeaderMap) {
    if let Some(credentials) = headers.get_mut(header::AUTHORIZATION) {
        credentials.set_sensitive(true);
    }
}
