//! Who may send a request to an endpoint of the authorization server now, and what the outcome
//! means for others.
//!
//! Requests differ by [`Asker`]: a subject and a target. An outcome concerns its asker first; it
//! concerns a target if several subjects agree, and the endpoint if several targets agree too
//! (decision 0013). Each of the three has a [`Breaker`]. [`Pauses`] holds the pauses that the
//! server requested.

use std::convert::Infallible;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use obo_core::{ErrorClass, Issuer, Target, TokenEndpointError};
use quick_cache::sync::Cache;

use super::breaker::{Breaker, Pass, Rule};
use super::pauses::Pauses;
use crate::idp::endpoint::AskError;
use crate::observe;

/// How many subjects, or targets, are several. Two are not: two hostile accounts could take turns.
pub(super) const SEVERAL: usize = 3;

/// How many subjects without a failure pass an open breaker in each of its periods.
const NEWCOMERS: u32 = 16;

/// How many failing askers and failing targets are recorded; the least used ones are evicted beyond
/// it.
const MOST_FAILING: usize = 4096;

/// The statuses of a server that is down or overloaded, whatever the request is.
const OF_THE_SERVER: [StatusCode; 3] = [
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// The subject and target of a request, by keyed hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Asker {
    pub(crate) subject: u64,
    pub(crate) target: u64,
    /// Whether the subject is known to exist. Otherwise the token may be forged, and its subject is
    /// never a newcomer.
    pub(crate) is_vouched: bool,
}

/// The subjects and targets of some askers, at most [`SEVERAL`] of each.
#[derive(Debug, Default)]
pub(super) struct Distinct {
    subjects: Vec<u64>,
    targets: Vec<u64>,
}

impl Distinct {
    pub(super) fn insert(&mut self, asker: Asker) {
        for (known, number) in [
            (&mut self.subjects, asker.subject),
            (&mut self.targets, asker.target),
        ] {
            if known.len() < SEVERAL && !known.contains(&number) {
                known.push(number);
            }
        }
    }

    /// Whether there are at least this many of each.
    pub(super) fn are(&self, subjects: usize, targets: usize) -> bool {
        self.subjects.len() >= subjects && self.targets.len() >= targets
    }
}

/// The breakers and pauses of one endpoint, shared by all its requests.
#[derive(Debug)]
pub(crate) struct Admission {
    label: observe::Endpoint,
    by_asker: Cache<Asker, Arc<Breaker>>,
    /// For requests with targets, besides the breaker of the endpoint.
    by_target: Option<Cache<u64, Arc<Breaker>>>,
    endpoint: Arc<Breaker>,
    pub(super) pauses: Pauses,
}

/// The permission to send one request. Dropping it reports no outcome.
#[derive(Debug)]
struct Admitted {
    of_asker: Option<Pass>,
    of_target: Option<Pass>,
    of_endpoint: Pass,
}

impl Admission {
    /// For the token endpoint: requests have subjects and targets.
    pub(crate) fn of_token_endpoint(issuer: Issuer) -> Self {
        Self::new(observe::Endpoint::new(issuer, "token"), true)
    }

    /// For the introspection endpoint: there is one target, and a token without a verified
    /// signature is a subject of its own.
    pub(crate) fn of_introspection(issuer: Issuer) -> Self {
        Self::new(observe::Endpoint::new(issuer, "introspection"), false)
    }

    fn new(label: observe::Endpoint, has_targets: bool) -> Self {
        let targets = if has_targets { SEVERAL } else { 1 };
        let rule = Rule {
            subjects: SEVERAL,
            targets,
            newcomers: NEWCOMERS,
        };
        Self {
            by_asker: Cache::new(MOST_FAILING),
            by_target: has_targets.then(|| Cache::new(MOST_FAILING)),
            endpoint: Arc::new(Breaker::new(rule, Some(label.clone()))),
            pauses: Pauses::new(targets),
            label,
        }
    }

