//! Loads the file of a running gateway again.

use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use notify::{RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout_at};

use crate::input;
use crate::output::Failure;

/// How long the file must be unchanged before it is read.
const SETTLED: Duration = Duration::from_millis(200);
/// How long it may change until it is read all the same.
const UNSETTLED: Duration = Duration::from_secs(2);
/// How often the file is compared: not every change is seen, for example in a network file system
/// or in a folder that replaced the watched one.
const COMPARED: Duration = Duration::from_secs(30);
/// How often a right file is tried again whose servers do not respond.
const AGAIN: Duration = Duration::from_secs(5);
/// For how long it is tried again.
const PATIENCE: Duration = Duration::from_secs(120);

/// Each attempt to load the file, by its outcome.
const RELOADS: &str = "obo_gateway_reloads_total";

/// Why the file is not loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotLoaded {
    pub(crate) problem: String,
    /// The place in the file.
    pub(crate) place: Option<String>,
    /// The file may be right: a server that it names does not respond.
    pub(crate) may_pass: bool,
}

/// Why the file is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    Time,
    File,
    Signal,
}

/// Signals, and changes of the file.
pub(crate) struct Changes {
    changes: mpsc::Receiver<Cause>,
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Changes {
    pub(crate) fn of(path: &Path) -> Self {
        let (send, changes) = mpsc::channel(1);
        let watcher = watch(path, send.clone());
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            if let Ok(mut hangup) = signal(SignalKind::hangup()) {
                tokio::spawn(async move {
                    while hangup.recv().await.is_some() {
                        let _ = send.send(Cause::Signal).await;
                    }
                });
            }
        }
        Self {
            changes,
            _watcher: watcher,
        }
    }
}

/// Watches the folder: editors and Kubernetes replace the file.
fn watch(path: &Path, changed: mpsc::Sender<Cause>) -> Option<notify::RecommendedWatcher> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let (name, within) = (path.file_name()?.to_owned(), folder.clone());
    let watching = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let is_change = |event: &notify::Event| {
            !event.kind.is_access() && (event.paths.is_empty() || concerns(&within, &name, event))
        };
        if event.is_ok_and(|event| is_change(&event)) {
            // A full channel has a change already.
            let _ = changed.try_send(Cause::File);
        }
    });
    let watching = watching.and_then(|mut watcher| {
        watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    let warn = |error: &notify::Error| {
        let every = COMPARED.as_secs();
        tracing::warn!(%error, "file not watched; it is compared every {every} s");
    };
    watching.inspect_err(warn).ok()
}

/// Whether it is about the file, and not about another one in the folder, such as a log.
fn concerns(folder: &Path, name: &OsString, event: &notify::Event) -> bool {
    let names = made_of(folder, name);
    let mut changed = event.paths.iter().filter_map(|path| path.file_name());
    changed.any(|changed| names.iter().any(|name| name == changed))
}

/// The name of the file, and the links in its folder that lead to it. The file of a Kubernetes
/// volume is a link to `..data/NAME`, and `..data` is a link to a folder, which is replaced.
fn made_of(folder: &Path, name: &OsString) -> Vec<OsString> {
    let mut names = vec![name.clone()];
    while let Some(name) = names.last()
        && let Ok(target) = fs::read_link(folder.join(name))
        && let within = target.strip_prefix(folder).unwrap_or(&target)
        && let Some(Component::Normal(next)) = within.components().next()
        && !names.iter().any(|name| name == next)
    {
        names.push(next.to_owned());
    }
    names
}

/// Gives the metric its unit and description, and a value, so that its first increase is seen.
pub(crate) fn describe() {
    let text = "Attempts to load the changed file of the gateway, by outcome.";
    metrics::describe_counter!(RELOADS, metrics::Unit::Count, text);
    for outcome in ["ok", "wrong", "retry", "given_up"] {
        metrics::counter!(RELOADS, "outcome" => outcome).increment(0);
    }
}

/// Loads the file with `load` after SIGHUP and after a change of its text. If it may be right, and
/// a server does not respond, it is tried again for a while, unless it changes meanwhile.
pub(crate) async fn reload<F>(
    path: &Path,
    current: String,
    mut changes: Changes,
    mut load: impl FnMut(String) -> F,
) where
    F: Future<Output = Result<(), NotLoaded>>,
{
    let mut reloads = Reloads::default();
    let (mut current, changes) = (current, &mut changes.changes);
    let mut unread = None;
    let mut compared = interval_at(Instant::now() + COMPARED, COMPARED);
    compared.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let next = reloads.trying.as_ref().map(|trying| trying.next);
        let cause = tokio::select! {
            biased;
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                let loaded = load(current.clone()).await;
                reloads.report(loaded);
                continue;
            }
            Some(cause) = changes.recv() => settled(cause, changes).await,
            _ = compared.tick() => Cause::Time,
        };
        let text = match read(path).await {
            Ok(text) => text,
            Err(failure) => {
                let problem = Some(failure.problem().to_owned());
                if cause != Cause::Time || unread != problem {
                    tracing::error!(problem, "file not read; the old configuration stays in use");
                }
                unread = problem;
                continue;
            }
        };
        unread = None;
        if text == current && cause != Cause::Signal {
            continue;
        }
        current = text;
        reloads.trying = None;
        let loaded = load(current.clone()).await;
        reloads.report(loaded);
    }
}

