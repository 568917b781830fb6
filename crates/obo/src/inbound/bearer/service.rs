use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response, header};
use tower_service::Service;

use super::caller::mark_without_caller;
use super::credentials::{absent, credentials};
use super::future::{Pending, State};
use super::{BearerAuthLayer, ResponseFuture};
use crate::inbound::bound_tokens::{Presented, Schemes};
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

    /// Releases the readiness of the inner service, such as a permit.
    fn release(&mut self)
    where
        S: Clone,
    {
        self.inner = self.inner.clone();
    }
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
        let schemes = self.layer.schemes(request.headers());
        let state = match self.layer.admit(&mut request, None) {
            Verdict::Admitted(()) => State::passed(request, &mut self.inner),
            Verdict::Refused(rejection) => {
                self.release();
                State::refused(&rejection, &request)
            }
            Verdict::Wait(wait) => {
                // A clone is polled ready after the wait.
                self.release();
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
            schemes,
        }
    }
}

impl BearerAuthLayer {
    /// The schemes of the challenges, if the service accepts proofs.
    fn schemes(&self, headers: &HeaderMap) -> Option<Schemes> {
        let offered = self.server.bound()?.offered()?;
        Some(Schemes::of(offered, headers))
    }

    /// Validates the token of a request, again after each wait: for keys, then for introspection.
    pub(super) fn admit<B>(&self, request: &mut Request<B>, waited: Option<Waited>) -> Verdict<()> {
        let bound = self.server.bound();
        if let Some(bound) = bound {
            let extensions = std::mem::take(request.extensions_mut());
            bound.clean(request.headers_mut(), &extensions);
            *request.extensions_mut() = extensions;
        }
        let accepts_dpop = bound.is_some_and(|bound| bound.offered().is_some());
        let verdict = match credentials(request.headers(), request.uri(), accepts_dpop) {
            Ok(Some((scheme, found))) => {
                let presented = Presented::of(scheme, request);
                self.server.verdict(found, Some(presented), waited)
            }
            Ok(None) if self.open.covers(request) => {
                // The caller of an outer layer does not count here.
                mark_without_caller(request.extensions_mut());
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

/// Marks the credentials sensitive, whatever their scheme: logs of headers and the tables of HTTP/2
/// then omit them. There is only one header.
fn conceal(headers: &mut HeaderMap) {
    if let Some(credentials) = headers.get_mut(header::AUTHORIZATION) {
        credentials.set_sensitive(true);
    }
}
