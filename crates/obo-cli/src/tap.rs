//! An HTTP client that records what goes through it, so that a command can show what the library
//! has seen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use obo::Secret;
use obo::authorization_server::HttpService;
use obo::error::BoxError;
use tower::{ServiceExt as _, service_fn};

use crate::times;

/// The longest response that is read.
const MOST: usize = 2 * 1024 * 1024;

/// Records requests.
#[derive(Clone, Default)]
pub(crate) struct Tap(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    calls: Vec<Call>,
    /// A form with this value is recorded and not sent.
    held: Option<Secret>,
}

/// A request and what came back.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: HeaderMap,
    pub(crate) form: Bytes,
    /// When the response arrived, and its `Date`.
    pub(crate) dates: Option<(SystemTime, SystemTime)>,
    /// The body of a successful GET.
    pub(crate) document: Option<Bytes>,
}

impl Tap {
    /// Records the requests of a client.
    pub(crate) fn record(&self, inner: HttpService) -> HttpService {
        let tap = self.clone();
        HttpService::new(service_fn(move |request: Request<Bytes>| {
            tap.clone().send(inner.clone(), request)
        }))
    }

    /// From now on, does not send a form with this value.
    pub(crate) fn hold(&self, value: Secret) {
        self.state().held = Some(value);
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The document that came from `url`.
    pub(crate) fn document(&self, is_wanted: impl Fn(&str) -> bool) -> Option<(String, Bytes)> {
        let calls = self.calls().into_iter().rev();
        let mut found = calls.filter(|call| is_wanted(&call.url));
        found.find_map(|call| Some((call.url, call.document?)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn holds(&self, form: &[u8]) -> bool {
        let state = self.state();
        let held = state.held.as_ref();
        held.is_some_and(|held| {
            form_urlencoded::parse(form).any(|(_, value)| value == held.expose())
        })
    }

    async fn send(
        self,
        inner: HttpService,
        request: Request<Bytes>,
    ) -> Result<Response<Full<Bytes>>, BoxError> {
        let mut call = Call {
            method: request.method().clone(),
            url: request.uri().to_string(),
            headers: request.headers().clone(),
            form: request.body().clone(),
            dates: None,
            document: None,
        };
        if self.holds(&call.form) {
            self.state().calls.push(call);
            // No retry follows this response.
            let refused = Response::builder()
                .status(400)
                .header(header::CONTENT_TYPE, "application/json");
            let refused = refused.body(Full::from(r#"{"error":"invalid_request"}"#));
            return refused.map_err(BoxError::from);
        }
        let read = match inner.oneshot(request).await {
            Ok(response) => {
                let (parts, mut body) = response.into_parts();
                let mut read = BytesMut::new();
                let mut problem = None;
                while let Some(frame) = body.frame().await {
                    match frame.map(|frame| frame.into_data().unwrap_or_default()) {
                        Ok(data) if read.len() + data.len() <= MOST => {
                            read.extend_from_slice(&data)
                        }
                        Ok(_) => {
                            problem =
                                Some(format!("the response is longer than {MOST} bytes").into())
                        }
                        Err(error) => problem = Some(error),
                    }
                    if problem.is_some() {
                        break;
                    }
                }
                problem.map_or_else(|| Ok(Response::from_parts(parts, read.freeze())), Err)
            }
            Err(error) => Err(error),
        };
        if let Ok(response) = &read {
            let date = response.headers().get(header::DATE);
            let date = date.and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
            call.dates = date.map(|date| (times::now(), date));
            let is_document = call.method == Method::GET && response.status().is_success();
            call.document = is_document.then(|| response.body().clone());
        }
        self.state().calls.push(call);
        read.map(|response| response.map(Full::new))
    }
}