/// Waits for the end of a change, which makes several events.
async fn settled(mut cause: Cause, changes: &mut mpsc::Receiver<Cause>) -> Cause {
    let last = Instant::now() + UNSETTLED;
    while Instant::now() < last {
        let quiet = last.min(Instant::now() + SETTLED);
        match timeout_at(quiet, changes.recv()).await {
            Ok(Some(next)) => cause = cause.max(next),
            _ => break,
        }
    }
    cause
}

/// Reads the file on a thread of its own: a network file system may hang.
async fn read(path: &Path) -> Result<String, Failure> {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || input::file(&path));
    read.await.map_err(Failure::unknown)?
}

#[derive(Default)]
struct Reloads {
    /// What is wrong with the file, which a signal after the change does not report again.
    reported: Option<NotLoaded>,
    trying: Option<Trying>,
}

/// The file is tried again.
struct Trying {
    next: Instant,
    until: Instant,
}

impl Reloads {
    fn report(&mut self, loaded: Result<(), NotLoaded>) {
        let next = Instant::now() + AGAIN;
        let trying = self.trying.take();
        match loaded {
            Ok(()) => {
                count("ok");
                self.reported = None;
                tracing::info!("configuration loaded again");
            }
            Err(error) if error.may_pass && trying.as_ref().is_none_or(|it| next <= it.until) => {
                count("retry");
                if trying.is_none() {
                    tracing::warn!(
                        problem = error.problem,
                        "configuration not loaded yet; the old one stays in use, and it is tried again"
                    );
                }
                let until = trying.map_or_else(|| Instant::now() + PATIENCE, |it| it.until);
                self.trying = Some(Trying { next, until });
            }
            Err(error) => {
                count(if error.may_pass { "given_up" } else { "wrong" });
                if self.reported.as_ref() == Some(&error) {
                    tracing::warn!(
                        "configuration still wrong in the same way; the old one stays in use"
                    );
                } else {
                    tracing::error!(
                        problem = error.problem,
                        place = error.place,
                        "configuration not loaded; the old one stays in use"
                    );
                }
                self.reported = Some(error);
            }
        }
    }
}

