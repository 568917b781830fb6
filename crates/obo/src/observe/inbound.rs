#[cfg(feature = "tracing")]
use http::{Method, Uri};
use http::{Request, Response};
use obo_core::Caller;
#[cfg(feature = "tracing")]
use obo_core::CurrentActor;

#[cfg(feature = "tracing")]
use super::names::{AUDIT, binding, caller_digest, caller_jti, subject};
use crate::refusal::rejection::Rejection;
#[cfg(feature = "tracing")]
use crate::trace::Trace;

/// Marks a response whose refusal is recorded, so that no outer layer records it again.
#[derive(Clone, Copy)]
struct Recorded;

/// Emits the record of a request, with its own fields and those of the request and the caller.
#[cfg(feature = "tracing")]
macro_rules! audit {
    ($level:ident, $method:expr, $uri:expr, $caller:expr, $message:literal, $($own:tt)*) => {{
        let caller: Option<&Caller> = $caller;
        let actor = caller.and_then(Caller::current_actor);
        tracing::event!(
            target: AUDIT,
            tracing::Level::$level,
            record = "request",
            $($own)*,
            method = $method.as_str(),
            path = $uri.path(),
            issuer = caller.map(|caller| caller.issuer().as_str()),
            subject = caller.and_then(|it| subject(it.audit_subjects(), it)),
            actor = actor.map(CurrentActor::subject),
            actor_issuer = actor.map(|actor| actor.id().issuer()),
            prior_actors = caller.and_then(prior_actors),
            client_id = caller.and_then(Caller::client_id),
            audience = caller.map(|caller| Vec::from_iter(caller.audience()).join(" ")),
            jti = caller.and_then(caller_jti),
            token_digest = caller.and_then(|it| caller_digest(it.audit_subjects(), it)),
            binding = caller.and_then(|caller| binding(caller.binding())),
            trace_id = Trace::current().map(|trace| trace.trace_id()),
            $message
        )
    }};
}

/// A request is admitted, for this caller.
pub(crate) fn allowed<B>(request: &Request<B>, caller: &Caller) {
    count_request("allowed", "ok", Some(caller));
    #[cfg(feature = "tracing")]
    audit!(
        DEBUG,
        request.method(),
        request.uri(),
        Some(caller),
        "request allowed",
        decision = "allow"
    );
}

/// A request is admitted without a caller, because the layer allows it.
pub(crate) fn anonymous<B>(request: &Request<B>) {
    count_request("allowed", "anonymous", None);
    #[cfg(feature = "tracing")]
    audit!(
        DEBUG,
        request.method(),
        request.uri(),
        None,
        "request allowed without a caller",
        decision = "allow",
        code = "anonymous"
    );
}

/// A layer or extractor needs a caller, but no `BearerAuthLayer` ran before it.
pub(crate) fn no_layer(needed_by: &'static str) {
    event!(
        ERROR,
        code = "misconfigured",
        needed_by,
        "no BearerAuthLayer ran before {needed_by}, which refuses every request: add the layer, or change the order; in an \
         axum Router the layer added last runs first, in a ServiceBuilder and in tonic's Server::layer the one added first"
    );
}

/// A request is refused with this response. The caller is known if a rule refused it.
pub(crate) fn refused<B, R>(
    request: &Request<B>,
    rejection: &Rejection,
    caller: Option<&Caller>,
    response: &mut Response<R>,
) {
    count_request("refused", rejection.code(), caller);
    #[cfg(feature = "tracing")]
    audit_refused(request.method(), request.uri(), rejection, caller);
    response.extensions_mut().insert(Recorded);
}

/// A request that the layer has admitted, in case it is refused further inside.
pub(crate) struct Passed {
    caller: Option<Caller>,
    /// Method and target, if the event is enabled.
    #[cfg(feature = "tracing")]
    request: Option<(Method, Uri)>,
}

impl Passed {
    pub(crate) fn new<B>(request: &Request<B>) -> Self {
        Self {
            caller: request.extensions().get().cloned(),
            #[cfg(feature = "tracing")]
            request: tracing::enabled!(target: AUDIT, tracing::Level::INFO)
                .then(|| (request.method().clone(), request.uri().clone())),
        }
    }

    /// Records the refusal in the response's extensions, if there is one and it is not recorded
    /// yet.
    pub(crate) fn responded<R>(&self, response: &mut Response<R>) {
        let extensions = response.extensions();
        let (None, Some(rejection)) = (extensions.get::<Recorded>(), extensions.get::<Rejection>())
        else {
            return;
        };
        let caller = self.caller.as_ref();
        count_request("refused", rejection.code(), caller);
        #[cfg(feature = "tracing")]
        if let Some((method, uri)) = &self.request {
            audit_refused(method, uri, rejection, caller);
        }
        response.extensions_mut().insert(Recorded);
    }
}

fn count_request(outcome: &'static str, code: &'static str, caller: Option<&Caller>) {
    count!(
        "obo_requests_total",
        "outcome" => outcome,
        "code" => code,
        // The `iss` of an unverified token must not become a label.
        "issuer" => caller.map_or("", |caller| caller.issuer().as_str()).to_owned(),
    );
}

#[cfg(feature = "tracing")]
fn audit_refused(method: &Method, uri: &Uri, rejection: &Rejection, caller: Option<&Caller>) {
    audit!(
        INFO,
        method,
        uri,
        caller,
        "request refused",
        decision = "deny",
        code = rejection.code(),
        reason = %rejection
    );
}

/// A response is ended because the token of its request has expired.
pub(crate) fn stream_ended(rejection: &Rejection) {
    count!("obo_streams_ended_total", "code" => rejection.code());
    event!(INFO, code = rejection.code(), "stream ended");
}

/// A lookup in the cache of verified tokens.
pub(crate) fn token_cache(hit: bool) {
    count!("obo_token_cache_total", "result" => if hit { "hit" } else { "miss" });
}

#[cfg(feature = "tracing")]
fn prior_actors(caller: &Caller) -> Option<String> {
    let prior = Vec::from_iter(caller.prior_actors().audit());
    (!prior.is_empty()).then(|| prior.join(" "))
}
