//! What `obo doctor` says of `[shared]`: the files of the key ring, and the store.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use obo::fleet::{FindingState, Fleet, KeyRing, RingKey, Store, StoreError, StoreKey};
use obo::{ConfigError, Secret};
use obo_config::SharedConfig;
use tokio::time::{Instant, timeout};

use crate::config::Configured;
use crate::output::{Report, State};

/// How long a call may take, with the connection.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the probe is kept, if it cannot be removed.
const LIFETIME: Duration = Duration::from_secs(10);

/// Checks the keys and the store.
pub(crate) async fn shared(report: &mut Report, configured: &Configured) {
    let Some(shared) = &configured.shared else {
        if configured.receivers.iter().next().is_some() {
            let seen = "none: a logout reaches the process that receives it, and no other one";
            report.note("shared", seen);
            report.change("with several replicas, add [shared]");
        }
        return;
    };
    let has_keys = keys(report, shared);
    let store = match shared.store() {
        Ok(store) => store,
        Err(error) => {
            report.wrong("shared store", error.within("shared"));
            return;
        }
    };
    let is_usable = probe(report, &store).await;
    examined(report, &store).await;
    if !is_usable || !has_keys {
        return;
    }
    match shared.clone().build() {
        Ok(fleet) => with_deadline(report, &fleet).await,
        Err(error) => report.wrong("shared", error.within("shared")),
    }
}

/// Adds each file of the ring. Returns whether all are usable.
fn keys(report: &mut Report, shared: &SharedConfig) -> bool {
    let mut is_usable = true;
    for (i, (id, key)) in shared.keys().enumerate() {
        let check = format!("shared key {id}");
        match key {
            Ok(key) => {
                let what = match i {
                    0 => "encrypts and decrypts",
                    _ => "decrypts",
                };
                let fingerprint = key.fingerprint();
                let seen = format!("usable: it {what}; fingerprint {fingerprint}");
                report.right(check, seen);
            }
            Err(error) => {
                is_usable = false;
                report.wrong(check, error.within("shared"));
                report.change(
                    "write 32 random bytes into the file, the same at all replicas: `openssl rand 32 | \
                     basenc --base64url | tr -d =`",
                );
            }
        }
    }
    is_usable
}

/// Writes, reads and takes a value under a random name. Returns whether the store did all of it.
async fn probe(report: &mut Report, store: &impl Store) -> bool {
    let names = match names() {
        Ok(names) => names,
        Err(error) => {
            report.unknown("shared store", error);
            return false;
        }
    };
    let check = "shared store";
    match timeout(PATIENCE, store.get(&names)).await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => {
            unusable(report, &error);
            return false;
        }
        Err(_) => {
            report.unknown(check, format!("no response within {PATIENCE:?}"));
            report.change("is the URL of `redis` right, and can this host reach it?");
            return false;
        }
    }
    let start = Instant::now();
    match timeout(PATIENCE, probed(store, &names)).await {
        Ok(Ok(None)) => {
            let trip = start.elapsed().as_secs_f64() * 1000.0 / f64::from(CALLS);
            report.right(
                check,
                format!("writes, reads and takes; {trip:.1} ms per call"),
            );
            true
        }
        Ok(Ok(Some(problem))) => {
            report.wrong(check, problem);
            report.change("does something else respond at the URL of `redis`?");
            false
        }
        Ok(Err(error)) => {
            unusable(report, &error);
            false
        }
        Err(_) => {
            report.unknown(check, format!("no response within {PATIENCE:?}"));
            false
        }
    }
}

/// Adds what the store says of itself. A store that does not respond was reported by the probe.
async fn examined(report: &mut Report, store: &impl Store) {
    let Ok(Ok(findings)) = timeout(PATIENCE, store.examine()).await else {
        return;
    };
    for finding in findings {
        let state = match finding.state() {
            FindingState::Right => State::Right,
            FindingState::Wrong => State::Wrong,
            _ => State::Note,
        };
        let check = format!("shared store {}", finding.subject());
        report.add(state, check, finding.seen());
        if let Some(change) = finding.what_to_change() {
            report.change(change);
        }
    }
}

/// The number of calls of [`probed`].
const CALLS: u32 = 6;

/// Returns what the store did wrong.
async fn probed(
    store: &impl Store,
    names: &[StoreKey],
) -> Result<Option<&'static str>, StoreError> {
    let Some(name) = names.first() else {
        return Ok(Some("has no name to write"));
    };
    let value = Bytes::from_static(b"obo doctor");
    store.put(name, value.clone(), LIFETIME).await?;
    let read = store.get(names).await?;
    let is_read = read.first().is_some_and(|it| it.as_ref() == Some(&value));
    store.remove(names).await?;
    let is_first = store.take(names, LIFETIME).await?;
    let is_second = store.take(names, LIFETIME).await?;
    store.remove(names).await?;
    Ok(match (is_read, is_first, is_second) {
        (false, ..) => Some("does not return what was written"),
        (true, false, _) => Some("does not remove a value"),
        (true, true, true) => Some("lets a name be taken twice"),
        (true, true, false) => None,
    })
}

fn unusable(report: &mut Report, error: &StoreError) {
    let check = "shared store";
    if error.is_of_setup() {
        report.wrong(check, error);
        report.change("correct the user in `redis`, the `password`, or the rights of the user");
    } else {
        report.unknown(check, error);
        report.change("is the URL of `redis` right, and can this host reach it?");
    }
}

/// The log of logouts is read, and an identifier is taken within `deadline`.
async fn with_deadline(report: &mut Report, fleet: &Fleet) {
    let started = fleet.start().await;
    match started {
        _ if !fleet.opens_logouts() => {
            let seen = "no key of this ring opens the newest logout of the store";
            report.wrong("shared logouts", seen);
            report.change(
                "give all replicas the same `key_ring`: compare the fingerprints that `obo doctor` shows \
                 at each; give other rings a database of their own",
            );
        }
        Ok(()) => report.right(
            "shared logouts",
            "the log is read, and its newest logout opens",
        ),
        Err(error) => {
            unusable(report, &error);
            return;
        }
    }
    let taken = fleet.take_once("obo doctor", &random(), LIFETIME).await;
    match taken {
        Ok(_) => report.right("shared deadline", "the store responds in time"),
        Err(error) => {
            report.wrong("shared deadline", error);
            report.change("raise `deadline`, or use a store that is nearer");
        }
    }
}

/// The names of a probe, which nothing else uses.
fn names() -> Result<Vec<StoreKey>, ConfigError> {
    let key = RingKey::parse("doctor", &Secret::new(random()))?;
    Ok(KeyRing::new([key])?.replay_names("obo doctor", "probe"))
}

/// 32 bytes that no other run has. They protect nothing.
fn random() -> String {
    let mut bytes = Vec::new();
    while bytes.len() < 32 {
        let hasher = RandomState::new().build_hasher();
        bytes.extend(hasher.finish().to_le_bytes());
    }
    URL_SAFE_NO_PAD.encode(bytes)
}
