use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use http_body::Body;

use super::RecordedBody;

/// How a request is sent a second time, after the called service rejected the token of the first.
///
/// A service that refuses a token has not read the request, so that sending it again does nothing twice. It is done once,
/// with a token that was issued since, and only where the body can be had again.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{Empty, Full};
/// use obo::on_behalf_of::Replay;
///
/// let bodies_at_hand = Replay::<Full<Bytes>>::copied(|body| Some(body.clone()));
/// let no_bodies = Replay::<Empty<Bytes>>::copied(|body| Some(*body));
/// ```
pub struct Replay<B> {
    name: &'static str,
    prepare: Arc<Prepare<B>>,
}

/// Gives the body to send, and what gives it again.
type Prepare<B> = dyn Fn(B) -> (B, Option<Again<B>>) + Send + Sync;

/// The body for the second time, if it can be had.
pub(super) type Again<B> = Box<dyn FnOnce() -> Option<B> + Send>;

impl<B: Send + 'static> Replay<B> {
    /// Sends nothing twice.
    pub fn never() -> Self {
        Self::of("Replay::never", |body| (body, None))
    }

    /// Takes a copy before the body is sent; `None` for a body that cannot be copied.
    pub fn copied(copy: fn(&B) -> Option<B>) -> Self {
        Self::of("Replay::copied", move |body| {
            let again = copy(&body);
            (body, again.map(|again| Box::new(|| Some(again)) as _))
        })
    }

    /// Keeps what is sent of a body until the response begins, at most `most` bytes of memory, whatever its frames are; a
    /// body that is longer, or that was not sent to its end, is not sent again, such as the messages of a stream. `wrap`
    /// makes a body of one that is recorded.
    pub fn recorded(most: usize, wrap: fn(RecordedBody<B>) -> B) -> Self
    where
        B: Body<Data = Bytes>,
    {
        Self::of("Replay::recorded", move |body| {
            let (body, record) = RecordedBody::new(body, most);
            let again = Box::new(move || record.replayed().map(wrap));
            (wrap(body), Some(again))
        })
    }

    fn of(
        name: &'static str,
        prepare: impl Fn(B) -> (B, Option<Again<B>>) + Send + Sync + 'static,
    ) -> Self {
        let prepare = Arc::new(prepare);
        Self { name, prepare }
    }
}

/// How the requests of a client are sent a second time, if at all.
pub(crate) trait Resend<B> {
    /// The request to send, and what it takes to send it again.
    fn prepare(&self, request: Request<B>) -> (Request<B>, Option<(Parts, Again<B>)>);
}

impl<B> Resend<B> for () {
    fn prepare(&self, request: Request<B>) -> (Request<B>, Option<(Parts, Again<B>)>) {
        (request, None)
    }
}

impl<B> Resend<B> for Replay<B> {
    fn prepare(&self, request: Request<B>) -> (Request<B>, Option<(Parts, Again<B>)>) {
        let (parts, body) = request.into_parts();
        let (body, again) = (self.prepare)(body);
        let again = again.map(|again| (parts.clone(), again));
        (Request::from_parts(parts, body), again)
    }
}

impl<B> Clone for Replay<B> {
    fn clone(&self) -> Self {
        Self {
            name: self.name,
            prepare: Arc::clone(&self.prepare),
        }
    }
}

impl<B> fmt::Debug for Replay<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
