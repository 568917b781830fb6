use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use obo::{BearerAuthLayer, ConfigError, ExpiryLayer, Rejection};

use super::Config;
use super::deadline::in_time;
use super::exchanges::Exchanges;
use super::limits::Limits;
use super::open::closed;
use super::probes::probes;
use super::proxy::How;
use super::route::Routes;
use super::well_formed::well_formed;

/// A gateway that is ready to serve.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) router: Router,
    pub(super) limits: Limits,
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
    /// Makes the gateway, and fetches the keys of the issuers that are not lazy.
    ///
    /// # Errors
    ///
    /// The field of the configuration that is wrong, by its path; or the issuer whose keys cannot be had.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let clients = config.clients()?;
        let server = config.resource_server(&clients)?;
        let trusted: Vec<_> = server.issuers().cloned().collect();
        let limits = config.limits.build();
        let how = How {
            claims: (config.headers.build()).map_err(|error| error.within("headers"))?,
            slowest: limits.slowest,
        };
        let mut exchanges = Exchanges::new(clients);
        let mut routes = Routes::default();
        let mut auth = BearerAuthLayer::new(server.clone());
        for (i, route) in config.routes.into_iter().enumerate() {
            let within = |error: ConfigError| error.within(&format!("routes[{i}]"));
            if route.public {
                if !route.path.is_exact() {
                    let problem = "is a pattern, and `public` is for one path; write it out";
                    return Err(within(ConfigError::new("path", problem)).into());
                }
                let opened = auth.public_paths([route.path.as_str()]);
                auth = opened.map_err(|error| within(error.at("path")))?;
            }
            if route.preflight {
                auth = auth.allow_preflight();
            }
            let added = routes.add(route, &trusted, &mut exchanges, &how);
            added.map_err(within)?;
        }
        let probing = config.probes.build(&server);
        let probing = probing.map_err(|error| error.within("probes"))?;
        let server = server.start().await?;
        Ok(Self {
            router: routes
                .router()?
                .layer(from_fn(closed))
                // Streams end with their token.
                .layer(ExpiryLayer::new(server))
                .layer(auth)
                .layer(from_fn(in_time))
                .layer(from_fn(well_formed))
                .layer(from_fn_with_state(probing, probes)),
            limits,
        })
    }
}
