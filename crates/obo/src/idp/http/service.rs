use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::ACCEPT_ENCODING;
use http::{HeaderValue, Request, Response};
use http_body::Body;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
#[cfg(feature = "default-client")]
use obo_core::ConfigError;
use tower::util::BoxCloneSyncService;
use tower::{Service, ServiceExt as _};

#[cfg(feature = "default-client")]
use super::TlsIdentity;
use crate::box_error::BoxError;
use crate::{observe, trace};

/// The HTTP client for discovery, key sets, tokens and introspection: any tower service of
/// `http::Request<Bytes>`.
///
/// Timeouts, retries, proxies and mutual TLS are layers of that service. On top of them comes a
/// total deadline and a limit on the size of a response. Requests carry the [trace
/// context](crate::trace) of the request that caused them, if there is one. The service must not follow
/// redirects: it would send the client's secret to the target of the redirect.
///
/// ```
/// use bytes::Bytes;
/// use http_body_util::Full;
/// use obo::authorization_server::HttpService;
///
/// // Any client works; this one responds itself.
/// let client = tower::service_fn(|_request: http::Request<Bytes>| async {
///     let body = Full::new(Bytes::from_static(b"{}"));
///     Ok::<_, std::convert::Infallible>(http::Response::new(body))
/// });
/// let http = HttpService::new(client);
/// ```
#[derive(Clone)]
pub struct HttpService(Erased);

type Erased =
    BoxCloneSyncService<Request<Bytes>, Response<UnsyncBoxBody<Bytes, BoxError>>, BoxError>;

impl HttpService {
    /// Wraps a client; a clone of it serves each request.
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

    /// The client of this crate: TLS by rustls, no redirects, proxies from the environment. It
    /// never uses a proxy for `http`, which is for loopback and for issuers of
    /// [`Issuer::danger_http`](crate::Issuer::danger_http).
    #[cfg(feature = "default-client")]
    pub fn default_client() -> Self {
        super::default_client::new()
    }

    /// As [`default_client`](Self::default_client), with a certificate of this service for mutual
    /// TLS.
    ///
    /// # Errors
    ///
    /// Fails if the certificate and the key do not belong together or cannot be read.
    #[cfg(feature = "default-client")]
    pub fn with_identity(identity: &TlsIdentity) -> Result<Self, ConfigError> {
        super::default_client::with_identity(identity)
    }

    /// Sends a request. It accepts no content coding, since none is decoded here.
    pub(crate) async fn send(
        &self,
        mut request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, HttpError> {
        let identity = HeaderValue::from_static("identity");
        request.headers_mut().insert(ACCEPT_ENCODING, identity);
        let call = observe::client_call(&request);
        let response = call.within(self.respond(request, limits)).await;
        let outcome = response.as_ref().map(Response::status);
        observe::client_called(&call, outcome.map_err(HttpError::code));
        response
    }

    async fn respond(
        &self,
        mut request: Request<Bytes>,
        limits: Limits,
    ) -> Result<Response<Bytes>, HttpError> {
        // Here the current span is that of the request.
        trace::inject(request.headers_mut());
        let response = async {
            let response = self.0.clone().oneshot(request).await;
            let (parts, body) = response.map_err(HttpError::of)?.into_parts();
            let body = collect(body, limits.body).await;
            let body = body.map_err(|error| match error.downcast::<LengthLimitError>() {
                Ok(_) => HttpError::TooLong(limits.body),
                Err(error) => HttpError::of(error),
            })?;
            Ok(Response::from_parts(parts, body))
        };
        let response = tokio::time::timeout(limits.deadline, response).await;
        response.unwrap_or_else(|_| {
            let problem = format!("no response within {:?}", limits.deadline);
            Err(HttpError::NoResponse(problem))
        })
    }
}

/// So that layers can go around [`HttpService::default_client`], for example to record requests.
impl Service<Request<Bytes>> for HttpService {
    type Response = Response<UnsyncBoxBody<Bytes, BoxError>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        self.0.call(request)
    }
}

/// Collects into one buffer: a list of tiny frames would cost many times their bytes.
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

opaque_debug!(HttpService);

/// The limits of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// The longest response, in bytes after decompression.
    pub(crate) body: usize,
    /// From connecting to the last byte of the response.
    pub(crate) deadline: Duration,
}

/// No response that could be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// It was longer than this many bytes; another request would not help.
    #[error("the response is longer than {0} bytes")]
    TooLong(usize),
    /// There was none: the errors, cause after cause.
    #[error("{0}")]
    NoResponse(String),
}

impl HttpError {
    /// The stable, low-cardinality name of this error, for spans.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::TooLong(_) => "response_too_long",
            Self::NoResponse(_) => "no_response",
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
        Self::NoResponse(text)
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
        respond: impl Fn() -> F + Clone + Send + Sync + 'static,
    ) -> Result<Bytes, String>
    where
        F: Future<Output = Result<Response<Full<Bytes>>, BoxError>> + Send + 'static,
    {
        let client = tower::service_fn(move |_: Request<Bytes>| respond());
        let response = HttpService::new(client)
            .send(Request::new(Bytes::new()), LIMITS)
            .await;
        response
            .map(Response::into_body)
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn no_content_coding_is_requested() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let record = std::sync::Arc::clone(&seen);
        let client = tower::service_fn(move |request: Request<Bytes>| {
            let accepted = request.headers().get_all(ACCEPT_ENCODING);
            record.lock().unwrap().extend(accepted.iter().cloned());
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

    /// TE-06
    #[tokio::test]
    async fn response_size_is_capped() {
        let body = |text: &'static str| move || async move { Ok(Response::new(text.into())) };
        assert_eq!(send(body("1234")).await.unwrap(), "1234");
        let error = send(body("12345")).await.unwrap_err();
        assert_eq!(error, "the response is longer than 4 bytes");
    }

    /// TE-06
    #[tokio::test(start_paused = true)]
    async fn response_has_a_deadline() {
        let error = send(std::future::pending).await.unwrap_err();
        assert_eq!(error, "no response within 5s");
    }

    #[tokio::test]
    async fn error_names_its_causes_once() {
        let error = send(|| async {
            let inner = std::io::Error::other("refused");
            Err(std::io::Error::other(std::io::Error::other(inner)).into())
        })
        .await
        .unwrap_err();
        assert_eq!(error, "refused");
    }
}
