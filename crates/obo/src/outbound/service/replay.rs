use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use http_body::Body;

use super::RecordedBody;

/// How a request is sent a second time, after the called service rejected the first token.
///
/// A service that rejects a token has not processed the request, so the second request repeats no
/// effect. There is one replay at most, with a token that was issued since, and only if the body
/// can be sent again.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::{Empty, Full};
/// use obo::on_behalf_of::Replay;
///
/// let whole_bodies = Replay::<Full<Bytes>>::copied(|body| Some(body.clone()));
/// let no_bodies = Replay::<Empty<Bytes>>::copied(|body| Some(*body));
/// ```
pub struct Replay<B> {
    name: &'static str,
    prepare: Arc<Prepare<B>>,
}

/// Returns the body to send, and what returns it again.
type Prepare<B> = dyn Fn(B) -> (B, Option<Again<B>>) + Send + Sync;

/// The body for the second request, if there is one.
pub(super) type Again<B> = Box<dyn FnOnce() -> Option<B> + Send>;

impl<B: Send + 'static> Replay<B> {
    /// Replays nothing.
    pub fn never() -> Self {
        Self::of("Replay::never", |body| (body, None))
    }

    /// Copies the body before it is sent; `None` for a body that cannot be copied.
    pub fn copied(copy: fn(&B) -> Option<B>) -> Self {
        Self::of("Replay::copied", move |body| {
            let again = copy(&body);
            (body, again.map(|again| Box::new(|| Some(again)) as _))
        })
    }

    /// Records what is sent of a body until the response begins, in at most `most` bytes of memory,
    /// whatever its frames are. A body that is longer or not sent to its end, such as the messages
    /// of a stream, is not replayed. `wrap` makes a body of a recorded one.
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

/// How the requests of a client are replayed, if at all.
pub(crate) trait Resend<B> {
    /// The request to send, and the data of a second one.
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
