use std::cell::Cell;

use crate::chain::Gap;
use crate::record::{Decision, Event, Record};
use crate::time::Time;

/// The identifier of a token: its `jti`, or its digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum TokenId<'r> {
    Jti(&'r str),
    Digest(&'r str),
}

impl<'r> TokenId<'r> {
    pub(super) fn new(jti: &'r Option<String>, digest: &'r Option<String>) -> Option<Self> {
        let digest = || digest.as_deref().map(Self::Digest);
        jti.as_deref().map(Self::Jti).or_else(digest)
    }
}

/// The identifiers of the token of a caller. An opaque token that has a `jti` by introspection has
/// a digest too, since its issuance has no other.
pub(super) type CallerIds<'r> = [Option<TokenId<'r>>; 2];

fn caller_ids<'r>(jti: &'r Option<String>, digest: &'r Option<String>) -> CallerIds<'r> {
    let digest = digest.as_deref().map(TokenId::Digest);
    [digest, jti.as_deref().map(TokenId::Jti)]
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Request(Decision),
    Token,
    Call,
}

/// What joins a record with others.
pub(super) struct Node<'r> {
    /// The position in the sorted records.
    pub(super) position: usize,
    pub(super) kind: Kind,
    pub(super) time: Time,
    pub(super) service: &'r str,
    pub(super) trace: Option<&'r str>,
    /// The issuer of the token that a request was received with.
    pub(super) issuer: Option<&'r str>,
    /// The token that a request was received with: this one, or the one that caused this call.
    pub(super) received: CallerIds<'r>,
    /// The token that was obtained.
    pub(super) issued: Option<TokenId<'r>>,
    pub(super) target: Option<&'r str>,
    pub(super) method_and_path: [Option<&'r str>; 2],
    pub(super) parent: Cell<Option<&'r Node<'r>>>,
    /// The refusal of a request that was allowed first.
    pub(super) refusal: Cell<Option<usize>>,
    /// Whether this is the refusal of another node.
    pub(super) is_refusal: Cell<bool>,
    pub(super) is_parent: Cell<bool>,
    pub(super) cut: Cell<Option<Gap>>,
    /// The start of the latest walk that came by.
    pub(super) seen_from: Cell<Option<usize>>,
    /// The number of requests from the root to here. Zero if not known yet.
    pub(super) depth: Cell<usize>,
}

impl<'r> Node<'r> {
    pub(super) fn new(position: usize, record: &'r Record) -> Self {
        let (mut issued, mut target, mut method_and_path) = (None, None, [None; 2]);
        let (kind, issuer, received) = match &record.event {
            Event::Request(it) => {
                method_and_path = [it.method.as_deref(), it.path.as_deref()];
                let received = caller_ids(&it.jti, &it.token_digest);
                (Kind::Request(it.decision), &it.issuer, received)
            }
            Event::Token(it) => {
                issued = TokenId::new(&it.issued_jti, &it.issued_digest);
                target = it.target_audience.as_deref();
                let received = caller_ids(&it.caller_jti, &it.caller_digest);
                (Kind::Token, &it.issuer, received)
            }
            Event::Call(it) => {
                target = it.target_audience.as_deref();
                let received = caller_ids(&it.caller_jti, &it.caller_digest);
                (Kind::Call, &it.issuer, received)
            }
        };
        Self {
            position,
            kind,
            time: record.time,
            service: &record.service,
            trace: record.trace_id(),
            issuer: issuer.as_deref(),
            received,
            issued,
            target,
            method_and_path,
            parent: Cell::default(),
            refusal: Cell::default(),
            is_refusal: Cell::default(),
            is_parent: Cell::default(),
            cut: Cell::default(),
            seen_from: Cell::default(),
            depth: Cell::default(),
        }
    }

    /// Whether this is a request, once for a request that was allowed and then refused.
    pub(super) fn is_request(&self) -> bool {
        matches!(self.kind, Kind::Request(_)) && !self.is_refusal.get()
    }

    /// Whether the token of the caller is known.
    pub(super) fn has_token(&self) -> bool {
        self.received.iter().any(Option::is_some)
    }

    pub(super) fn belongs_to(&self, parent: &'r Node<'r>) {
        self.parent.set(Some(parent));
        parent.is_parent.set(true);
    }
}

/// The latest one not after this time, or else the first one after it. They are sorted by time.
pub(super) fn nearest<'r>(nodes: &[&'r Node<'r>], time: Time) -> Option<&'r Node<'r>> {
    let after = nodes.partition_point(|node| node.time <= time);
    nodes.get(after.saturating_sub(1)).copied()
}
