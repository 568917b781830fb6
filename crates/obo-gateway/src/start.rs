use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use obo::authorization_server::TlsIdentity;
use obo::bearer::PublicPaths;
use obo::fleet::StoreError;
use obo::trace::TraceContextLayer;
use obo::{BearerAuthLayer, ConfigError, ExpiryLayer, Rejection, ResourceServer, TokenExchange};
use obo_config::{AuditConfig, BindingConfig, ClientConfig, Live, ResourceServerConfig, Setup};

use super::config::Config;
use super::deadline::enforce_deadline;
use super::exchanges::{Exchanges, exchange};
use super::limits::Limits;
use super::probes::{Readiness, probes};
use super::proxy::ProxySettings;
use super::public::hide_routes;
use super::receivers::{ReceiverPaths, receivers};
use super::route::{route, router};
use super::shared::Sharing;
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
pub(super) struct Built {
    clients: (Option<ClientConfig>, Vec<ClientConfig>),
    audit: Option<AuditConfig>,
    binding: Option<BindingConfig>,
    /// As their files were, so that a renewed certificate is a change.
    identities: Vec<TlsIdentity>,
    sharing: Sharing,
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
    /// The store of `[shared]` rejects this process, such as its password. At a reload, also: a new
    /// store does not respond.
    #[error("shared: {0}")]
    Shared(#[from] StoreError),
}

impl Gateway {
    /// Builds the gateway, fetches the keys of issuers with `lazy = false`, and reads the logouts
    /// that the store of `[shared]` knows. Without the store it starts after 2 s, and logs that.
    ///
    /// # Errors
    ///
    /// Fails if the configuration is wrong, and names the field by its path. Fails if keys cannot
    /// be fetched, and names the issuer. Fails if the store rejects this process.
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
    /// tokens, as long as `client`, `clients`, `audit`, `binding` and `shared` have not changed
    /// either. While `shared` and its secrets are unchanged, the known logouts are kept. Another
    /// store must respond: its logouts replace them.
    ///
    /// # Errors
    ///
    /// Fails like [`start`](Self::start), and if another store does not respond. The gateway then
    /// continues with the previous configuration.
    pub async fn reload(&self, config: Config) -> Result<(), StartError> {
        let before = self.built().clone();
        let (router, built) = build(config, self.setup.clone(), Some(before)).await?;
        *self.built() = built;
        self.router.replace(router);
        Ok(())
    }

    /// Whether the gateway is ready for requests, as the probe `probes.ready` responds.
    ///
    /// Without the store of `[shared]` it is ready, unless its `revocation` is `strict`: then the
    /// logouts must have been read once.
    pub fn is_ready(&self) -> bool {
        self.readiness().problem().is_none()
    }

    /// Why the gateway is not ready, if it is not.
    pub fn why_not_ready(&self) -> Option<&'static str> {
        self.readiness().problem()
    }

    fn readiness(&self) -> Readiness {
        let built = self.built();
        Readiness {
            server: built.server.1.clone(),
            sharing: built.sharing.clone(),
        }
    }

