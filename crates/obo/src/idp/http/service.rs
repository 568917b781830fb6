use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

use crate::box_error::BoxError;
use crate::observe;

/// The HTTP client behind discovery, key sets and exchanges: any tower service of `http::Request<Bytes>`.
///
/// Timeouts, retries, proxies, mutual TLS and tracing are layers of that service; on top of them this project puts a
/// total deadline and a cap on the answer's size. The service must not follow redirects: one that does would post a
/// client's secret to wherever it is sent (TE-06).
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use http_body_util::Full;
/// use obo::authorization_server::HttpService;
///
/// // Any client will do; this one answers by itself.
/// let client = tower::service_fn(|_request: http::Request<Bytes>| async {
///     Ok::<_, std::convert::Infallible>(http::Response::new(Full::new(Bytes::from_static(b"{}"))))
/// });
/// let http = HttpService::new(client);
/// ```
#[derive(Clone)]
pub struct HttpService(Erased);

type Erased =
    BoxCloneSyncService<Request<Bytes>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

impl HttpService {
    /// Takes a client; a clone of it serves each request.
    pub fn new<S, B>(client: S) -> Self
    where
        S: Service<Request<Bytes>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<BoxError>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(BoxCloneSyncService::new(
            client
                .map_response(|response: Response<B>| {
                    response.map(|body| body.map_err(Into::into).boxed_unsync())
                })
                .map_err(Into::into),
        ))
    }

    /// The client that comes with this crate: TLS by rustls, no redirects, proxies as the environment names them, though
    /// never for `http`, which is for loopback and for issuers of [`Issuer::danger_http`](crate::Issuer::danger_http).
    #[cfg(feature = "default-client")]
    pub fn default_client() -> Self {
        super::default_client::new()
    }

    /// Sends a request that asks for no content coding, since nothing here decodes one.
    pub(crate) async fn send(
        &self,
        mut request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, HttpError> {
        let identity = HeaderValue::from_static("identity");
        request.headers_mut().insert(ACCEPT_ENCODING, identity);
        let call = observe::client_call(&request);
        let answer = call.within(self.answer(request, limits)).await;
        let outcome = answer.as_ref().map(Response::status);
        observe::client_called(&call, outcome.map_err(HttpError::code));
        answer
    }

    async fn answer(
        &self,
        request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, HttpError> {
        let answer = async {
            let response = self.0.clone().oneshot(request).await;
            let (parts, body) = response.map_err(HttpError::of)?.into_parts();
            let body = collect(body, limits.body).await;
            let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => HttpError::TooLong(limits.body),
                Err(error) => HttpError::of(error),
            })?;
            Ok(Response::from_parts(parts, body))
        };
        let answer = tokio::time::timeout(limits.deadline, answer).await;
        answer.unwrap_or_else(|_| {
            let problem = format!("no answer within {:?}", limits.deadline);
            Err(HttpError::NoAnswer(problem))
        })
    }
}

/// Into one buffer: a list of frames would cost many times their bytes when each of them is tiny.
async fn collect(body: UnsyncBoxBody<Bytes, BoxError>, most: usize) -> Result<Bytes, BoxError> {
    let mut body = Limited::new(body, most);
    let mut collected = BytesMut::new();
    while let Some(frame) = body.frame().await.transpose()? {
        if let Ok(data) = frame.into_data() {
            collected.extend_from_slice(&data);
        }
    }
    Ok(collected.freeze())
}

impl fmt::Debug for HttpService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpService(..)")
    }
}

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest answer, in bytes after decompression.
    pub(crate) body: usize,
    /// From connecting to the last byte of the answer.
    pub(crate) deadline: Duration,
}

/// No answer that could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// There was one, and more of it than this many bytes: asking again gets no better one.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// There was none: what went wrong, cause after cause.
    #[error("{0}")]
    NoAnswer(String),
}

impl HttpError {
    /// The stable, low-cardinality name of this error, for spans.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "answer_too_long",
            Self::NoAnswer(_) => "no_answer",
        }
    }

    fn of(error: BoxError) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            let next = error.to_string();
            // Some errors print their cause themselves.
            if !text.ends_with(&next) {
                text = format!("{text}: {next}");
            }
            cause = error.source();
        }
        Self::NoAnswer(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    const LIMITS: Limits = Limits {
        body: 4,
        deadline: Duration::from_secs(5),
    };

    async fn send<F>(
        answer: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) -> Result<Bytes, String>
    where
        F: Future<Output = Result<Response<Full<Bytes>>, BoxError>> + Send + 'static,
    {
        let client = tower::service_fn(move |_: Request<Bytes>| answer());
        let answer = HttpService::new(client)
            .send(Request::new(Bytes::new()), LIMITS)
            .await;
        answer
            .map(Response::into_body)
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn no_content_coding_is_asked_for() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let told = std::sync::Arc::clone(&seen);
        let client = tower::service_fn(move |request: Request<Bytes>| {
            let accepted = request.headers().get_all(ACCEPT_ENCODING);
            told.lock().unwrap().extend(accepted.iter().cloned());
            async { Ok::<_, BoxError>(Response::new(Full::new(Bytes::new()))) }
        });
        let http = HttpService::new(client);
        let plain = Request::new(Bytes::new());
        let mut coded = plain.clone();
        let gzip = HeaderValue::from_static("gzip");
        coded.headers_mut().append(ACCEPT_ENCODING, gzip);
        for request in [plain, coded] {
            http.send(request, LIMITS).await.unwrap();
        }
        assert_eq!(*seen.lock().unwrap(), ["identity", "identity"]);
    }

    #[tokio::test]
    async fn te_06_an_answer_is_capped() {
        let body = |text: &'static str| move || async move { Ok(Response::new(text.into())) };
        assert_eq!(send(body("1234")).await.unwrap(), "1234");
        let error = send(body("12345")).await.unwrap_err();
        assert_eq!(error, "the answer is longer than 4 bytes");
    }

    #[tokio::test(start_paused = true)]
    async fn te_06_an_answer_has_a_deadline() {
        let error = send(std::future::pending).await.unwrap_err();
        assert_eq!(error, "no answer within 5s");
    }

    #[tokio::test]
    async fn an_error_names_its_causes_once() {
        let error = send(|| async {
            let inner = std::io::Error::other("refused");
            Err(std::io::Error::other(std::io::Error::other(inner)).into())
        })
        .await
        .unwrap_err();
        assert_eq!(error, "refused");
    }
}
