#![cfg_attr(
    not(all(feature = "tracing", feature = "metrics")),
    allow(unused_variables)
)]

#[cfg(feature = "tracing")]
use http::{Method, Uri};
use http::{Request, Response};
use obo_core::Caller;

use super::raised::{mark_recorded, unrecorded};
use crate::refusal::rejection::Rejection;

/// Where the audit trail is told.
#[cfg(feature = "tracing")]
const AUDIT: &str = "obo::audit";

/// One event of the audit trail: its own fields, then those of the request and of the caller.
#[cfg(feature = "tracing")]
macro_rules! audit {
    ($level:ident, $method:expr, $uri:expr, $told:ident, $message:literal, $($own:tt)*) => {
        tracing::event!(
            target: AUDIT,
            tracing::Level::$level,
            $($own)*,
            method = $method.as_str(),
            path = $uri.path(),
            issuer = $told.issuer,
            subject = $told.subject,
            actor = $told.actor,
            actor_issuer = $told.actor_issuer,
            prior_actors = $told.prior_actors,
            client_id = $told.client_id,
            audience = $told.audience,
            jti = $told.jti,
            $message
        )
    };
}

/// A request went on, for this caller.
pub(crate) fn allowed<B>(request: &Request<B>, caller: &Caller) {
    count!(
        "obo_requests_total",
        "outcome" => "allowed",
        "code" => "ok",
        "issuer" => caller.issuer().as_str().to_owned(),
    );
    #[cfg(feature = "tracing")]
    if tracing::enabled!(target: AUDIT, tracing::Level::DEBUG) {
        let told = told::Logged::of(caller);
        let (method, uri) = (request.method(), request.uri());
        audit!(
            DEBUG,
            method,
            uri,
            told,
            "request allowed",
            decision = "allow"
        );
    }
}

/// A request went on without a caller, since the layer lets it.
pub(crate) fn anonymous<B>(request: &Request<B>) {
    count!(
        "obo_requests_total",
        "outcome" => "allowed",
        "code" => "anonymous",
        "issuer" => String::new(),
    );
    #[cfg(feature = "tracing")]
    tracing::event!(
        target: AUDIT,
        tracing::Level::DEBUG,
        decision = "allow",
        code = "anonymous",
        method = request.method().as_str(),
        path = request.uri().path(),
        "request allowed without a caller"
    );
}

/// A request came to what needs a caller, and no layer has looked for one.
pub(crate) fn no_layer(needed_by: &'static str) {
    event!(
        ERROR,
        code = "misconfigured",
        needed_by,
        "no BearerAuthLayer ran before {needed_by}, which refuses every request: add the layer, or change the order; in an \
         axum Router the layer added last runs first, in a ServiceBuilder and in tonic's Server::layer the one added first"
    );
}

/// A request was refused, with this response; the caller is known where a rule refused it.
pub(crate) fn refused<B, R>(
    request: &Request<B>,
    rejection: &Rejection,
    caller: Option<&Caller>,
    response: &mut Response<R>,
) {
    count_refused(rejection, caller);
    #[cfg(feature = "tracing")]
    if tracing::enabled!(target: AUDIT, tracing::Level::INFO) {
        tell_refused(request.method(), request.uri(), rejection, caller);
    }
    mark_recorded(response.extensions_mut());
}

/// A request that the layer has let pass, should it be refused further inside.
pub(crate) struct Passed {
    caller: Option<Caller>,
    /// Method and target, where anybody wants to know.
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

    /// Tells the refusal that the response holds, if any and unless it was told where it was raised.
    pub(crate) fn answered<R>(&self, response: &mut Response<R>) {
        let Some(rejection) = unrecorded(response.extensions()) else {
            return;
        };
        let caller = self.caller.as_ref();
        count_refused(rejection, caller);
        #[cfg(feature = "tracing")]
        if let Some((method, uri)) = &self.request {
            tell_refused(method, uri, rejection, caller);
        }
        mark_recorded(response.extensions_mut());
    }
}

fn count_refused(rejection: &Rejection, caller: Option<&Caller>) {
    count!(
        "obo_requests_total",
        "outcome" => "refused",
        "code" => rejection.code(),
        // What an unverified token says of its issuer is no label.
        "issuer" => caller.map_or("", |caller| caller.issuer().as_str()).to_owned(),
    );
}

#[cfg(feature = "tracing")]
fn tell_refused(method: &Method, uri: &Uri, rejection: &Rejection, caller: Option<&Caller>) {
    let told = caller.map(told::Logged::of).unwrap_or_default();
    audit!(
        INFO,
        method,
        uri,
        told,
        "request refused",
        decision = "deny",
        code = rejection.code(),
        reason = %rejection
    );
}

/// A response was ended, since the token of its request has expired.
pub(crate) fn stream_ended(rejection: &Rejection) {
    count!("obo_streams_ended_total", "code" => rejection.code());
    event!(INFO, code = rejection.code(), "stream ended");
}

/// Whether a token's very bytes were verified before.
pub(crate) fn recalled(hit: bool) {
    count!("obo_token_cache_total", "result" => if hit { "hit" } else { "miss" });
}

/// What of a caller goes into an audit record.
#[cfg(feature = "tracing")]
mod told {
    use std::sync::LazyLock;

    use crate::random;
    use obo_core::{Caller, PseudonymKey};

    /// Without randomness there are no pseudonyms, rather than names.
    static KEY: LazyLock<Option<PseudonymKey>> =
        LazyLock::new(|| random::bytes().map(PseudonymKey::new));

    #[derive(Default)]
    pub(super) struct Logged<'c> {
        pub(super) issuer: Option<&'c str>,
        pub(super) subject: Option<String>,
        pub(super) actor: Option<&'c str>,
        pub(super) actor_issuer: Option<&'c str>,
        pub(super) prior_actors: Option<String>,
        pub(super) client_id: Option<&'c str>,
        pub(super) audience: Option<String>,
        pub(super) jti: Option<&'c str>,
    }

    impl<'c> Logged<'c> {
        pub(super) fn of(caller: &'c Caller) -> Self {
            let actor = caller.current_actor();
            let prior: Vec<_> = caller.prior_actors().audit().collect();
            Self {
                issuer: Some(caller.issuer().as_str()),
                subject: KEY.as_ref().map(|key| key.of(caller)),
                actor: actor.map(|actor| actor.subject()),
                actor_issuer: actor.map(|actor| actor.id().issuer()),
                prior_actors: (!prior.is_empty()).then(|| prior.join(" ")),
                client_id: caller.client_id(),
                audience: Some(caller.audience().collect::<Vec<_>>().join(" ")),
                jti: caller.token_id(),
            }
        }
    }
}
