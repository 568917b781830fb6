use std::collections::HashMap;

use obo::{ConfigError, Issuer, TokenExchange};

use super::clients::Clients;

/// One exchange for each authorization server, so that all routes share what is cached of it.
pub(super) struct Exchanges {
    clients: Clients,
    by_issuer: HashMap<Issuer, TokenExchange>,
}

impl Exchanges {
    pub(super) fn new(clients: Clients) -> Self {
        Self {
            clients,
            by_issuer: HashMap::new(),
        }
    }

    /// The exchange at this authorization server.
    pub(super) fn at(&mut self, issuer: &Issuer) -> Result<TokenExchange, ConfigError> {
        if let Some(known) = self.by_issuer.get(issuer) {
            return Ok(known.clone());
        }
        if self.clients.is_empty() {
            let problem = "needs a [client]: who this service is at the authorization server";
            return Err(ConfigError::new("exchange", problem));
        }
        let Some(client) = self.clients.of(issuer) else {
            let problem = format!(
                "there is no client for {issuer}, and the client of another authorization server is never used there; \
                 add [[clients]] with `issuer = \"{issuer}\"`"
            );
            return Err(ConfigError::new("exchange.issuer", problem));
        };
        let exchange = TokenExchange::new(issuer.clone(), client.clone());
        self.by_issuer.insert(issuer.clone(), exchange.clone());
        Ok(exchange)
    }
}
