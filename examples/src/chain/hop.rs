use std::time::Duration;

use obo::Caller;
use obo::exchange::TokenSource;

use crate::stock::Hop;

/// A call as the called service sees it.
pub(super) fn seen(from: &str, to: &str, caller: &Caller) -> Hop {
    let current = caller.current_actor().map(|actor| actor.subject());
    let actors = current.into_iter().chain(caller.prior_actors().audit());
    Hop {
        from: from.to_owned(),
        to: to.to_owned(),
        audience: caller.audience().collect::<Vec<_>>().join(" "),
        subject: caller.subject().to_owned(),
        actors: actors.map(str::to_owned).collect(),
        token: "received".to_owned(),
        micros: 0,
    }
}

/// What the calling service adds to it.
pub(super) fn called(hop: &mut Hop, source: Option<&TokenSource>, took: Duration) {
    hop.token = match source {
        Some(TokenSource::Cache) => "cached",
        Some(TokenSource::Exchange) => "exchanged",
        None => "none",
    }
    .to_owned();
    hop.micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
}
