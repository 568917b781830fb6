use std::fs::File;
use std::io::stdout;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use notify::{RecursiveMode, Watcher as _};
use obo::metrics::{DURATION_BUCKETS, describe};
use obo_audit::JsonLines;
use obo_gateway::{Config, Gateway, StartError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::output::{Failure, Report};
use crate::{input, position};

/// Serves a gateway until SIGTERM or Ctrl-C, then waits up to 30 s for requests in flight. SIGHUP
/// or a change of the file loads it again; a wrong file is reported, and the old one stays in use.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// The gateway's configuration file (TOML)
    #[arg(short, long, value_name = "FILE")]
    config: PathBuf,
    /// Where `/healthz`, `/readyz` and `/metrics` are served, apart from the gateway itself
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    admin: SocketAddr,
    /// The form of the logs; `--json` is the same as `--log json`
    #[arg(long, value_enum, default_value = "text")]
    log: LogForm,
    /// The level of the logs, also by target: `info`, `warn,obo::audit=debug`
    #[arg(long, value_name = "LEVEL", default_value = "info", env = "OBO_LOG")]
    level: Targets,
    /// Write audit records into this file, for `obo trace`
    #[arg(long, value_name = "FILE")]
    audit: Option<PathBuf>,
    /// The name of this gateway in audit records: best its audience
    #[arg(long, value_name = "NAME", default_value = "gateway")]
    service: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum LogForm {
    Text,
    Json,
}

/// How long the file must be unchanged before it is read.
const SETTLED: Duration = Duration::from_millis(200);
/// How often metrics are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Admin {
    gateway: Gateway,
    is_stopping: Arc<AtomicBool>,
    metrics: PrometheusHandle,
}

pub(crate) async fn run(arguments: Serve, json: bool) -> Result<Report, Failure> {
    start_logs(&arguments, json)?;
    let metrics = PrometheusBuilder::new()
        .set_buckets(&DURATION_BUCKETS)
        .map(PrometheusBuilder::install_recorder);
    let metrics = metrics
        .map_err(Failure::unknown)?
        .map_err(Failure::unknown)?;
    describe();
    let path = &*arguments.config;
    // Before the file is read, so that no change is missed.
    let changes = Changes::of(path);
    let text = input::file(path)?;
    let wrong = |error: &obo::ConfigError| position::failure(path, &text, error);
    let config = Config::parse(&text).map_err(|error| wrong(&error))?;
    let listen = config.listen();
    let gateway = match Gateway::start(config).await {
        Ok(gateway) => gateway,
        Err(StartError::Config(error)) => return Err(wrong(&error)),
        // At the start, only a store that rejects this process.
        Err(error @ StartError::Shared(_)) => return Err(Failure::wrong(error)),
        Err(error) => return Err(Failure::unknown(error)),
    };
    let listener = bind(listen).await?;
    let admin = Admin {
        gateway: gateway.clone(),
        is_stopping: Arc::default(),
        metrics,
    };
    let admin_listener = bind(arguments.admin).await?;
    // Before the log says that it has started, so that no signal after that is lost.
    let stopped = obo_gateway::stopped();
    let at = |listener: &TcpListener| listener.local_addr().ok().map(tracing::field::display);
    tracing::info!(
        listen = at(&listener),
        admin = at(&admin_listener),
        config = %path.display(),
        "gateway started"
    );
    let is_stopping = Arc::clone(&admin.is_stopping);
    let admin = tokio::spawn(serve_admin(admin_listener, admin));
    let reloads = tokio::spawn(reload(gateway.clone(), path.to_owned(), text, changes));
    gateway
        .serve(listener, async move {
            stopped.await;
            is_stopping.store(true, Ordering::Relaxed);
            tracing::info!("gateway stops; requests in flight finish");
        })
        .await;
    reloads.abort();
    admin.abort();
    tracing::info!("gateway stopped");
    Ok(Report::default())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure::unknown(format!("{address} cannot be used: {error}")))
}

