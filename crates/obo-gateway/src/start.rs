use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use obo::bearer::PublicPaths;
use obo::{BearerAuthLayer, ConfigError, ExpiryLayer, Rejection, ResourceServer};
use obo_config::{ClientConfig, Live, ResourceServerConfig, Setup};

use super::config::Config;
use super::deadline::in_time;
use super::exchanges::{Exchanges, exchange};
use super::limits::Limits;
use super::open::closed;
use super::probes::probes;
use super::proxy::How;
use super::route::{route, router};
use super::well_formed::well_formed;

/// A gateway that is ready to serve.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) router: Live<Router>,
    pub(super) limits: Limits,
    setup: Setup,
    built: Arc<Mutex<Built>>,
}

/// What a configuration was built into, with its caches.
#[derive(Clone, Debug)]
struct Built {
    clients: (Option<ClientConfig>, Vec<ClientConfig>),
    server: (ResourceServerConfig, ResourceServer),
    exchanges: Exchanges,
}

/// Why a gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not go together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys of an issuer that is not lazy cannot be had.
    #[error(transparent)]
    Keys(#[from] Rejection),
}

impl Gateway {
    /// Builds the gateway, and fetches the keys of the issuers that are not lazy.
    ///
    /// # Errors
    ///
    /// The field of the configuration that is wrong, by its path; or the issuer whose keys cannot be had.
    #[cfg(feature = "default-client")]
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Setup::new()).await
    }

    /// As [`start`](Self::start), with profiles, dialects and client authentication methods of your own.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_with(config: Config, setup: Setup) -> Result<Self, StartError> {
        let limits = config.limits;
        let (router, built) = build(config, setup.clone(), None).await?;
        Ok(Self {
            router: Live::new(router),
            limits,
            setup,
            built: Arc::new(Mutex::new(built)),
        })
    }

    /// Serves by another configuration from now on: issuers, clients, routes, headers and probes. Requests under way end
    /// with the one before. `listen` and the connections of `limits` need a restart.
    ///
    /// Keys and tokens stay cached where the configuration is the same: of `resource_server`, and of each issuer's
    /// `exchange`, while `client` and `clients` are the same too.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); the gateway serves on as before then.
    pub async fn reload(&self, config: Config) -> Result<(), StartError> {
        let before = self.built().clone();
        let (router, built) = build(config, self.setup.clone(), Some(before)).await?;
        *self.built() = built;
        self.router.replace(router);
        Ok(())
    }

    fn built(&self) -> MutexGuard<'_, Built> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn build(
    config: Config,
    mut setup: Setup,
    before: Option<Built>,
) -> Result<(Router, Built), StartError> {
    let within = |place: &'static str| move |error: ConfigError| error.within(place);
    let clients = (config.client, config.clients);
    setup.clients(clients.0.clone(), clients.1.clone())?;
    let before = before.filter(|before| before.clients == clients);
    let kept = before.as_ref().map(|before| &before.exchanges);
    // They go first: a client without an issuer is the client of the exchange.
    let (mut exchanges, mut called) = (Exchanges::new(), Vec::new());
    for (i, route) in config.read_routes.iter().enumerate() {
        let exchange = route
            .call
            .as_ref()
            .map(|call| exchange(call, &mut exchanges, kept, &mut setup));
        let exchange = exchange.transpose();
        called.push(exchange.map_err(|error| error.within(&format!("routes[{i}].exchange")))?);
    }
    let server = config.resource_server.clone().build(&mut setup);
    let server = server.map_err(within("resource_server"))?;
    let server = match before.map(|before| before.server) {
        Some((known, server)) if known == config.resource_server => server,
        _ => server,
    };
    let trusted: Vec<_> = server.issuers().cloned().collect();
    let resource = config.protected_resource.map(|it| it.build(&server));
    let resource = resource.transpose().map_err(within("protected_resource"))?;
    let how = How {
        claims: config.headers,
        slowest: config.limits.slowest(),
    };
    let mut auth = BearerAuthLayer::new(server.clone());
    if let Some(resource) = &resource {
        auth = auth.protected_resource(resource);
    }
    let (mut routes, mut public) = (Vec::new(), Vec::new());
    for (i, (config, exchange)) in config.read_routes.into_iter().zip(called).enumerate() {
        let within = |error: ConfigError| error.within(&format!("routes[{i}]"));
        let path = config.path.clone();
        if config.public {
            if !path.is_exact() {
                let problem = "is a pattern, and `public` is for one path; write it out";
                return Err(within(ConfigError::new("path", problem)).into());
            }
            public.push(path.as_str().to_owned());
        }
        if config.preflight {
            auth = auth.allow_preflight();
        }
        let route = route(config, exchange, &trusted, &setup, &how);
        routes.push((path, route.map_err(within)?));
    }
    let public = PublicPaths::new(public).map_err(|error| error.at("routes"))?;
    let auth = auth.public_paths(public);
    let server = server.start().await?;
    let built = Built {
        clients,
        server: (config.resource_server, server.clone()),
        exchanges,
    };
    let router = router(routes)?
        .layer(from_fn(closed))
        // Streams end with their token.
        .layer(ExpiryLayer::new(server.clone()))
        .layer(auth);
    // Clients read it before they have a token.
    let router = match resource {
        Some(resource) => router.route_service(resource.well_known_path(), resource.service()),
        None => router,
    };
    let router = router
        .layer(from_fn(in_time))
        .layer(from_fn(well_formed))
        .layer(from_fn_with_state((config.probes, server), probes));
    Ok((router, built))
}

/// Ends at Ctrl-C, or when the system asks the process to end: for [`Gateway::serve`].
pub async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
