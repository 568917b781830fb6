use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::admission::{Asker, Distinct};
use crate::{observe, random};

/// After how many failures in a row it opens.
const FAILURES: u32 = 5;
/// For how long it opens at first; the time doubles with each opening.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// For this long after a served request, failures that may be due to the request itself do not open
/// it.
const GRACE: Duration = Duration::from_secs(10);
/// How many subjects with failures and how many served targets are recorded.
const KNOWN: usize = 64;

/// Which failures open a breaker, and which requests pass an open one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// How many subjects must have failed.
    pub(super) subjects: usize,
    /// How many targets must have failed.
    pub(super) targets: usize,
    /// How many requests of newcomers pass in each period while it is open: their subject has no
    /// failure, or their target was served last time.
    pub(super) newcomers: u32,
}

/// Rejects requests to what keeps failing, so that callers fail fast and the server can recover.
///
/// It opens after [`FAILURES`] failures in a row, if they are of as many subjects and targets as
/// its [`Rule`] requires. A failure that may be due to the request itself does not open it within
/// [`GRACE`] after a served request. When its time has passed, one request probes the server, and
/// the breaker closes if that request is served. Until then a few newcomers pass: if hostile
/// subjects opened the breaker, the first of the others closes it.
#[derive(Debug)]
pub(super) struct Breaker {
    rule: Rule,
    /// The name under which openings and closings are reported.
    label: Option<observe::Endpoint>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    failing: Distinct,
    /// The subjects with failures, at most [`KNOWN`].
    failed: Vec<u64>,
    /// The targets that were served last time, at most [`KNOWN`]; empty if there is one target.
    well: Vec<u64>,
    served_at: Option<Instant>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    until: Instant,
    /// How often it opened in a row.
    openings: u32,
    is_probing: bool,
    /// How many newcomers may still pass in this period.
    newcomers: u32,
    /// The subject of the last probe that failed.
    probed_for: Option<u64>,
}

/// The permission to send a request. Dropping it reports no outcome.
#[derive(Debug)]
pub(super) struct Pass {
    breaker: Arc<Breaker>,
    asker: Asker,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The breaker was closed.
    Closed,
    /// The one request that probes the server when the time has passed.
    Probe,
    /// A request of a subject without a failure.
    Newcomer,
}

impl Breaker {
    pub(super) fn new(rule: Rule, label: Option<observe::Endpoint>) -> Self {
        Self {
            rule,
            label,
            state: Mutex::default(),
        }
    }

    /// Returns the permission to send a request, or when to try again.
    pub(super) fn pass(self: &Arc<Self>, asker: Asker) -> Result<Pass, Duration> {
        let kind = self.state.lock().kind_of_pass(asker)?;
        let mut pass = self.admit(asker);
        pass.kind = kind;
        Ok(pass)
    }

    /// Returns the permission to report on a request that the breaker did not admit.
    pub(super) fn admit(self: &Arc<Self>, asker: Asker) -> Pass {
        Pass {
            breaker: Arc::clone(self),
            asker,
            kind: Kind::Closed,
        }
    }

    /// Without the lock: what listens to the report may use the breaker.
    fn report(&self, is_open: bool) {
        if let Some(label) = &self.label {
            observe::breaker(label, is_open);
        }
    }
}

impl State {
    fn kind_of_pass(&mut self, asker: Asker) -> Result<Kind, Duration> {
        let is_newcomer = asker.is_vouched
            && (!self.failed.contains(&asker.subject) || self.well.contains(&asker.target));
        let Some(open) = &mut self.open else {
            return Ok(Kind::Closed);
        };
        // The subject of a failed probe lets others probe for a while.
        let until = match open.probed_for == Some(asker.subject) {
            true => open.until + LONGEST,
            false => open.until,
        };
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() && !open.is_probing {
            open.is_probing = true;
            return Ok(Kind::Probe);
        }
        if open.newcomers > 0 && is_newcomer {
            open.newcomers -= 1;
            return Ok(Kind::Newcomer);
        }
        Err(if left.is_zero() { FIRST } else { left })
    }

    fn reset(&mut self) {
        *self = Self {
            served_at: Some(Instant::now()),
            well: std::mem::take(&mut self.well),
            ..Self::default()
        };
    }

    fn add(&mut self, asker: Asker) {
        self.failures += 1;
        self.failing.insert(asker);
        if self.failed.len() < KNOWN && !self.failed.contains(&asker.subject) {
            self.failed.push(asker.subject);
        }
        self.well.retain(|target| *target != asker.target);
    }

