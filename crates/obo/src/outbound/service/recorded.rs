use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use pin_project_lite::pin_project;

/// The size of a trailer without its text, in bytes.
const TRAILER: usize = 64;

pin_project! {
    /// A body that records what is sent of it, or one that is sent again.
    ///
    /// What is sent again has the same bytes and trailers, in fewer frames.
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
            record: Arc<Mutex<Option<Recording>>>,
        },
        Again {
            data: Option<Bytes>,
            trailers: Option<HeaderMap>,
        },
    }
}

/// What was sent; `None` if it was too much. Dropping it ends the recording.
pub(super) struct Record(Arc<Mutex<Option<Recording>>>);

/// One buffer, so that its size depends neither on the number of frames nor on the buffers they are
/// slices of.
struct Recording {
    data: Vec<u8>,
    trailers: Option<HeaderMap>,
    /// The most bytes that are recorded.
    most: usize,
    is_whole: bool,
}

impl<B: Body<Data = Bytes>> RecordedBody<B> {
    pub(super) fn new(body: B, most: usize) -> (Self, Record) {
        let record = Arc::new(Mutex::new(Some(Recording {
            data: Vec::new(),
            trailers: None,
            most,
            is_whole: body.is_end_stream(),
        })));
        let source = Source::First {
            body,
            record: Arc::clone(&record),
        };
        (Self { source }, Record(record))
    }
}

impl Record {
    /// The same body again, if all of it was sent and recorded.
    pub(super) fn replayed<B>(self) -> Option<RecordedBody<B>> {
        let recording = self
            .0
            .lock()
            .take()
            .filter(|recording| recording.is_whole)?;
        Some(RecordedBody {
            source: Source::Again {
                data: (!recording.data.is_empty()).then(|| recording.data.into()),
                trailers: recording.trailers,
            },
        })
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        *self.0.lock() = None;
    }
}

impl Recording {
    /// Records a frame; returns whether there was room.
    fn record(&mut self, frame: &Frame<Bytes>, is_last: bool) -> bool {
        self.is_whole = is_last;
        let room = self.most - self.data.len();
        match (frame.data_ref(), frame.trailers_ref()) {
            // Too long, or in an order that bodies do not have.
            (Some(data), _) if data.len() > room || self.trailers.is_some() => false,
            (None, Some(trailers)) if size(trailers) > room || self.trailers.is_some() => false,
            (Some(data), _) => {
                self.append(data);
                true
            }
            // Frames of other kinds are not recorded.
            (None, trailers) => {
                self.trailers = trailers.cloned().or(self.trailers.take());
                true
            }
        }
    }

    /// Doubles the buffer when it is full, up to the limit.
    fn append(&mut self, data: &[u8]) {
        let needed = self.data.len() + data.len();
        if needed > self.data.capacity() {
            let room = needed.max(2 * self.data.len()).min(self.most);
            self.data.reserve_exact(room - self.data.len());
        }
        self.data.extend_from_slice(data);
    }
}

fn size(trailers: &HeaderMap) -> usize {
    let texts = trailers
        .iter()
        .map(|(name, value)| TRAILER + name.as_str().len() + value.len());
    texts.sum()
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
                let mut record = record.lock();
                if let Some(recording) = &mut *record {
                    match &frame {
                        Some(frame) if !recording.record(frame, body.is_end_stream()) => {
                            *record = None
                        }
                        Some(_) => {}
                        None => recording.is_whole = true,
                    }
                }
                Poll::Ready(frame.map(Ok))
            }
            SourceProjection::Again { data, trailers } => {
                let data = data.take().map(Frame::data);
                let frame = data.or_else(|| trailers.take().map(Frame::trailers));
                Poll::Ready(frame.map(Ok))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::First { body, .. } => body.is_end_stream(),
            Source::Again { data, trailers } => data.is_none() && trailers.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::First { body, .. } => body.size_hint(),
            Source::Again { data, .. } => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
        }
    }
}