    /// The error of a request that would be sent during a pause.
    pub(crate) fn paused(pause: Duration) -> TokenEndpointError {
        let problem = "the authorization server requested a pause (`Retry-After`)";
        TokenEndpointError::new(ErrorClass::Throttled, problem).with_retry_after(Some(pause))
    }

    /// Sends a request for `asker` unless a circuit breaker is open for it, and records the
    /// outcome.
    pub(crate) async fn guard<T>(
        &self,
        asker: Asker,
        target: Option<&Target>,
        request: impl Future<Output = Result<T, AskError>>,
    ) -> Result<T, TokenEndpointError> {
        let admitted = self.pass(asker).map_err(|left| {
            let problem = "the authorization server failed repeatedly: its circuit breaker is open";
            TokenEndpointError::new(ErrorClass::Transient, problem).with_retry_after(Some(left))
        })?;
        let outcome = request.await;
        match &outcome {
            Err(AskError::NotAsked(_)) => {}
            Err(AskError::Asked(error)) if error.class() == ErrorClass::Throttled => {}
            Err(AskError::Asked(error)) if error.class() == ErrorClass::Transient => {
                let status = error.status();
                let is_of_server = status.is_none_or(|status| OF_THE_SERVER.contains(&status));
                self.failed(admitted, asker, target, is_of_server);
            }
            _ => {
                self.served(admitted, asker);
                self.pauses.served(asker);
            }
        }
        outcome.map_err(AskError::into_error)
    }

    /// Returns the permission to send a request, or when to try again.
    fn pass(&self, asker: Asker) -> Result<Admitted, Duration> {
        let of_asker = self.by_asker.get(&asker);
        let of_target = self.target(asker);
        Ok(Admitted {
            of_asker: of_asker.map(|it| it.pass(asker)).transpose()?,
            of_endpoint: self.endpoint.pass(asker)?,
            of_target: of_target.map(|it| it.pass(asker)).transpose()?,
        })
    }

    fn target(&self, asker: Asker) -> Option<Arc<Breaker>> {
        self.by_target.as_ref()?.get(&asker.target)
    }

    fn served(&self, admitted: Admitted, asker: Asker) {
        admitted.of_endpoint.served();
        // The target may have begun to fail while this request was under way.
        let begun = || Some(self.target(asker)?.admit(asker));
        if let Some(pass) = admitted.of_target.or_else(begun) {
            pass.served();
        }
        if admitted.of_asker.is_some() {
            self.by_asker.remove(&asker);
        }
    }

    fn failed(
        &self,
        admitted: Admitted,
        asker: Asker,
        target: Option<&Target>,
        is_of_server: bool,
    ) {
        admitted.of_endpoint.failed(is_of_server);
        let of_target = admitted.of_target.or_else(|| {
            let breakers = self.by_target.as_ref()?;
            let rule = Rule {
                subjects: SEVERAL,
                targets: 1,
                newcomers: NEWCOMERS,
            };
            let label = target.map(|target| self.label.of_target(target));
            Some(entered(breakers, asker.target, rule, label).admit(asker))
        });
        if let Some(pass) = of_target {
            pass.failed(is_of_server);
        }
        let of_asker = admitted.of_asker.unwrap_or_else(|| {
            let rule = Rule {
                subjects: 1,
                targets: 1,
                newcomers: 0,
            };
            entered(&self.by_asker, asker, rule, None).admit(asker)
        });
        // The failures of one asker need no confirmation by others.
        of_asker.failed(true);
    }
}

/// The breaker of a key, made at its first failure.
fn entered<K: Copy + Eq + Hash>(
    breakers: &Cache<K, Arc<Breaker>>,
    key: K,
    rule: Rule,
    label: Option<observe::Endpoint>,
) -> Arc<Breaker> {
    let made = || Ok::<_, Infallible>(Arc::new(Breaker::new(rule, label)));
    let breaker = breakers.get_or_insert_with(&key, made);
    breaker.unwrap_or_else(|never| match never {})
}

#[cfg(test)]
mod tests;
