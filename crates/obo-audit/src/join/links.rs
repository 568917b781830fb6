use std::collections::{BTreeSet, HashMap};

use super::node::{Kind, Node, TokenId, nearest};
use super::tokens;
use crate::chain::Gap;
use crate::record::{Decision, Record};
use crate::time::Time;

/// The requests in a deeper chain become a chain of their own, so that forged records do not
/// exhaust the stack.
const MAX_DEPTH: usize = 64;

/// What a record belongs to, by positions in the sorted records.
pub(super) struct Link {
    pub(super) parent: Option<usize>,
    /// The refusal of a request that was allowed first.
    pub(super) refusal: Option<usize>,
    /// Whether the record is the refusal of another one.
    pub(super) is_refusal: bool,
    pub(super) cut: Option<Gap>,
}

pub(super) fn find(records: &[Record]) -> Vec<Link> {
    let nodes: Vec<_> = records.iter().enumerate().collect();
    let nodes: Vec<_> = nodes
        .into_iter()
        .map(|(at, it)| Node::new(at, it))
        .collect();
    join_all(&nodes);
    let link = |node: &Node<'_>| Link {
        parent: node.parent.get().map(|parent| parent.position),
        refusal: node.refusal.get(),
        is_refusal: node.is_refusal.get(),
        cut: node.cut.get(),
    };
    nodes.iter().map(link).collect()
}

fn join_all<'r>(nodes: &'r [Node<'r>]) {
    join_refusals(nodes);
    let requests = Requests::new(nodes);
    for node in nodes {
        let is_call = !matches!(node.kind, Kind::Request(_));
        let request = is_call.then(|| requests.of(node, node.trace, node.time));
        request
            .flatten()
            .into_iter()
            .for_each(|request| node.belongs_to(request));
    }
    tokens::join(nodes, &requests);
    join_unknown_tokens(nodes);
    cut_circles(nodes);
    cut_depths(nodes);
}

/// A request that is allowed and then refused further inside has two records.
fn join_refusals<'r>(nodes: &'r [Node<'r>]) {
    let mut allowed: HashMap<_, Vec<&Node<'r>>> = HashMap::new();
    for node in nodes {
        let Kind::Request(decision) = node.kind else {
            continue;
        };
        if !node.has_token() && node.trace.is_none() {
            continue;
        }
        let token = (node.issuer, node.received);
        let same = (node.service, node.trace, token, node.method_and_path);
        let allowed = allowed.entry(same).or_default();
        match decision {
            Decision::Allow => allowed.push(node),
            Decision::Deny => {
                if let Some(allowed) = allowed.pop() {
                    allowed.refusal.set(Some(node.position));
                    node.is_refusal.set(true);
                }
            }
        }
    }
}

/// Received requests, by what a call of the same service names.
pub(super) struct Requests<'r> {
    by_token: HashMap<ByToken<'r>, Vec<&'r Node<'r>>>,
    by_trace: HashMap<(&'r str, &'r str), Vec<&'r Node<'r>>>,
}

#[derive(PartialEq, Eq, Hash)]
struct ByToken<'r> {
    service: &'r str,
    issuer: Option<&'r str>,
    token: TokenId<'r>,
    trace: Trace<'r>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Trace<'r> {
    Any,
    Exact(Option<&'r str>),
}

impl<'r> Requests<'r> {
    fn new(nodes: &'r [Node<'r>]) -> Self {
        let (mut by_token, mut by_trace) = (HashMap::new(), HashMap::new());
        for node in nodes.iter().filter(|node| node.is_request()) {
            if let Some(trace) = node.trace {
                let same: &mut Vec<_> = by_trace.entry((node.service, trace)).or_default();
                same.push(node);
            }
            for trace in [Trace::Any, Trace::Exact(node.trace)] {
                for id in node.received.into_iter().flatten() {
                    let key = ByToken::new(node, id, trace);
                    let same: &mut Vec<_> = by_token.entry(key).or_default();
                    same.push(node);
                }
            }
        }
        Self { by_token, by_trace }
    }

    /// The request that caused a call of the same service, in this trace and about this time.
    pub(super) fn of(
        &self,
        call: &Node<'r>,
        trace: Option<&'r str>,
        time: Time,
    ) -> Option<&'r Node<'r>> {
        let by_token = |trace: Trace<'r>| {
            let ids = call.received.into_iter().flatten();
            let mut keys = ids.map(|id| ByToken::new(call, id, trace));
            nearest(keys.find_map(|key| self.by_token.get(&key))?, time)
        };
        let Some(trace) = trace else {
            return by_token(Trace::Any);
        };
        let in_trace = || nearest(self.by_trace.get(&(call.service, trace))?, time);
        by_token(Trace::Exact(Some(trace)))
            .or_else(in_trace)
            .or_else(|| by_token(Trace::Exact(None)))
    }
}

