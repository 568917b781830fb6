//! What each service sees of a request, for the page: the token, and each rule that it keeps or
//! breaks.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Request, Response, StatusCode, header};
use obo::trace::Trace;
use obo::{Rejection, ResourceServer, Rule};
use serde_json::Value;
use tower::{Layer, Service};
use tracing::Instrument as _;

use super::sender::{Proof, Sender};

/// The target of the spans in which services handle requests.
pub(super) const SPANS: &str = "chain";
/// The field of these spans that names the service.
pub(super) const SERVICE: &str = "service";
/// As many requests are kept.
const MAX_SIGHTS: usize = 500;

/// Makes the layers of the services, and keeps what they saw. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    is_on: AtomicBool,
    services: Mutex<Vec<Watched>>,
    sights: Mutex<VecDeque<Arc<Sight>>>,
    copies: Mutex<HashMap<&'static str, Copied>>,
}

#[derive(Clone, Debug)]
struct Watched {
    name: &'static str,
    server: ResourceServer,
    rule: Rule,
}

/// The credentials of a request, as a careless log or a proxy keeps them.
#[derive(Clone, Default)]
pub(super) struct Copied {
    pub(super) token: String,
    pub(super) proof: Option<String>,
}

/// Does not show the token.
impl fmt::Debug for Copied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copied").finish_non_exhaustive()
    }
}

/// A request as a service saw it. It has no token, only what the token says.
#[derive(Debug)]
pub struct Sight {
    trace_id: String,
    service: &'static str,
    /// The header and the claims; `None` for an opaque token.
    pub token: Option<[Value; 2]>,
    /// What each service says to this token, the one that received it included.
    pub verdicts: Vec<Verdict>,
    /// What the token is bound to. `None` for a plain one, and for an opaque one that was refused.
    pub bound_to: Option<Proof>,
    /// What the sender has shown.
    pub sender: Sender,
    /// How the service responded.
    pub response: Responded,
}

/// The response to a request, as far as it is in the headers.
#[derive(Clone, Debug, Default)]
pub struct Responded {
    /// The HTTP status such as `401`, or that of gRPC such as `gRPC 16`. `None` for a success.
    pub status: Option<String>,
    /// The challenges.
    pub challenges: Vec<String>,
    /// Why the request was refused.
    pub rejection: Option<Rejection>,
}

/// What a service says to a token.
#[derive(Debug)]
pub struct Verdict {
    /// The service.
    pub service: &'static str,
    /// The rules for tokens.
    pub token: Vec<Check>,
    /// The rule for callers, if the service accepts the token.
    pub caller: Option<Vec<Check>>,
    /// What the token is bound to, if the service accepts it.
    bound_to: Option<Proof>,
}

/// A rule, and how it is broken.
#[derive(Debug)]
pub struct Check {
    /// The name of the rule.
    pub rule: String,
    /// How it is broken, if it is.
    pub problem: Option<String>,
}

impl Watch {
    /// Keeps what services see from now on.
    pub fn start(&self) {
        self.0.is_on.store(true, Ordering::Relaxed);
    }

    /// The layer of a service. It has to be around the `BearerAuthLayer`, in a trace.
    pub fn layer(&self, name: &'static str, server: &ResourceServer, rule: &Rule) -> WatchLayer {
        let (server, rule) = (server.clone(), rule.clone());
        let watched = Watched { name, server, rule };
        let services = self.0.services.lock();
        let mut services = services.unwrap_or_else(PoisonError::into_inner);
        services.push(watched);
        services.sort_by_key(|service| service.name);
        drop(services);
        WatchLayer {
            watch: self.clone(),
            name,
        }
    }

    /// What a service saw of a trace.
    pub fn sight(&self, trace_id: &str, service: &str) -> Option<Arc<Sight>> {
        let sights = self.0.sights.lock();
        let sights = sights.unwrap_or_else(PoisonError::into_inner);
        let mut latest = sights.iter().rev();
        let found = latest.find(|it| it.trace_id == trace_id && it.service == service);
        found.cloned()
    }

    /// The credentials of the latest request to a service: what a thief steals.
    pub(super) fn copied(&self, service: &str) -> Copied {
        let copies = self.0.copies.lock();
        let copies = copies.unwrap_or_else(PoisonError::into_inner);
        copies.get(service).cloned().unwrap_or_default()
    }

    fn copy(&self, service: &'static str, headers: &HeaderMap) {
        let text = |name| Some(headers.get(name)?.to_str().ok()?.to_owned());
        let Some(token) = token(headers) else { return };
        let copied = Copied {
            token,
            proof: text("dpop"),
        };
        let copies = self.0.copies.lock();
        let mut copies = copies.unwrap_or_else(PoisonError::into_inner);
        copies.insert(service, copied);
    }