    fn opens(&self, rule: Rule, is_of_server: bool) -> bool {
        let is_recent = |at: Instant| at.elapsed() < GRACE;
        self.failures >= FAILURES
            && self.failing.are(rule.subjects, rule.targets)
            && (is_of_server || !self.served_at.is_some_and(is_recent))
    }
}

impl Pass {
    /// The server served or refused the request.
    pub(super) fn served(self) {
        let mut state = self.breaker.state.lock();
        let was_open = state.open.is_some();
        // The outcome of a request from before the opening is outdated.
        if was_open && self.kind == Kind::Closed {
            return;
        }
        state.reset();
        let has_targets = self.breaker.rule.targets > 1;
        if has_targets && !state.well.contains(&self.asker.target) {
            if state.well.len() >= KNOWN {
                state.well.remove(0);
            }
            state.well.push(self.asker.target);
        }
        drop(state);
        if was_open {
            self.breaker.report(false);
        }
    }

    /// The request failed in a way that may pass. `is_of_server` if the request itself cannot be
    /// the reason.
    pub(super) fn failed(self, is_of_server: bool) {
        let mut state = self.breaker.state.lock();
        state.add(self.asker);
        let before = match &state.open {
            None if !state.opens(self.breaker.rule, is_of_server) => return,
            Some(_) if self.kind != Kind::Probe => return,
            before => before.as_ref().map_or(0, |open| open.openings),
        };
        let longest = (FIRST * 2_u32.pow(before.min(8))).min(LONGEST);
        let jitter = 1.0 - 0.2 * random::fraction();
        state.open = Some(Open {
            until: Instant::now() + longest.mul_f64(jitter),
            openings: before + 1,
            is_probing: false,
            newcomers: self.breaker.rule.newcomers,
            probed_for: (before > 0 && self.breaker.rule.subjects > 1)
                .then_some(self.asker.subject),
        });
        drop(state);
        if before == 0 {
            self.breaker.report(true);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.kind == Kind::Probe
            && let Some(open) = &mut self.breaker.state.lock().open
        {
            open.is_probing = false;
        }
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        if self.state.lock().open.is_some() {
            self.report(false);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::time::advance;

    use super::*;

    static NEXT: AtomicU64 = AtomicU64::new(100);

    /// A subject and a target of no other request.
    fn newcomer() -> Asker {
        let number = NEXT.fetch_add(1, Ordering::SeqCst);
        Asker {
            subject: number,
            target: number,
            is_vouched: true,
        }
    }

    fn of_subject(subject: u64) -> Asker {
        Asker {
            subject,
            ..newcomer()
        }
    }

    fn closed(newcomers: u32) -> Arc<Breaker> {
        let rule = Rule {
            subjects: 3,
            targets: 3,
            newcomers,
        };
        Arc::new(Breaker::new(rule, None))
    }

    fn fail(breaker: &Arc<Breaker>) {
        breaker.pass(newcomer()).unwrap().failed(true);
    }

    fn opened(newcomers: u32) -> Arc<Breaker> {
        let breaker = closed(newcomers);
        for _ in 0..FAILURES {
            fail(&breaker);
        }
        breaker
    }

    fn is_open(breaker: &Arc<Breaker>) -> bool {
        breaker.state.lock().open.is_some()
    }

    #[tokio::test(start_paused = true)]
    async fn success_keeps_breaker_closed() {
        let breaker = closed(0);
        for _ in 0..3 {
            for _ in 1..FAILURES {
                fail(&breaker);
            }
            breaker.pass(newcomer()).unwrap().served();
        }
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probe_closes_the_breaker() {
        let breaker = opened(0);
        let left = breaker.pass(newcomer()).unwrap_err();
        assert!(left <= FIRST && left >= FIRST.mul_f64(0.8), "{left:?}");
        advance(FIRST).await;
        let probe = breaker.pass(newcomer()).unwrap();
        breaker.pass(newcomer()).unwrap_err();
        probe.served();
        breaker.pass(newcomer()).unwrap();
        fail(&breaker);
        breaker.pass(newcomer()).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn failed_probe_doubles_the_time() {
        let breaker = opened(0);
        let mut longest = FIRST;
        for _ in 0..8 {
            advance(longest).await;
            fail(&breaker);
            longest = (longest * 2).min(LONGEST);
            let left = breaker.pass(newcomer()).unwrap_err();
            assert!(left <= longest && left >= longest.mul_f64(0.8), "{left:?}");
        }
        assert_eq!(longest, LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn dropped_probe_allows_another() {
        let breaker = opened(0);
        advance(FIRST).await;
        drop(breaker.pass(newcomer()).unwrap());
        breaker.pass(newcomer()).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn earlier_requests_do_not_affect_open() {
        let breaker = closed(0);
        let early = [(); 2].map(|()| breaker.pass(newcomer()).unwrap());
        for _ in 0..FAILURES {
            fail(&breaker);
        }
        let [served, failed] = early;
        served.served();
        failed.failed(true);
        let left = breaker.pass(newcomer()).unwrap_err();
        assert!(left <= FIRST, "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn two_subjects_do_not_open() {
        let breaker = closed(0);
        for turn in 0..100 {
            breaker.pass(of_subject(turn % 2)).unwrap().failed(true);
        }
        assert!(!is_open(&breaker));
        breaker.pass(of_subject(2)).unwrap().failed(true);
        assert!(is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn two_targets_do_not_open() {
        let breaker = closed(0);
        for turn in 0..100 {
            let asker = Asker {
                target: turn % 2,
                ..newcomer()
            };
            breaker.pass(asker).unwrap().failed(true);
        }
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn failed_probe_lets_others_probe() {
        let breaker = opened(0);
        advance(FIRST).await;
        breaker.pass(of_subject(1)).unwrap().failed(true);
        advance(FIRST * 2).await;
        breaker.pass(of_subject(1)).unwrap_err();
        breaker.pass(newcomer()).unwrap().served();

        let breaker = opened(0);
        advance(FIRST).await;
        breaker.pass(of_subject(1)).unwrap().failed(true);
        advance(FIRST * 2 + LONGEST).await;
        breaker.pass(of_subject(1)).unwrap().served();
        breaker.pass(newcomer()).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn newcomer_closes_the_breaker() {
        let breaker = closed(2);
        for turn in 0..9 {
            if let Ok(pass) = breaker.pass(of_subject(turn % 3)) {
                pass.failed(true);
            }
        }
        assert!(is_open(&breaker));
        breaker.pass(newcomer()).unwrap().served();
        assert!(!is_open(&breaker));
    }

    #[tokio::test(start_paused = true)]
    async fn few_newcomers_pass_per_period() {
        let breaker = opened(2);
        for _ in 0..2 {
            fail(&breaker);
        }
        breaker.pass(newcomer()).unwrap_err();
        advance(FIRST).await;
        fail(&breaker);
        for _ in 0..2 {
            fail(&breaker);
        }
        breaker.pass(newcomer()).unwrap_err();
    }

    #[tokio::test(start_paused = true)]
    async fn successes_outweigh_failures() {
        let breaker = closed(0);
        breaker.pass(newcomer()).unwrap().served();
        for _ in 0..50 {
            breaker.pass(newcomer()).unwrap().failed(false);
        }
        assert!(!is_open(&breaker));
        advance(GRACE).await;
        breaker.pass(newcomer()).unwrap().failed(false);
        assert!(is_open(&breaker));
    }

    /// Counts the events at which the breaker is not locked.
    #[cfg(feature = "tracing")]
    #[tokio::test(start_paused = true)]
    async fn events_may_use_the_breaker() {
        use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

        struct Uses(Arc<Breaker>, Arc<AtomicU64>);

        impl<S: tracing::Subscriber> Layer<S> for Uses {
            fn on_event(&self, _: &tracing::Event<'_>, _: Context<'_, S>) {
                let is_free = self.0.state.try_lock().is_some();
                self.1.fetch_add(is_free.into(), Ordering::SeqCst);
            }
        }

        let issuer = obo_core::Issuer::new("https://idp.example").unwrap();
        let label = observe::Endpoint::new(issuer, "token");
        let breaker = Arc::new(Breaker::new(closed(0).rule, Some(label)));
        let events = Arc::new(AtomicU64::new(0));
        let uses = Uses(Arc::clone(&breaker), Arc::clone(&events));
        let _guard = obo_test_support::listen(tracing_subscriber::registry().with(uses));
        for _ in 0..FAILURES {
            fail(&breaker);
        }
        assert_eq!(events.load(Ordering::SeqCst), 1);
        advance(FIRST).await;
        breaker.pass(newcomer()).unwrap().served();
        assert_eq!(events.load(Ordering::SeqCst), 2);
    }
}
