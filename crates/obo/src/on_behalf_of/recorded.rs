use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A body that keeps what was sent of it, or one that is sent again.
    pub struct RecordedBody<B> {
        #[pin]
        source: Source<B>,
    }
}

pin_project! {
    #[project = SourceProjection]
    enum Source<B> {
        First {
            #[pin]
            body: B,
            record: Record,
        },
        Again {
            frames: VecDeque<Sent>,
        },
    }
}

/// What was sent.
#[derive(Clone)]
pub(super) struct Record(Arc<Mutex<Kept>>);

struct Kept {
    frames: VecDeque<Sent>,
    /// How many more bytes may be kept.
    room: usize,
    is_whole: bool,
    is_too_long: bool,
}

enum Sent {
    Data(Bytes),
    Trailers(HeaderMap),
}

impl<B: Body<Data = Bytes>> RecordedBody<B> {
    pub(super) fn new(body: B, most: usize) -> (Self, Record) {
        let record = Record(Arc::new(Mutex::new(Kept {
            frames: VecDeque::new(),
            room: most,
            is_whole: body.is_end_stream(),
            is_too_long: false,
        })));
        let source = Source::First {
            body,
            record: record.clone(),
        };
        (Self { source }, record)
    }
}

impl Record {
    /// The same body again, if all of it was sent and kept.
    pub(super) fn replayed<B>(self) -> Option<RecordedBody<B>> {
        let mut kept = self.lock();
        let frames = std::mem::take(&mut kept.frames);
        (kept.is_whole && !kept.is_too_long).then_some(RecordedBody {
            source: Source::Again { frames },
        })
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, frame: &Frame<Bytes>, is_last: bool) {
        let mut kept = self.lock();
        kept.is_whole = is_last;
        if kept.is_too_long {
            return;
        }
        if let Some(data) = frame.data_ref() {
            if data.len() > kept.room {
                kept.is_too_long = true;
                kept.frames.clear();
                return;
            }
            kept.room -= data.len();
            kept.frames.push_back(Sent::Data(data.clone()));
        } else if let Some(trailers) = frame.trailers_ref() {
            kept.frames.push_back(Sent::Trailers(trailers.clone()));
        }
    }

    fn ended(&self) {
        self.lock().is_whole = true;
    }
}

impl<B: Body<Data = Bytes>> Body for RecordedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().source.project() {
            SourceProjection::First { mut body, record } => {
                let frame = ready!(body.as_mut().poll_frame(cx)).transpose()?;
                match &frame {
                    Some(frame) => record.keep(frame, body.is_end_stream()),
                    None => record.ended(),
                }
                Poll::Ready(frame.map(Ok))
            }
            SourceProjection::Again { frames } => {
                Poll::Ready(frames.pop_front().map(|frame| match frame {
                    Sent::Data(data) => Ok(Frame::data(data)),
                    Sent::Trailers(trailers) => Ok(Frame::trailers(trailers)),
                }))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::First { body, .. } => body.is_end_stream(),
            Source::Again { frames } => frames.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::First { body, .. } => body.size_hint(),
            Source::Again { frames } => {
                let data = frames.iter().map(|frame| match frame {
                    Sent::Data(data) => data.len() as u64,
                    Sent::Trailers(_) => 0,
                });
                SizeHint::with_exact(data.sum())
            }
        }
    }
}

impl<B> fmt::Debug for RecordedBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecordedBody(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use http_body_util::{BodyExt as _, Full, StreamBody};

    fn pieces(pieces: &[&'static str]) -> impl Body<Data = Bytes, Error = std::io::Error> + use<> {
        let frames = pieces
            .iter()
            .map(|piece| Ok(Frame::data(Bytes::from_static(piece.as_bytes()))));
        StreamBody::new(futures_util::stream::iter(frames.collect::<Vec<_>>()))
    }

    async fn text<B: Body<Data = Bytes>>(body: B) -> String
    where
        B::Error: fmt::Debug,
    {
        let bytes = body.collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_body_that_was_sent_to_its_end_can_be_sent_again() {
        for body in [&["ab", "cde"][..], &[], &["a"]] {
            let (first, record) = RecordedBody::new(pieces(body), 5);
            let sent = text(first).await;
            let again: RecordedBody<Full<Bytes>> = record.replayed().unwrap();
            assert_eq!(again.size_hint().exact(), Some(sent.len() as u64));
            assert_eq!(text(again).await, sent);
        }
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_or_unfinished_cannot() {
        let (first, record) = RecordedBody::new(pieces(&["ab", "cdef"]), 5);
        text(first).await;
        assert!(record.replayed::<Full<Bytes>>().is_none());

        let (mut first, record) = RecordedBody::new(pieces(&["ab", "c"]), 5);
        first.frame().now_or_never().unwrap().unwrap().unwrap();
        assert!(record.replayed::<Full<Bytes>>().is_none());
    }

    #[tokio::test]
    async fn a_body_whose_end_is_known_with_its_last_piece_is_whole_then() {
        let (mut first, record) = RecordedBody::new(Full::new(Bytes::from_static(b"ab")), 5);
        first.frame().now_or_never().unwrap().unwrap().unwrap();
        let again: RecordedBody<Full<Bytes>> = record.replayed().unwrap();
        assert_eq!(text(again).await, "ab");
    }
}
