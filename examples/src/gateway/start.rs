use axum::Router;
use obo::{BearerAuthLayer, ConfigError, Rejection};

use super::Config;
use super::exchanges::Exchanges;
use super::route::Routes;
use super::well_formed::well_formed;

/// A gateway that is ready to serve.
#[derive(Clone, Debug)]
pub struct Gateway {
    pub(super) router: Router,
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
        let client = config.client()?;
        let server = config.resource_server(client.as_ref())?;
        let trusted: Vec<_> = server.issuers().cloned().collect();
        let mut exchanges = Exchanges::new(client);
        let mut routes = Routes::default();
        for (i, route) in config.routes.into_iter().enumerate() {
            let added = routes.add(route, &trusted, &mut exchanges);
            added.map_err(|error| error.within(&format!("routes[{i}]")))?;
        }
        let server = server.start().await?;
        Ok(Self {
            router: routes
                .router()?
                .layer(BearerAuthLayer::new(server))
                .layer(axum::middleware::from_fn(well_formed)),
        })
    }
}
