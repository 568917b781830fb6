use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use obo::metrics::{DURATION_BUCKETS, describe};
use obo_audit::JsonLines;
use obo_gateway::{Config, Gateway, StartError};
use tokio::net::TcpListener;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::lines::Outputs;
use crate::output::{Failure, Report};
use crate::reload::{Changes, NotLoaded};
use crate::{input, lines, position, reload};

/// Serves a gateway until SIGTERM or Ctrl-C, then waits up to 30 s for requests in flight. SIGHUP
/// or a change of the file loads it again. A wrong file is reported, and the old one stays in use.
/// If a server does not respond, the file is tried again every 5 s for 2 minutes.
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

/// How often metrics are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Admin {
    gateway: Gateway,
    is_stopping: Arc<AtomicBool>,
    metrics: PrometheusHandle,
}

pub(crate) async fn run(arguments: Serve, json: bool) -> Result<Report, Failure> {
    let outputs = start_logs(&arguments, json)?;
    let outcome = serve(arguments, &outputs).await;
    outputs.finish();
    outcome
}

async fn serve(arguments: Serve, outputs: &Outputs) -> Result<Report, Failure> {
    let metrics = PrometheusBuilder::new()
        .set_buckets(&DURATION_BUCKETS)
        .map(PrometheusBuilder::install_recorder);
    let metrics = metrics
        .map_err(Failure::unknown)?
        .map_err(Failure::unknown)?;
    describe();
    reload::describe();
    lines::describe();
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
    let (reloading, file) = (gateway.clone(), path.to_owned());
    let reloads = tokio::spawn(async move {
        let load = |text| load(reloading.clone(), file.clone(), text, listen);
        reload::reload(&file, text, changes, load).await;
    });
    let losses = tokio::spawn(outputs.clone().report_losses());
    gateway
        .serve(listener, async move {
            stopped.await;
            is_stopping.store(true, Ordering::Relaxed);
            tracing::info!("gateway stops; requests in flight finish");
        })
        .await;
    reloads.abort();
    admin.abort();
    losses.abort();
    tracing::info!("gateway stopped");
    Ok(Report::default())
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure::unknown(format!("{address} cannot be used: {error}")))
}

fn start_logs(arguments: &Serve, json: bool) -> Result<Outputs, Failure> {
    let audit = arguments.audit.as_ref().map(|path| {
        let file = File::options().create(true).append(true).open(path);
        file.map_err(|error| {
            Failure::unknown(format!("{} cannot be written: {error}", path.display()))
        })
    });
    let outputs = Outputs::start(audit.transpose()?).map_err(Failure::unknown)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(Arc::clone(&outputs.log));
    let level = arguments.level.clone();
    let lines = match json || arguments.log == LogForm::Json {
        true => lines.json().flatten_event(true).with_filter(level).boxed(),
        false => {
            let has_colour = crate::output::width().is_some();
            lines.with_ansi(has_colour).with_filter(level).boxed()
        }
    };
    let mut layers = vec![lines];
    if let Some(audit) = &outputs.audit {
        let records = Targets::new().with_target("obo::audit", LevelFilter::DEBUG);
        let lines = JsonLines::new(&*arguments.service, Arc::clone(audit));
        layers.push(lines.with_filter(records).boxed());
    }
    let logs = tracing_subscriber::registry().with(layers).try_init();
    logs.map_err(Failure::unknown)?;
    Ok(outputs)
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

/// Loads a changed file.
async fn load(
    gateway: Gateway,
    path: PathBuf,
    text: String,
    listening: SocketAddr,
) -> Result<(), NotLoaded> {
    let not_loaded = |failure: Failure, may_pass| NotLoaded {
        problem: failure.problem().to_owned(),
        place: failure.place().map(str::to_owned),
        may_pass,
    };
    let wrong = |error: &obo::ConfigError| position::failure(&path, &text, error);
    let config = Config::parse(&text).map_err(|error| not_loaded(wrong(&error), false))?;
    if config.listen() != listening {
        tracing::warn!("`listen` has changed, which takes effect after a restart");
    }
    gateway.reload(config).await.map_err(|error| match error {
        StartError::Config(error) => not_loaded(wrong(&error), false),
        error => {
            let may_pass = error.may_pass();
            not_loaded(Failure::unknown(error), may_pass)
        }
    })
}
