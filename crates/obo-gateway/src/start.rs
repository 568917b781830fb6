use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use obo::bearer::PublicPaths;
use obo::{BearerAuthLayer, ConfigError, ExpiryLayer, Rejection};
use obo_config::{Live, Setup};

use super::config::Config;
use super::deadline::in_time;
use super::exchanges::Exchanges;
use super::limits::Limits;
use super::open::closed;
use super::probes::probes;
use super::proxy::How;
use super::route::{Route, Routes};
use super::well_formed::well_formed;

/// A gateway that is ready to serve.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) router: Live<Router>,
    pub(super) limits: Limits,
    setup: Setup,
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
        let (router, limits) = build(config, setup.clone()).await?;
        Ok(Self {
            router: Live::new(router),
            limits,
            setup,
        })
    }

    /// Serves by another configuration from now on: issuers, clients, routes, headers and probes. Requests under way end
    /// with the one before. What was cached is fetched again. `listen` and the connections of `limits` need a restart.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start); the gateway serves on as before then.
    pub async fn reload(&self, config: Config) -> Result<(), StartError> {
        let (router, _) = build(config, self.setup.clone()).await?;
        self.router.replace(router);
        Ok(())
    }
}

async fn build(config: Config, mut setup: Setup) -> Result<(Router, Limits), StartError> {
    let limits = config.limits.build();
    let limits = limits.map_err(|error| error.within("limits"))?;
    setup.clients(config.client, config.clients)?;
    let within = |i: usize| move |error: ConfigError| error.within(&format!("routes[{i}]"));
    // They go first: a client without an issuer is the client of the exchange.
    let mut exchanges = Exchanges::default();
    let read = config.routes.into_iter().enumerate().map(|(i, route)| {
        let read = Route::read(route, &mut exchanges, &mut setup);
        read.map_err(within(i))
    });
    let read: Vec<Route> = read.collect::<Result<_, _>>()?;
    let server = config.resource_server.build(&mut setup);
    let server = server.map_err(|error| error.within("resource_server"))?;
    let trusted: Vec<_> = server.issuers().cloned().collect();
    let how = How {
        claims: (config.headers.build()).map_err(|error| error.within("headers"))?,
        slowest: limits.slowest,
    };
    let resource = config
        .protected_resource
        .map(|resource| resource.build(&server));
    let resource = resource.transpose();
    let resource = resource.map_err(|error| error.within("protected_resource"))?;
    let mut routes = Routes::default();
    let mut auth = BearerAuthLayer::new(server.clone());
    if let Some(resource) = &resource {
        auth = auth.protected_resource(resource);
    }
    let mut public = Vec::new();
    for (i, route) in read.into_iter().enumerate() {
        let within = within(i);
        if route.config.public {
            if !route.config.path.is_exact() {
                let problem = "is a pattern, and `public` is for one path; write it out";
                return Err(within(ConfigError::new("path", problem)).into());
            }
            public.push(route.config.path.as_str().to_owned());
        }
        if route.config.preflight {
            auth = auth.allow_preflight();
        }
        let added = routes.add(route, &trusted, &setup, &how);
        added.map_err(within)?;
    }
    let public = PublicPaths::new(public).map_err(|error| error.at("routes"))?;
    let auth = auth.public_paths(public);
    let probing = config.probes.build(&server);
    let probing = probing.map_err(|error| error.within("probes"))?;
    let server = server.start().await?;
    let router = routes
        .router()?
        .layer(from_fn(closed))
        // Streams end with their token.
        .layer(ExpiryLayer::new(server))
        .layer(auth);
    // Clients read it before they have a token.
    let router = match resource {
        Some(resource) => router.route_service(resource.well_known_path(), resource.service()),
        None => router,
    };
    let router = router
        .layer(from_fn(in_time))
        .layer(from_fn(well_formed))
        .layer(from_fn_with_state(probing, probes));
    Ok((router, limits))
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
