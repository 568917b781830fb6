use std::collections::HashMap;

use obo::{ConfigError, Issuer, TokenExchange};
use obo_config::{ExchangeConfig, Setup};

/// One exchange for each authorization server, so that all routes share what is cached of it.
#[derive(Default)]
pub(super) struct Exchanges(HashMap<Issuer, (ExchangeConfig, TokenExchange)>);

impl Exchanges {
    /// The exchange at the authorization server of a route.
    pub(super) fn at(
        &mut self,
        config: ExchangeConfig,
        setup: &mut Setup,
    ) -> Result<TokenExchange, ConfigError> {
        let issuer = config.issuer();
        if let Some((known, exchange)) = self.0.get(issuer) {
            let Some(field) = known.differs_in(&config) else {
                return Ok(exchange.clone());
            };
            let problem = format!(
                "is not the same as that of an earlier route for {issuer}; write the same into each of them"
            );
            return Err(ConfigError::new(field, problem).within("exchange"));
        }
        let exchange = config
            .clone()
            .build(setup)
            .map_err(|error| match error.field() {
                "issuer" if !setup.has_client() => {
                    let problem =
                        "needs a [client]: who this service is at the authorization server";
                    ConfigError::new("exchange", problem)
                }
                _ => error.within("exchange"),
            })?;
        self.0.insert(issuer.clone(), (config, exchange.clone()));
        Ok(exchange)
    }
}
