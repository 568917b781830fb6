use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use obo::bearer::PublicPaths;
use obo::{BearerAuthLayer, ConfigError, ExpiryLayer, Rejection, ResourceServer};
use obo_config::{ClientConfig, Live, ResourceServerConfig, Setup};

use super::config::Config;
use super::deadline::enforce_deadline;
use super::exchanges::{Exchanges, exchange};
use super::limits::Limits;
use super::probes::probes;
use super::proxy::ProxySettings;
use super::public::hide_routes;
use super::route::{route, router};
use super::well_formed::well_formed;

/// A gateway that is ready to serve. Clones are the same gateway.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) router: Live<Router>,
    pub(super) limits: Limits,
    setup: Setup,
    built: Arc<Mutex<Built>>,
}

/// The handles of a configuration, with their caches.
#[derive(Clone, Debug)]
struct Built {
    clients: (Option<ClientConfig>, Vec<ClientConfig>),
    server: (ResourceServerConfig, ResourceServer),
    exchanges: Exchanges,
}

/// An error of [`Gateway::start`] and [`Gateway::reload`].
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The keys of an issuer with `lazy = false` cannot be fetched.
    #[error(transparent)]
    Keys(#[from] Rejection),
}

impl Gateway {
    /// Builds the gateway, and fetches the keys of issuers with `lazy = false`.
    ///
    /// # Errors
    ///
    /// Fails if the configuration is wrong, and names the field by its path. Fails if keys cannot
    /// be fetched, and names the issuer.
    #[cfg(feature = "default-client")]
    pub async fn start(config: Config) -> Result<Self, StartError> {
        Self::start_with(config, Setup::new()).await
    }

    /// Builds the gateway with your own HTTP client, profiles, dialects and client authentication
    /// methods.
    ///
    /// # Errors
    ///
    /// Fails like [`start`](Self::start).
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

    /// Replaces the configuration while the gateway serves: issuers, clients, routes, headers and
    /// probes. Requests in flight finish with the previous one. `listen` and the connections of
    /// `limits` require a restart.
    ///
    /// A `resource_server` and an `exchange` that have not changed keep their cached keys and
    /// tokens, as long as `client` and `clients` have not changed either.
    ///
    /// # Errors
    ///
    /// Fails like [`start`](Self::start). The gateway then continues with the previous
    /// configuration.
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
    let before_exchanges = before.as_ref().map(|before| &before.exchanges);
    // Exchanges come first: a client without an issuer is the client of the first one.
    let (mut exchanges, mut called) = (Exchanges::new(), Vec::new());
    for (i, route) in config.read_routes.iter().enumerate() {
        let exchange = route
            .call
            .as_ref()
            .map(|call| exchange(call, &mut exchanges, before_exchanges, &mut setup));
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
    let settings = ProxySettings {
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
            public.push(path.as_str().to_owned());
        }
        if config.preflight {
            auth = auth.allow_preflight();
        }
        let route = route(config, exchange, &trusted, &setup, &settings);
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
        .layer(from_fn(hide_routes))
        // Streams end when their token expires.
        .layer(ExpiryLayer::new(server.clone()))
        .layer(auth);
    // Clients read the metadata before they have a token.
    let router = match resource {
        Some(resource) => router.route_service(resource.well_known_path(), resource.service()),
        None => router,
    };
    let router = router
        .layer(from_fn(enforce_deadline))
        .layer(from_fn(well_formed))
        .layer(from_fn_with_state((config.probes, server), probes));
    Ok((router, built))
}

/// Waits for Ctrl-C or SIGTERM. Give it to [`Gateway::serve`].
///
/// A signal between the call and the first poll is not lost. Call it inside a tokio runtime.
pub fn stopped() -> impl Future<Output = ()> + Send {
    #[cfg(unix)]
    let signals = {
        use tokio::signal::unix::{SignalKind, signal};
        [SignalKind::interrupt(), SignalKind::terminate()].map(signal)
    };
    async move {
        #[cfg(unix)]
        if let [Ok(mut interrupt), Ok(mut terminate)] = signals {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}