opaque_debug!(RecordedBody<B>);

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
        B::Error: std::fmt::Debug,
    {
        let bytes = body.collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn finished_body_can_be_replayed() {
        for body in [&["ab", "cde"][..], &[], &["a"]] {
            let (first, record) = RecordedBody::new(pieces(body), 5);
            let sent = text(first).await;
            let again: RecordedBody<Full<Bytes>> = record.replayed().unwrap();
            assert_eq!(again.size_hint().exact(), Some(sent.len() as u64));
            assert_eq!(text(again).await, sent);
        }
    }

    #[tokio::test]
    async fn incomplete_record_is_not_replayed() {
        let (first, record) = RecordedBody::new(pieces(&["ab", "cdef"]), 5);
        text(first).await;
        assert!(record.replayed::<Full<Bytes>>().is_none());

        let (mut first, record) = RecordedBody::new(pieces(&["ab", "c"]), 5);
        first.frame().now_or_never().unwrap().unwrap().unwrap();
        assert!(record.replayed::<Full<Bytes>>().is_none());
    }

    #[tokio::test]
    async fn last_piece_completes_the_body() {
        let (mut first, record) = RecordedBody::new(Full::new(Bytes::from_static(b"ab")), 5);
        first.frame().now_or_never().unwrap().unwrap().unwrap();
        let again: RecordedBody<Full<Bytes>> = record.replayed().unwrap();
        assert_eq!(text(again).await, "ab");
    }

    /// The bytes of memory of a record of at most `most` after these frames.
    async fn held(most: usize, frames: Vec<Frame<Bytes>>) -> usize {
        let frames = frames.into_iter().map(Ok::<_, std::io::Error>);
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let (mut first, record) = RecordedBody::new(body, most);
        while first.frame().await.is_some() {}
        let recording = record.0.lock();
        recording.as_ref().map_or(0, |recording| {
            recording.data.capacity() + recording.trailers.as_ref().map_or(0, size)
        })
    }

    #[tokio::test]
    async fn recorded_frames_are_bounded() {
        let byte = || Frame::data(Bytes::from_static(b"x"));
        let large = || Frame::data(Bytes::from(vec![0; 60_000]));
        let empty = || Frame::data(Bytes::new());
        let trailers = |count: usize| {
            let pairs = (0..count).map(|i| {
                let name = http::HeaderName::from_bytes(format!("t-{i}").as_bytes());
                (name.unwrap(), http::HeaderValue::from_static(""))
            });
            Frame::trailers(pairs.collect())
        };
        let most = 64 * 1024;
        for (frames, least) in [
            ((0..65_000).map(|_| byte()).collect(), 65_000),
            ((0..70_000).map(|_| byte()).collect(), 0),
            ((0..100_000).map(|_| empty()).collect(), 0),
            (vec![large()], 60_000),
            (vec![large(), large()], 0),
            (vec![byte(), trailers(3)], 3 * TRAILER),
            (vec![byte(), trailers(2000)], 0),
            (vec![trailers(3), trailers(3), byte()], 0),
        ] {
            let held = held(most, frames).await;
            assert!((least..=most).contains(&held), "{held}, at least {least}");
        }
    }

    #[tokio::test]
    async fn slices_pin_no_buffers() {
        let buffer = Bytes::from(vec![0; 1 << 20]);
        let slices = (0..100).map(|at| Ok::<_, std::io::Error>(Frame::data(buffer.slice(at..=at))));
        let slices: Vec<_> = slices.collect();
        let (first, record) =
            RecordedBody::new(StreamBody::new(futures_util::stream::iter(slices)), 100);
        first.collect().await.unwrap();
        assert!(buffer.is_unique());
        let again: RecordedBody<Full<Bytes>> = record.replayed().unwrap();
        assert_eq!(again.size_hint().exact(), Some(100));
    }

    #[tokio::test]
    async fn dropped_record_keeps_nothing() {
        let (mut first, record) = RecordedBody::new(pieces(&["ab", "cd"]), 100);
        first.frame().await.unwrap().unwrap();
        let recording = Arc::clone(&record.0);
        drop(record);
        first.frame().await.unwrap().unwrap();
        assert!(recording.lock().is_none());
    }

    #[tokio::test]
    async fn trailers_are_replayed() {
        let trailers: HeaderMap = [("t".parse().unwrap(), "1".parse().unwrap())]
            .into_iter()
            .collect();
        let frames = [
            Frame::data(Bytes::from_static(b"a")),
            Frame::data(Bytes::new()),
            Frame::data(Bytes::from_static(b"b")),
            Frame::trailers(trailers.clone()),
        ];
        let frames = futures_util::stream::iter(frames.map(Ok::<_, std::io::Error>));
        let (first, record) = RecordedBody::new(StreamBody::new(frames), 200);
        first.collect().await.unwrap();
        let again: RecordedBody<Full<Bytes>> = record.replayed().unwrap();
        let again = again.collect().await.unwrap();
        assert_eq!(again.trailers(), Some(&trailers));
        assert_eq!(again.to_bytes(), "ab");
    }
}
