use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Buf;
use http::{HeaderMap, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::downstream::{Refusal, is_unauthenticated, refusal_in};
use super::future::Bound;
use super::web_frames::WebFrames;
use crate::idp::proofs::DPOP_NONCE;
use crate::outbound::exchange::{Exchanged, TokenExchange};

/// How many pieces of one data frame are read.
const PIECES: usize = 16;

pin_project! {
    /// The body of a response to a call with a token, passed on unchanged but for a nonce in its
    /// HTTP trailers, which is removed.
    ///
    /// A gRPC response carries its status at its end: in its trailers or, for gRPC-Web, in the last
    /// frame of the body. If the status is `UNAUTHENTICATED`, the token is evicted. The request has
    /// been processed then, so it is not sent again. If the end demands a nonce in the proof, the
    /// token stays cached, and the next request has the nonce.
    #[derive(Default)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: B,
        watch: Option<Watch>,
    }
}

/// The token that the status at the end is about.
struct Watch {
    exchange: TokenExchange,
    exchanged: Exchanged,
    bound: Option<Box<Bound>>,
    web: Option<WebFrames>,
}

impl<B> ResponseBody<B> {
    /// Returns the inner client's body.
    pub fn get_ref(&self) -> &B {
        &self.inner
    }

    /// Returns the inner client's body, mutable.
    pub fn get_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Returns the inner client's body, whose trailers are not watched any more.
    pub fn into_inner(self) -> B {
        self.inner
    }
}

/// Watches the body of a gRPC response whose status is still to come.
pub(super) fn watched<B>(
    response: Response<B>,
    exchange: &TokenExchange,
    exchanged: Exchanged,
    bound: Option<Box<Bound>>,
) -> Response<ResponseBody<B>> {
    let watch = awaited(response.status(), response.headers()).map(|web| Watch {
        exchange: exchange.clone(),
        exchanged,
        bound,
        web,
    });
    response.map(|inner| ResponseBody { inner, watch })
}

/// Where the status of a gRPC response comes: in the last frame of a gRPC-Web body, else in the
/// trailers. `None` for a response that is not of gRPC or has its status already. A service that is
/// called in the same process may omit the content type.
fn awaited(status: StatusCode, headers: &HeaderMap) -> Option<Option<WebFrames>> {
    if headers.contains_key("grpc-status") {
        return None;
    }
    let Some(content_type) = headers.get(header::CONTENT_TYPE) else {
        return (status == StatusCode::OK).then_some(None);
    };
    let mut parts = content_type
        .as_bytes()
        .split(|b| matches!(b, b'+' | b';' | b' '));
    let media_type = parts.next()?;
    let is = |name: &str| media_type.eq_ignore_ascii_case(name.as_bytes());
    if is("application/grpc") {
        Some(None)
    } else if is("application/grpc-web") {
        Some(Some(WebFrames::new(false)))
    } else if is("application/grpc-web-text") {
        Some(Some(WebFrames::new(true)))
    } else {
        None
    }
}

impl Watch {
    /// Whether the frame rejects the token.
    fn rejects<D: Buf>(&mut self, frame: &mut Frame<D>) -> bool {
        if let Some(trailers) = frame.trailers_mut() {
            return self.trailers_reject(trailers);
        }
        let (Some(data), Some(web)) = (frame.data_ref(), &mut self.web) else {
            return false;
        };
        let mut pieces = [IoSlice::new(&[]); PIECES];
        let count = data.chunks_vectored(&mut pieces);
        let mut pieces = pieces.iter().take(count);
        let trailers = pieces.find_map(|piece| web.trailers(piece));
        trailers.is_some_and(|mut trailers| self.trailers_reject(&mut trailers))
    }

    fn trailers_reject(&self, trailers: &mut HeaderMap) -> bool {
        if let Some(bound) = &self.bound {
            self.exchange.keep_nonce(&bound.url, trailers);
        }
        // It is for this service, not for its caller.
        trailers.remove(&DPOP_NONCE);
        is_unauthenticated(trailers)
            && match refusal_in(trailers, self.bound.is_some()) {
                // Another token would be refused in the same way.
                Refusal::Proof => {
                    if let Some(bound) = &self.bound {
                        bound.proof_refused(&self.exchanged);
                    }
                    false
                }
                Refusal::Nonce => false,
                Refusal::Token | Refusal::StepUp(_) => true,
            }
    }
}

impl<B: Body> Body for ResponseBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let this = self.project();
        let mut frame = ready!(this.inner.poll_frame(cx));
        if let (Some(watch), Some(Ok(frame))) = (this.watch.as_mut(), &mut frame)
            && watch.rejects(frame)
        {
            watch.exchange.reject(&watch.exchanged);
            *this.watch = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

opaque_debug!(ResponseBody<B>);