    fn built(&self) -> MutexGuard<'_, Built> {
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What routes share, and the exchange of each route.
pub(super) struct Handles {
    clients: (Option<ClientConfig>, Vec<ClientConfig>),
    identities: Vec<TlsIdentity>,
    sharing: Sharing,
    /// Whether another configuration has started it.
    is_sharing: bool,
    exchanges: Exchanges,
    pub(super) called: Vec<Option<TokenExchange>>,
    pub(super) server: ResourceServer,
}

/// Builds the handles. Those whose settings are as in `before` keep their caches.
pub(super) fn handles(
    config: &Config,
    setup: &mut Setup,
    before: Option<Built>,
) -> Result<Handles, ConfigError> {
    let clients = (config.client.clone(), config.clients.clone());
    setup.clients(clients.0.clone(), clients.1.clone())?;
    let identities: Vec<_> = setup.identities().map(|(_, own)| own.clone()).collect();
    setup.audit(config.audit.clone())?;
    let accepts_dpop = config
        .binding
        .as_ref()
        .is_some_and(BindingConfig::accepts_dpop);
    let (sharing, is_sharing) = Sharing::of(
        config.shared.as_ref(),
        accepts_dpop || config.receivers().iter().next().is_some(),
        setup,
        before.as_ref().map(|before| &before.sharing),
    )?;
    setup.binding(config.binding.clone())?;
    let is_same = |before: &Built| {
        is_sharing
            && before.clients == clients
            && before.identities == identities
            && before.audit == config.audit
            && before.binding == config.binding
    };
    let before = before.filter(is_same);
    let before_exchanges = before.as_ref().map(|before| &before.exchanges);
    // Exchanges come first: a client without an issuer is the client of the first one.
    let (mut exchanges, mut called) = (Exchanges::new(), Vec::new());
    for (i, route) in config.read_routes.iter().enumerate() {
        let exchange = route.call.as_ref().map(|call| {
            let exchange = exchange(call, &mut exchanges, before_exchanges, setup)?;
            call.destination.check(&call.exchange, setup)?;
            Ok(exchange)
        });
        let exchange = exchange.transpose();
        called.push(
            exchange
                .map_err(|error: ConfigError| error.within(&format!("routes[{i}].exchange")))?,
        );
    }
    let server = config.resource_server.clone().build(setup);
    let server = server.map_err(|error| error.within("resource_server"))?;
    let server = match before.map(|before| before.server) {
        Some((known, server)) if known == config.resource_server => server,
        _ => server,
    };
    Ok(Handles {
        clients,
        identities,
        sharing,
        is_sharing,
        exchanges,
        called,
        server,
    })
}

async fn build(
    config: Config,
    mut setup: Setup,
    before: Option<Built>,
) -> Result<(Router, Built), StartError> {
    let within = |place: &'static str| move |error: ConfigError| error.within(place);
    let is_first = before.is_none();
    let Handles {
        clients,
        identities,
        sharing,
        is_sharing,
        exchanges,
        called,
        server,
    } = handles(&config, &mut setup, before)?;
    let trusted: Vec<_> = server.issuers().cloned().collect();
    let received = config.receivers();
    let resource = config.protected_resource.map(|it| it.build(&server));
    let resource = resource.transpose().map_err(within("protected_resource"))?;
    received.check(|path| {
        let is_metadata = (resource.iter()).any(|it| it.well_known_path() == path);
        is_metadata.then(|| "the metadata of `protected_resource`".to_owned())
    })?;
    let has_receivers = received.iter().next().is_some();
    let received = ReceiverPaths::new(received.build(&server, &mut setup)?);
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
    if !is_sharing {
        sharing.start(is_first).await?;
    }
    if has_receivers && sharing.is_alone() {
        tracing::info!("no [shared]: a logout reaches this process only");
    }
    let readiness = Readiness {
        server: server.clone(),
        sharing: sharing.clone(),
    };
    let built = Built {
        clients,
        identities,
        audit: config.audit,
        binding: config.binding,
        sharing,
        server: (config.resource_server, server.clone()),
        exchanges,
    };
    // The first layer is the outermost. Each call of `Router::layer` boxes once more.
    let router = router(routes)?.layer((
        TraceContextLayer::new(),
        auth,
        // Streams end when their token expires.
        ExpiryLayer::new(server.clone()),
        from_fn(hide_routes),
    ));
    // Clients read the metadata before they have a token.
    let router = match resource {
        Some(resource) => router.route_service(resource.well_known_path(), resource.service()),
        None => router,
    };
    let router = router.layer((
        from_fn_with_state((config.probes, readiness), probes),
        from_fn(well_formed),
        from_fn(enforce_deadline),
        from_fn_with_state(received, receivers),
    ));
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