fn count(outcome: &'static str) {
    metrics::counter!(RELOADS, "outcome" => outcome).increment(1);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed assumption fails the test")]

    use tokio::time::timeout;

    use super::*;

    /// A file, what changes it, and the attempts to load it.
    struct File {
        path: PathBuf,
        changes: mpsc::Sender<Cause>,
        attempts: mpsc::UnboundedReceiver<(String, Instant)>,
        start: Instant,
    }

    impl File {
        /// `result` says how an attempt ends, by the text and the number of the attempt.
        fn new(
            name: &str,
            mut result: impl FnMut(&str, u32) -> Result<(), NotLoaded> + Send + 'static,
        ) -> Self {
            let path = std::env::temp_dir().join(format!("obo-{name}-{}", std::process::id()));
            let (changes, receiver) = mpsc::channel(1);
            let (sender, attempts) = mpsc::unbounded_channel();
            let changed = Changes {
                changes: receiver,
                _watcher: None,
            };
            let (read, mut number) = (path.clone(), 0);
            tokio::spawn(async move {
                let load = |text: String| {
                    number += 1;
                    let loaded = result(&text, number);
                    sender.send((text, Instant::now())).unwrap();
                    async { loaded }
                };
                reload(&read, "old".to_owned(), changed, load).await;
            });
            Self {
                path,
                changes,
                attempts,
                start: Instant::now(),
            }
        }

        async fn write(&self, text: &str) {
            fs::write(&self.path, text).unwrap();
            self.changes.send(Cause::File).await.unwrap();
        }

        async fn attempt(&mut self) -> Option<(String, Instant)> {
            let day = Duration::from_secs(24 * 60 * 60);
            timeout(day, self.attempts.recv()).await.ok().flatten()
        }
    }

    impl Drop for File {
        fn drop(&mut self) {
            fs::remove_file(&self.path).unwrap();
        }
    }

    fn failure(may_pass: bool) -> Result<(), NotLoaded> {
        Err(NotLoaded {
            problem: "keys cannot be fetched".to_owned(),
            place: None,
            may_pass,
        })
    }

    #[tokio::test(start_paused = true)]
    async fn unreachable_server_is_tried_again() {
        let mut file = File::new("again", |_, number| match number {
            ..4 => failure(true),
            _ => Ok(()),
        });
        file.write("new").await;
        let (_, mut before) = file.attempt().await.unwrap();
        for _ in 0..3 {
            let (text, at) = file.attempt().await.unwrap();
            assert_eq!((&*text, at - before), ("new", AGAIN));
            before = at;
        }
        assert_eq!(file.attempt().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_end_after_two_minutes() {
        let mut file = File::new("end", |_, _| failure(true));
        file.write("new").await;
        let (_, first) = file.attempt().await.unwrap();
        let mut last = first;
        while let Some((_, at)) = file.attempt().await {
            last = at;
        }
        assert_eq!(last - first, PATIENCE);
        // A signal starts anew.
        file.changes.send(Cause::Signal).await.unwrap();
        assert!(file.attempt().await.is_some());
        assert!(file.attempt().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn newer_file_replaces_the_attempt() {
        let mut file = File::new("newer", |text, _| match text {
            "newer" => Ok(()),
            _ => failure(true),
        });
        file.write("new").await;
        file.attempt().await.unwrap();
        file.attempt().await.unwrap();
        file.write("newer").await;
        assert_eq!(file.attempt().await.unwrap().0, "newer");
        assert_eq!(file.attempt().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn wrong_file_is_tried_once() {
        let mut file = File::new("wrong", |_, _| failure(false));
        file.write("new").await;
        file.attempt().await.unwrap();
        assert_eq!(file.attempt().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn other_files_delay_no_attempt() {
        let mut file = File::new("other", |_, _| failure(true));
        file.write("new").await;
        let (_, first) = file.attempt().await.unwrap();
        for _ in 0..4 {
            tokio::time::advance(Duration::from_secs(1)).await;
            file.changes.send(Cause::File).await.unwrap();
        }
        let (_, next) = file.attempt().await.unwrap();
        assert!(next - first < AGAIN + Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn endless_changes_delay_no_load() {
        let mut file = File::new("endless", |_, _| Ok(()));
        let (start, changes) = (Instant::now(), file.changes.clone());
        file.write("new").await;
        tokio::spawn(async move {
            while changes.send(Cause::File).await.is_ok() {
                tokio::time::sleep(SETTLED / 2).await;
            }
        });
        let (text, at) = file.attempt().await.unwrap();
        assert_eq!((&*text, at - start), ("new", UNSETTLED));
        file.changes.send(Cause::Signal).await.unwrap();
        assert!(file.attempt().await.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn unseen_change_is_loaded() {
        let mut file = File::new("unseen", |_, _| Ok(()));
        fs::write(&file.path, "new").unwrap();
        let (text, at) = file.attempt().await.unwrap();
        assert_eq!((&*text, at - file.start), ("new", COMPARED));
        assert_eq!(file.attempt().await, None);
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_to_the_file() {
        use std::os::unix::fs::symlink;
        let name = format!("obo-links-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let at = |name: &str| folder.join(name);
        symlink("..data/a.toml", at("a.toml")).unwrap();
        symlink("..1", at("..data")).unwrap();
        symlink(at("a.toml"), at("b.toml")).unwrap();
        symlink("d.toml", at("c.toml")).unwrap();
        symlink("c.toml", at("d.toml")).unwrap();
        symlink("../e.toml", at("e.toml")).unwrap();
        for (name, expected) in [
            ("a.toml", &["a.toml", "..data", "..1"][..]),
            ("b.toml", &["b.toml", "a.toml", "..data", "..1"]),
            ("c.toml", &["c.toml", "d.toml"]),
            ("e.toml", &["e.toml"]),
            ("f.toml", &["f.toml"]),
        ] {
            assert_eq!(made_of(&folder, &name.into()), expected);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
