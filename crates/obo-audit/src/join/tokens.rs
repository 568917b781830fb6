//! Which request was made with which token.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::links::Requests;
use super::node::{Kind, Node, nearest};
use crate::time::Time;

type Nodes<'r> = Vec<&'r Node<'r>>;

/// Joins requests with the records of the tokens that they were made with.
pub(super) fn join<'r>(nodes: &'r [Node<'r>], requests: &Requests<'r>) {
    for group in groups(nodes) {
        group.join(requests);
    }
}

/// Records of the same token: it was obtained, once or from a cache, and received.
#[derive(Default)]
struct Group<'r> {
    obtained: Nodes<'r>,
    received: Nodes<'r>,
}

fn groups<'r>(nodes: &'r [Node<'r>]) -> Vec<Group<'r>> {
    let mut groups: Vec<Group<'r>> = Vec::new();
    let (mut by_issuer, mut by_id) = (HashMap::new(), HashMap::new());
    for node in nodes.iter().filter(|node| node.is_request()) {
        let ids = Vec::from_iter(node.received.into_iter().flatten());
        if ids.is_empty() {
            continue;
        }
        let next = groups.len();
        let known = ids.iter().find_map(|id| by_issuer.get(&(node.issuer, *id)));
        let group = known.copied().unwrap_or(next);
        for id in ids {
            by_issuer.entry((node.issuer, id)).or_insert(group);
            by_id.entry(id).or_insert(group);
        }
        if group == next {
            groups.push(Group::default());
        }
        groups
            .get_mut(group)
            .into_iter()
            .for_each(|group| group.received.push(node));
    }
    for node in nodes.iter().filter(|node| node.kind == Kind::Token) {
        let Some(id) = node.issued else { continue };
        // The issuer of the caller's token. Another server may have issued this one.
        let group = by_issuer.get(&(node.issuer, id)).or_else(|| by_id.get(&id));
        let group = group.and_then(|group| groups.get_mut(*group));
        group
            .into_iter()
            .for_each(|group| group.obtained.push(node));
    }
    groups
}

impl<'r> Group<'r> {
    fn join(self, requests: &Requests<'r>) {
        let all = self.obtained;
        // In the same trace.
        let mut traces: BTreeMap<Option<&str>, [Nodes<'r>; 2]> = BTreeMap::new();
        for node in &all {
            traces.entry(node.trace).or_default()[0].push(node);
        }
        for node in self.received {
            traces.entry(node.trace).or_default()[1].push(node);
        }
        let [untraced, untraced_received] = traces.remove(&None).unwrap_or_default();
        let (mut unused, mut open) = (Vec::new(), Vec::new());
        for [obtained, received] in traces.into_values() {
            let (rest, more) = pair(&obtained, &received);
            unused.extend(rest);
            // A call that is sent again has one token and several requests.
            for node in more {
                match nearest(&obtained, node.time) {
                    Some(token) => node.belongs_to(token),
                    None => open.push(node),
                }
            }
        }
        // One of the two services records no traces.
        open.sort_unstable_by_key(|node| node.position);
        let (untraced, open) = pair(&untraced, &open);
        unused.extend(untraced);
        unused.sort_unstable_by_key(|node| node.position);
        let (_, more) = pair(&unused, &untraced_received);
        // Uses of a cached token that are not recorded.
        for node in open.into_iter().chain(more) {
            let token = nearest(&all, node.time);
            let caller = token.and_then(|token| requests.of(token, node.trace, node.time));
            match (caller, token) {
                (Some(caller), _) => node.belongs_to(caller),
                (None, Some(token)) if node.trace.is_none() => node.belongs_to(token),
                _ => {}
            }
        }
    }
}

/// Makes pairs of tokens and requests: in order if there are as many of both, otherwise the nearest
/// in time. So clocks may differ. Returns those without a partner.
fn pair<'r>(tokens: &[&'r Node<'r>], requests: &[&'r Node<'r>]) -> (Nodes<'r>, Nodes<'r>) {
    if tokens.len() == requests.len() {
        for (token, request) in tokens.iter().zip(requests) {
            request.belongs_to(token);
        }
        return (Vec::new(), Vec::new());
    }
    let (few, many, is_token) = match tokens.len() < requests.len() {
        true => (tokens, requests, true),
        false => (requests, tokens, false),
    };
    let mut free: BTreeSet<(Time, usize)> = BTreeSet::new();
    free.extend(many.iter().enumerate().map(|(at, node)| (node.time, at)));
    for node in few {
        let before = free.range(..(node.time, 0)).next_back();
        let after = free.range((node.time, 0)..).next();
        let nearest = before.into_iter().chain(after);
        let nearest = nearest.min_by_key(|(time, _)| time.distance(node.time));
        let Some(nearest) = nearest.copied() else {
            break;
        };
        free.remove(&nearest);
        match (many.get(nearest.1), is_token) {
            (Some(request), true) => request.belongs_to(node),
            (Some(token), false) => node.belongs_to(token),
            (None, _) => {}
        }
    }
    let rest = free.into_iter().filter_map(|(_, at)| many.get(at).copied());
    match is_token {
        true => (Vec::new(), rest.collect()),
        false => (rest.collect(), Vec::new()),
    }
}
