use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo::Caller;
use obo::binding::Binding;
use obo::exchange::TokenSource;

use super::binding::short;
use crate::stock::Hop;

impl Hop {
    /// The call as the called service sees it.
    pub(super) fn seen(from: &str, to: &str, caller: &Caller) -> Self {
        let current = caller.current_actor().map(|actor| actor.subject());
        let actors = current.into_iter().chain(caller.prior_actors().audit());
        Self {
            from: from.to_owned(),
            to: to.to_owned(),
            audience: caller.audience().collect::<Vec<_>>().join(" "),
            subject: caller.subject().to_owned(),
            actors: actors.map(str::to_owned).collect(),
            token: "received".to_owned(),
            micros: 0,
            bound_to: bound_to(caller.binding()),
        }
    }

    /// Adds what the calling service knows: where its token came from, and how long the call took.
    pub(super) fn called(&mut self, source: Option<&TokenSource>, started: Instant) {
        let token = match source {
            Some(TokenSource::Cache) => "cached",
            Some(TokenSource::Exchange) => "exchanged",
            None => "none",
        };
        self.token = token.to_owned();
        self.micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    }
}

fn bound_to(binding: &Binding) -> String {
    let jkt = binding.jkt.map(|jkt| jkt.to_string());
    let certificate = binding.certificate.map(|it| URL_SAFE_NO_PAD.encode(it));
    short(&jkt.or(certificate).unwrap_or_default())
}
