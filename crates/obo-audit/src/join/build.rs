//! Makes chains of records and their links.

use std::collections::{HashMap, HashSet};

use super::links::Link;
use crate::chain::{Chain, Gap, Hop, Obtained, Outcome};
use crate::record::{Decision, Event, ObtainedToken, ReceivedRequest, Record, Source, UnmadeCall};
use crate::time::Time;

pub(super) fn chains(records: Vec<Record>, links: Vec<Link>) -> Vec<Chain> {
    let roots = roots(&records, &links);
    let mut children = vec![Vec::new(); records.len()];
    for (position, link) in links.iter().enumerate() {
        let siblings = link.parent.and_then(|parent| children.get_mut(parent));
        siblings
            .into_iter()
            .for_each(|it: &mut Vec<_>| it.push(position));
    }
    let mut builder = Builder {
        services: services(&records),
        records: records.into_iter().map(Some).collect(),
        links,
        children,
    };
    let mut chains: Vec<_> = roots
        .iter()
        .filter_map(|root| builder.chain(root))
        .collect();
    chains.sort_by_key(|chain| chain.root.time);
    chains
}

/// The positions of records that belong to no other: of one request, or of calls of one service
/// whose request is not recorded.
fn roots(records: &[Record], links: &[Link]) -> Vec<Vec<usize>> {
    let mut roots: Vec<Vec<usize>> = Vec::new();
    let mut calls = HashMap::new();
    for ((position, record), link) in records.iter().enumerate().zip(links) {
        if link.parent.is_some() || link.is_refusal {
            continue;
        }
        let caller = Caller::of(&record.event);
        let is_alone = record.trace_id().is_none()
            && caller
                .as_ref()
                .is_none_or(|caller| caller.token_id.is_none());
        let Some(caller) = caller.filter(|_| !is_alone) else {
            roots.push(vec![position]);
            continue;
        };
        let same = (
            &record.service,
            record.trace_id(),
            caller.issuer,
            caller.token_id,
        );
        let root = *calls.entry(same).or_insert(roots.len());
        match roots.get_mut(root) {
            Some(root) => root.push(position),
            None => roots.push(vec![position]),
        }
    }
    roots
}

/// The names that actors may have, of the services of these records: the names of those that
/// recorded anything, their identifiers as clients, and the targets of their calls.
fn services(records: &[Record]) -> HashSet<String> {
    let mut names = HashSet::new();
    for record in records {
        names.insert(record.service.clone());
        if let Event::Token(token) = &record.event {
            names.extend(token.client_id.clone());
            let targets = token.target_audience.as_deref().unwrap_or_default();
            names.extend(targets.split(' ').map(str::to_owned));
        }
    }
    names
}

struct Builder {
    services: HashSet<String>,
    /// Each record is taken once.
    records: Vec<Option<Record>>,
    links: Vec<Link>,
    children: Vec<Vec<usize>>,
}

impl Builder {
    fn chain(&mut self, root: &[usize]) -> Option<Chain> {
        let first = self.records.get(*root.first()?)?.as_ref()?;
        let trace_id = first.trace_id().map(str::to_owned);
        let root = match Caller::of(&first.event) {
            None => self.hops(*root.first()?, None).into_iter().next()?,
            Some(caller) => {
                let hop = caller.hop(first.service.clone(), first.time);
                let calls = self.calls(root);
                Hop { calls, ..hop }
            }
        };
        Some(Chain {
            trace_id,
            title: None,
            root,
        })
    }

    fn calls(&mut self, positions: &[usize]) -> Vec<Hop> {
        let renewed = self.renewed(positions);
        let mut calls = Vec::new();
        for position in positions.iter().filter(|it| !renewed.contains(*it)) {
            calls.extend(self.hops(*position, None));
        }
        calls
    }

    /// Tokens that were obtained in the background, while a call used the cached one.
    fn renewed(&self, positions: &[usize]) -> HashSet<usize> {
        let tokens = positions.iter().filter_map(|position| {
            let record = self.records.get(*position)?.as_ref()?;
            match &record.event {
                Event::Token(token) => Some((*position, token)),
                _ => None,
            }
        });
        let cached = tokens.clone().filter(|(_, it)| it.source == Source::Cache);
        let cached: HashSet<_> = cached.map(|(_, it)| &it.target_audience).collect();
        let is_used = |position: usize| self.children.get(position).is_none_or(|it| !it.is_empty());
        let renewed = tokens.filter(|(position, token)| {
            let is_new = token.source == Source::Exchange && !is_used(*position);
            is_new && cached.contains(&token.target_audience)
        });
        renewed.map(|(position, _)| position).collect()
    }

