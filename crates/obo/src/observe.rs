//! What is told to `tracing`, in one place, so that no call site needs a `cfg` and none can log a token.

use crate::{ExchangeError, Issuer, Rejection, Validated};

macro_rules! event {
    ($level:ident, $($told:tt)*) => {
        #[cfg(feature = "tracing")]
        tracing::event!(target: "obo", tracing::Level::$level, $($told)*);
    };
}

#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn allowed(caller: &Validated) {
    event!(
        DEBUG,
        issuer = caller.issuer().as_str(),
        actor = caller.current_actor().map(|actor| actor.subject()),
        client_id = caller.client_id(),
        "request allowed"
    );
}

#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn refused(rejection: &Rejection) {
    event!(
        INFO,
        code = rejection.code(),
        reason = %rejection,
        "request refused"
    );
}

#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn keys_fetched(issuer: &Issuer, usable: usize, skipped: usize) {
    event!(
        DEBUG,
        issuer = issuer.as_str(),
        usable,
        skipped,
        "key set fetched"
    );
}

#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn keys_unavailable(issuer: &Issuer, problem: &str) {
    event!(
        WARN,
        issuer = issuer.as_str(),
        problem,
        "key set not available"
    );
}

#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn exchanged(target: &str) {
    event!(DEBUG, target_audience = target, "token exchanged");
}

#[cfg_attr(not(feature = "tracing"), allow(unused_variables))]
pub(crate) fn not_exchanged(error: &ExchangeError) {
    event!(
        WARN,
        code = error.code(),
        reason = %error,
        "token not exchanged"
    );
}
