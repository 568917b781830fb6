use axum::Router;
use obo::{BearerAuthLayer, ConfigError, Rejection};

use super::Config;
use super::exchanges::Exchanges;
use super::protocol::Protocol;
use super::refusal::Refusal;
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
        let clients = config.clients()?;
        let server = config.resource_server(&clients)?;
        let mut exchanges = Exchanges::new(clients);
        let mut routes = Routes::default();
        for (i, route) in config.routes.into_iter().enumerate() {
            let added = routes.add(route, &mut exchanges);
            added.map_err(|error| error.within(&format!("routes[{i}]")))?;
        }
        let no_route =
            |protocol: Protocol| std::future::ready(Refusal::NoRoute.response(&protocol));
        let server = server.start().await?;
        Ok(Self {
            router: routes
                .router()?
                .fallback(no_route)
                .layer(BearerAuthLayer::new(server))
                .layer(axum::middleware::from_fn(well_formed)),
        })
    }
}