    /// The hops of a record: several if requests were sent again with the same token.
    fn hops(&mut self, position: usize, obtained: Option<Obtained>) -> Vec<Hop> {
        let Some(record) = self.records.get_mut(position).and_then(Option::take) else {
            return Vec::new();
        };
        let children = self.children.get_mut(position);
        let children = children.map(std::mem::take).unwrap_or_default();
        let Record {
            time,
            service,
            event,
            ..
        } = record;
        match event {
            Event::Request(request) => {
                let link = self.links.get(position);
                let is_root = link.is_none_or(|link| link.parent.is_none());
                let cut = link.and_then(|link| link.cut);
                let refusal = link.and_then(|link| link.refusal);
                let mut hop = received(request, service, time);
                // The parent is a request: no record of this use of a token.
                let reused = (!is_root).then_some(Obtained {
                    source: Source::Cache,
                    waited: None,
                    time: None,
                });
                hop.obtained = obtained.or(reused);
                hop.gap = cut;
                // A token of another actor was issued elsewhere, so no record is missing.
                let actor = hop.actors.first();
                let is_recorded = actor.is_some_and(|actor| self.services.contains(actor));
                if is_root && cut.is_none() && is_recorded && hop.token_id.is_some() {
                    hop.gap = Some(Gap::NotIssued);
                }
                let refusal = refusal.and_then(|at| self.records.get_mut(at)?.take());
                if let Some(Event::Request(refusal)) = refusal.map(|record| record.event) {
                    (hop.outcome, hop.code) = (Outcome::Refused, refusal.code);
                    hop.reason = refusal.reason;
                }
                hop.calls = self.calls(&children);
                vec![hop]
            }
            Event::Token(mut token) => {
                let obtained = Obtained {
                    source: token.source,
                    waited: token.seconds,
                    time: Some(time),
                };
                let mut hops = Vec::new();
                for child in children {
                    hops.extend(self.hops(child, Some(obtained.clone())));
                }
                if hops.is_empty() {
                    hops.push(not_received(&mut token, obtained, time));
                }
                hops
            }
            Event::Call(call) => vec![not_made(call, time)],
        }
    }
}

/// What a call says of the request that caused it.
struct Caller {
    issuer: Option<String>,
    subject: Option<String>,
    actor: Option<String>,
    token_id: Option<String>,
}

impl Caller {
    /// `None` for a request.
    fn of(event: &Event) -> Option<Self> {
        let (issuer, subject, actor, jti, digest) = match event {
            Event::Request(_) => return None,
            Event::Token(it) => (
                &it.issuer,
                &it.subject,
                it.actor.clone(),
                &it.caller_jti,
                &it.caller_digest,
            ),
            Event::Call(it) => (
                &it.issuer,
                &it.subject,
                None,
                &it.caller_jti,
                &it.caller_digest,
            ),
        };
        Some(Self {
            issuer: issuer.clone(),
            subject: subject.clone(),
            actor,
            token_id: jti.as_ref().or(digest.as_ref()).cloned(),
        })
    }

    fn hop(self, service: String, time: Time) -> Hop {
        let is_known = self.token_id.is_some();
        Hop {
            issuer: self.issuer,
            subject: self.subject,
            actors: self.actor.into_iter().collect(),
            token_id: self.token_id,
            gap: is_known.then_some(Gap::NoRequest),
            ..Hop::new(
                service,
                if is_known {
                    Outcome::Unknown
                } else {
                    Outcome::Own
                },
                time,
            )
        }
    }
}

fn received(request: ReceivedRequest, service: String, time: Time) -> Hop {
    let outcome = match request.decision {
        Decision::Allow => Outcome::Allowed,
        Decision::Deny => Outcome::Refused,
    };
    let prior = request.prior_actors.as_deref().unwrap_or_default();
    let prior: Vec<_> = prior.split_whitespace().map(str::to_owned).collect();
    Hop {
        method: request.method,
        path: request.path,
        code: request.code,
        reason: request.reason,
        issuer: request.issuer,
        subject: request.subject,
        actors: request.actor.into_iter().chain(prior).collect(),
        client_id: request.client_id,
        audience: request.audience,
        token_id: request.jti.or(request.token_digest),
        binding: request.binding,
        ..Hop::new(service, outcome, time)
    }
}

fn not_received(token: &mut ObtainedToken, obtained: Obtained, time: Time) -> Hop {
    let service = target(token.target_audience.clone());
    Hop {
        issuer: token.issuer.take(),
        subject: token.subject.take(),
        client_id: token.client_id.take(),
        audience: token.target_audience.take(),
        token_id: token
            .issued_jti
            .take()
            .or_else(|| token.issued_digest.take()),
        binding: token.binding.take(),
        obtained: Some(obtained),
        gap: Some(Gap::NotReceived),
        ..Hop::new(service, Outcome::Unknown, time)
    }
}

fn not_made(call: UnmadeCall, time: Time) -> Hop {
    Hop {
        code: call.code,
        reason: call.reason,
        cause: call.cause,
        issuer: call.issuer,
        subject: call.subject,
        audience: call.target_audience.clone(),
        ..Hop::new(target(call.target_audience), Outcome::NotMade, time)
    }
}

fn target(audience: Option<String>) -> String {
    audience.unwrap_or_else(|| "unknown service".to_owned())
}
