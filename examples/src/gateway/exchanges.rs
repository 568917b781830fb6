use std::collections::HashMap;

use obo::{Client, ConfigError, Issuer, TokenExchange};

/// One exchange for each authorization server, so that all routes share what is at hand of it.
pub(super) struct Exchanges {
    client: Option<Client>,
    by_issuer: HashMap<Issuer, TokenExchange>,
}

impl Exchanges {
    pub(super) fn new(client: Option<Client>) -> Self {
        Self {
            client,
            by_issuer: HashMap::new(),
        }
    }

    /// The exchange at this authorization server.
    pub(super) fn at(&mut self, issuer: &Issuer) -> Result<TokenExchange, ConfigError> {
        if let Some(known) = self.by_issuer.get(issuer) {
            return Ok(known.clone());
        }
        let Some(client) = &self.client else {
            let problem = "needs a [client]: who this service is at the authorization server";
            return Err(ConfigError::new("exchange", problem));
        };
        let exchange = TokenExchange::new(issuer.clone(), client.clone());
        self.by_issuer.insert(issuer.clone(), exchange.clone());
        Ok(exchange)
    }
}