fn start_logs(arguments: &Serve, json: bool) -> Result<(), Failure> {
    let lines = tracing_subscriber::fmt::layer().with_writer(stdout);
    let level = arguments.level.clone();
    let lines = match json || arguments.log == LogForm::Json {
        true => lines.json().flatten_event(true).with_filter(level).boxed(),
        false => {
            let has_colour = crate::output::width().is_some();
            lines.with_ansi(has_colour).with_filter(level).boxed()
        }
    };
    let mut layers = vec![lines];
    if let Some(path) = &arguments.audit {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|error| {
            Failure::unknown(format!("{} cannot be written: {error}", path.display()))
        })?;
        let records = Targets::new().with_target("obo::audit", LevelFilter::DEBUG);
        let lines = JsonLines::new(&*arguments.service, Arc::new(file));
        layers.push(lines.with_filter(records).boxed());
    }
    let logs = tracing_subscriber::registry().with(layers).try_init();
    logs.map_err(Failure::unknown)
}

async fn serve_admin(listener: TcpListener, admin: Admin) {
    let upkeep = admin.metrics.clone();
    let upkeep = async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    };
    let router = Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .route(
            "/metrics",
            get(async |State(admin): State<Admin>| admin.metrics.render()),
        )
        .with_state(admin);
    tokio::select! {
        served = axum::serve(listener, router).into_future() => {
            if let Err(error) = served {
                tracing::error!(%error, "admin port stopped");
            }
        }
        () = upkeep => {}
    }
}

/// A stopping gateway is not ready, so that load balancers send new requests elsewhere.
async fn ready(State(admin): State<Admin>) -> (StatusCode, String) {
    let problem = match admin.is_stopping.load(Ordering::Relaxed) {
        true => Some("stopping"),
        false => admin.gateway.why_not_ready(),
    };
    match problem {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")),
    }
}

/// Signals, and changes in the folder of the file.
struct Changes {
    changes: mpsc::Receiver<Cause>,
    _watcher: Option<notify::RecommendedWatcher>,
}

impl Changes {
    fn of(path: &Path) -> Self {
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

/// Loads the file again after SIGHUP and after a change.
async fn reload(gateway: Gateway, path: PathBuf, mut current: String, mut changes: Changes) {
    let changes = &mut changes.changes;
    let listening = Config::parse(&current).ok().map(|config| config.listen());
    // What is wrong with the file, which a signal after the change does not report again.
    let mut reported = None;
    while let Some(mut cause) = changes.recv().await {
        // One change makes several events.
        while let Ok(Some(next)) = tokio::time::timeout(SETTLED, changes.recv()).await {
            cause = cause.max(next);
        }
        let text = match input::file(&path) {
            Ok(text) => text,
            Err(failure) => {
                tracing::error!(
                    problem = failure.problem(),
                    "file not read; the old configuration stays in use"
                );
                continue;
            }
        };
        if text == current && cause == Cause::File {
            continue;
        }
        let failed = |failure: Failure| {
            (
                failure.problem().to_owned(),
                failure.place().map(str::to_owned),
            )
        };
        let wrong = |error: &obo::ConfigError| failed(position::failure(&path, &text, error));
        let reloaded = match Config::parse(&text) {
            Ok(config) => {
                if Some(config.listen()) != listening {
                    tracing::warn!("`listen` has changed, which takes effect after a restart");
                }
                let reloaded = gateway.reload(config).await;
                reloaded.map_err(|error| match error {
                    obo_gateway::StartError::Config(error) => wrong(&error),
                    error => failed(Failure::unknown(error)),
                })
            }
            Err(error) => Err(wrong(&error)),
        };
        let problem = reloaded.err();
        match &problem {
            None => tracing::info!("configuration loaded again"),
            Some(_) if problem == reported => {
                tracing::warn!(
                    "configuration still wrong in the same way; the old one stays in use"
                );
            }
            Some((problem, place)) => tracing::error!(
                problem,
                place,
                "configuration not loaded; the old one stays in use"
            ),
        }
        reported = problem;
        current = text;
    }
}

/// Why the file is loaded again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    File,
    Signal,
}

/// Watches the folder: editors and Kubernetes replace the file.
fn watch(path: &Path, changed: mpsc::Sender<Cause>) -> Option<notify::RecommendedWatcher> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let watching = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel has a change already.
            let _ = changed.try_send(Cause::File);
        }
    });
    let watching = watching.and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    let warn = |error: &notify::Error| {
        tracing::warn!(%error, "file not watched; send SIGHUP after a change");
    };
    watching.inspect_err(warn).ok()
}