impl<'r> ByToken<'r> {
    fn new(node: &Node<'r>, token: TokenId<'r>, trace: Trace<'r>) -> Self {
        Self {
            service: node.service,
            issuer: node.issuer,
            token,
            trace,
        }
    }
}

/// Requests that were refused before their token was known. And requests with an opaque token,
/// whose `jti` is only known by introspection: the caller has recorded a digest.
fn join_unknown_tokens<'r>(nodes: &'r [Node<'r>]) {
    let mut unused: HashMap<&str, BTreeSet<usize>> = HashMap::new();
    let mut unused_for: HashMap<_, BTreeSet<usize>> = HashMap::new();
    let mut opaque_for: HashMap<_, BTreeSet<usize>> = HashMap::new();
    for node in nodes {
        if let (Kind::Token, Some(trace), false) = (node.kind, node.trace, node.is_parent.get()) {
            unused.entry(trace).or_default().insert(node.position);
            for target in node.target.unwrap_or_default().split(' ') {
                let same = unused_for.entry((trace, target)).or_default();
                same.insert(node.position);
                if let Some(TokenId::Digest(_)) = node.issued {
                    let same = opaque_for.entry((trace, target)).or_default();
                    same.insert(node.position);
                }
            }
        }
    }
    for node in nodes.iter().filter(|node| node.is_request()) {
        if node.parent.get().is_some() {
            continue;
        }
        let (named_for, may_be_another) = match (node.kind, node.received) {
            (Kind::Request(Decision::Deny), [None, None]) => (&mut unused_for, true),
            // Its digest is of another key, or it was recorded without.
            (_, [_, Some(_)]) => (&mut opaque_for, false),
            _ => continue,
        };
        let Some((trace, unused)) = node.trace.and_then(|it| Some((it, unused.get_mut(it)?)))
        else {
            continue;
        };
        let named = named_for.get_mut(&(trace, node.service));
        let mut named = named.into_iter().flat_map(|named| {
            std::iter::from_fn(|| named.pop_first()).filter(|token| unused.contains(token))
        });
        let named = named.next();
        let only = || {
            unused
                .first()
                .copied()
                .filter(|_| may_be_another && unused.len() == 1)
        };
        let token = named.or_else(only).and_then(|token| nodes.get(token));
        if let Some(token) = token.filter(|token| token.service != node.service) {
            unused.remove(&token.position);
            node.belongs_to(token);
        }
    }
}

/// Cuts each circle before its earliest request. A node has one parent, so a walk from each node
/// towards its root, until a node that was seen before, finds all circles.
fn cut_circles<'r>(nodes: &'r [Node<'r>]) {
    for start in nodes {
        let mut at = Some(start);
        while let Some(node) = at {
            match node.seen_from.replace(Some(start.position)) {
                None => at = node.parent.get(),
                Some(seen_from) if seen_from == start.position => {
                    let circle = std::iter::successors(Some(node), |node| node.parent.get());
                    let rest = circle.skip(1).take_while(|it| it.position != node.position);
                    let requests = rest.chain([node]).filter(|node| node.is_request());
                    if let Some(first) = requests.min_by_key(|node| node.position) {
                        first.parent.set(None);
                        first.cut.set(Some(Gap::Circle));
                    }
                    break;
                }
                Some(_) => break,
            }
        }
    }
}

fn cut_depths<'r>(nodes: &'r [Node<'r>]) {
    for node in nodes {
        let unknown = |node: &&'r Node<'r>| node.depth.get() == 0;
        let up = std::iter::successors(Some(node), |node| node.parent.get());
        let mut path: Vec<_> = up.take_while(unknown).collect();
        while let Some(node) = path.pop() {
            let above = node.parent.get().map_or(0, |parent| parent.depth.get());
            // A token of a service without a request has a request in its place.
            let mut depth = (above + usize::from(node.is_request())).max(1);
            if depth > MAX_DEPTH {
                node.parent.set(None);
                node.cut.set(Some(Gap::TooDeep));
                depth = 1;
            }
            node.depth.set(depth);
        }
    }
}
