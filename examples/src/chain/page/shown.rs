//! The chains as the page shows them: with what the services have seen besides their records, and
//! with the requests of a thief as one chain.

use obo_audit::{Chain, Hop, Outcome};

use super::action::Users;
use crate::chain::Watch;
use crate::chain::sender::Proof;
use crate::chain::watch::Responded;

/// As many chains are shown.
const SHOWN: usize = 12;

/// A chain as the page shows it.
pub(super) struct Shown {
    pub(super) chain: Chain,
    /// Its name in addresses.
    pub(super) key: String,
    /// Whether its requests are those of a thief.
    pub(super) is_theft: bool,
    /// The trace of each hop, in the order of [`Chain::hops`].
    traces: Vec<Option<String>>,
}

/// The latest chains, the latest first. `named` returns the words for what a token is bound to.
pub(super) fn latest(
    chains: Vec<Chain>,
    users: &Users,
    watch: &Watch,
    named: &dyn Fn(&Proof) -> String,
) -> Vec<Shown> {
    let mut groups: Vec<(Option<usize>, Vec<Chain>)> = Vec::new();
    for mut chain in chains {
        annotate(&mut chain.root, chain.trace_id.as_deref(), watch, named);
        let theft = users.theft_of(chain.trace_id.as_deref());
        let mut same = groups.iter_mut();
        match same.find(|(group, _)| theft.is_some() && *group == theft) {
            Some((_, chains)) => chains.push(chain),
            None => groups.push((theft, vec![chain])),
        }
    }
    let latest = groups.into_iter().rev().take(SHOWN);
    let shown = latest.filter_map(|(theft, chains)| {
        let title = theft.and_then(|theft| users.thefts.get(theft));
        Shown::new(chains, title.map(|theft| &*theft.title))
    });
    shown.collect()
}

impl Shown {
    /// One chain, or those of a thief with this title.
    fn new(chains: Vec<Chain>, title: Option<&str>) -> Option<Self> {
        let key = key(chains.first()?);
        let traces = chains.iter().flat_map(|chain| {
            let trace = chain.trace_id.clone();
            chain.hops().map(move |_| trace.clone())
        });
        let Some(title) = title else {
            return Some(Self {
                traces: traces.collect(),
                chain: chains.into_iter().next()?,
                key,
                is_theft: false,
            });
        };
        let traces = [None].into_iter().chain(traces).collect();
        let mut chain = Chain::of_caller("thief", chains)?;
        chain.title = Some(title.to_owned());
        Some(Self {
            chain,
            key,
            is_theft: true,
            traces,
        })
    }

    pub(super) fn trace_of(&self, hop: usize) -> Option<&str> {
        self.traces.get(hop)?.as_deref()
    }
}

/// The trace of a chain, and its start.
fn key(chain: &Chain) -> String {
    let start = chain.root.time.to_string();
    let start = start.replace(|c: char| !c.is_ascii_digit(), "");
    format!("{}.{start}", chain.trace_id.as_deref().unwrap_or("none"))
}

/// Adds to each hop what its service has seen: to what the token is bound, and the response.
fn annotate(
    hop: &mut Hop,
    trace_id: Option<&str>,
    watch: &Watch,
    named: &dyn Fn(&Proof) -> String,
) {
    let trace = trace_id.filter(|_| hop.outcome != Outcome::NotMade);
    if let Some(sight) = trace.and_then(|trace| watch.sight(trace, &hop.service)) {
        hop.binding = sight.bound_to.as_ref().map(named);
        hop.response = short(&sight.response);
    }
    for call in &mut hop.calls {
        annotate(call, trace_id, watch, named);
    }
}

/// The status, and the challenges without their algorithms.
fn short(response: &Responded) -> Option<String> {
    let status = response.status.clone()?;
    let challenges = response.challenges.iter();
    let challenges = challenges.map(|challenge| match challenge.split_once(", algs=") {
        Some((error, _)) => error,
        None => challenge,
    });
    let parts = [&*status].into_iter().chain(challenges);
    Some(parts.collect::<Vec<_>>().join(" "))
}