    fn watched(&self) -> Vec<Watched> {
        let services = self.0.services.lock();
        services.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn saw(&self, service: &'static str, received: Received, response: Responded) {
        let Received {
            trace_id,
            token,
            sender,
        } = received;
        let verdicts = self.watched().into_iter();
        let verdicts = verdicts.map(|it| it.verdict(&token, it.name == service));
        let verdicts: Vec<_> = verdicts.collect();
        let token = parts(&token);
        let claimed = token.as_ref();
        let claimed = claimed.and_then(|[_, claims]| Proof::of_claims(claims));
        let sight = Arc::new(Sight {
            trace_id,
            service,
            bound_to: claimed.or_else(|| verdicts.iter().find_map(|it| it.bound_to.clone())),
            token,
            verdicts,
            sender,
            response,
        });
        let sights = self.0.sights.lock();
        let mut sights = sights.unwrap_or_else(PoisonError::into_inner);
        if sights.len() >= MAX_SIGHTS {
            sights.pop_front();
        }
        sights.push_back(sight);
    }
}

impl Watched {
    fn verdict(&self, token: &str, is_receiver: bool) -> Verdict {
        let checks = self.server.checks(token);
        let is_signed = checks.iter().any(|it| it.rule == "signature");
        let is_kept = checks.iter().all(|it| it.outcome.is_ok());
        // A token that was accepted is cached, so this does not wait. It shows what the token is
        // good for with a proof, which only a request can have.
        let caller = (is_kept && (is_signed || is_receiver)).then(|| {
            let mut context = Context::from_waker(Waker::noop());
            let validated = pin!(self.server.danger_validate_without_proof(token));
            match validated.poll(&mut context) {
                Poll::Ready(caller) => caller.ok(),
                Poll::Pending => None,
            }
        });
        let caller = caller.flatten();
        let bound_to = caller.as_ref().and_then(Proof::of_caller);
        let caller = caller.map(|caller| {
            let checks = self.rule.checks(&caller).into_iter();
            checks.map(|(rule, it)| check(rule, it)).collect()
        });
        let checks = checks.into_iter();
        Verdict {
            service: self.name,
            token: checks.map(|it| check(it.rule, it.outcome)).collect(),
            caller,
            bound_to,
        }
    }
}

fn check<E: ToString>(rule: impl Into<String>, outcome: Result<(), E>) -> Check {
    Check {
        rule: rule.into(),
        problem: outcome.err().map(|error| error.to_string()),
    }
}

/// The header and the claims of a JWT, without its signature.
pub(super) fn parts(token: &str) -> Option<[Value; 2]> {
    let mut parts = token.split('.').map(|part| {
        let json = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice(&json).ok()
    });
    Some([parts.next()??, parts.next()??])
}

/// Handles each request in a span with the name of the service, and keeps what it sees.
#[derive(Clone, Debug)]
pub struct WatchLayer {
    watch: Watch,
    name: &'static str,
}

impl<S> Layer<S> for WatchLayer {
    type Service = WatchService<S>;

    fn layer(&self, inner: S) -> WatchService<S> {
        let layer = self.clone();
        WatchService { inner, layer }
    }
}

/// The service that [`WatchLayer`] makes.
#[derive(Clone, Debug)]
pub struct WatchService<S> {
    inner: S,
    layer: WatchLayer,
}

impl<S, B, R> Service<Request<B>> for WatchService<S>
where
    S: Service<Request<B>, Response = Response<R>, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let WatchLayer { watch, name } = self.layer.clone();
        let is_on = watch.0.is_on.load(Ordering::Relaxed);
        watch.copy(name, request.headers());
        let received = is_on.then(|| Received::of(&request)).flatten();
        let span = tracing::info_span!(target: SPANS, "request", service = name);
        let response = span.in_scope(|| self.inner.call(request));
        let work = async move {
            let response = response.await;
            if let (Some(received), Ok(response)) = (received, &response) {
                watch.saw(name, received, Responded::of(response));
            }
            response
        };
        Box::pin(work.instrument(span))
    }
}

/// What is kept of a request until there is a response.
struct Received {
    trace_id: String,
    token: String,
    sender: Sender,
}

impl Received {
    fn of<B>(request: &Request<B>) -> Option<Self> {
        Some(Self {
            trace_id: request.extensions().get::<Trace>()?.trace_id(),
            token: token(request.headers())?,
            sender: Sender::of(request),
        })
    }
}

impl Responded {
    fn of<R>(response: &Response<R>) -> Self {
        let headers = response.headers();
        let grpc = headers.get("grpc-status").filter(|it| *it != "0");
        let grpc = grpc.and_then(|it| Some(format!("gRPC {}", it.to_str().ok()?)));
        let http = Some(response.status()).filter(|it| *it != StatusCode::OK);
        let challenges = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let challenges = challenges.filter_map(|it| it.to_str().ok());
        Self {
            status: grpc.or(http.map(|it| it.as_u16().to_string())),
            challenges: challenges.map(str::to_owned).collect(),
            rejection: response.extensions().get().cloned(),
        }
    }
}

fn token(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (_, token) = value.split_once(' ')?;
    Some(token.to_owned())
}
