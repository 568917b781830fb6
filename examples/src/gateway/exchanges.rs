use std::collections::HashMap;

use obo::authorization_server::{HttpService, ServerMetadata};
use obo::exchange::TokenExchangeBuilder;
use obo::{AuthorizationServer, ConfigError, Issuer, TokenExchange};
use url::Url;

use super::clients::Clients;
use super::exchange_config::ExchangeConfig;

/// One exchange for each authorization server, so that all routes share what is cached of it.
pub(super) struct Exchanges {
    clients: Clients,
    by_issuer: HashMap<Issuer, Known>,
}

struct Known {
    exchange: TokenExchange,
    token_endpoint: Option<String>,
    subject_issuers: Vec<Issuer>,
}

impl Known {
    /// The name of a setting that differs from that of an earlier route: there is one exchange for each server.
    fn differs_in(&self, config: &ExchangeConfig) -> Option<&'static str> {
        if self.token_endpoint != config.token_endpoint {
            return Some("exchange.token_endpoint");
        }
        (self.subject_issuers != config.subject_issuers).then_some("exchange.subject_issuers")
    }
}

impl Exchanges {
    pub(super) fn new(clients: Clients) -> Self {
        Self {
            clients,
            by_issuer: HashMap::new(),
        }
    }

    /// The exchange at the authorization server of a route.
    pub(super) fn at(&mut self, config: &ExchangeConfig) -> Result<TokenExchange, ConfigError> {
        let issuer = &config.issuer;
        if let Some(known) = self.by_issuer.get(issuer) {
            let Some(field) = known.differs_in(config) else {
                return Ok(known.exchange.clone());
            };
            let problem = format!(
                "is not the same as that of an earlier route for {issuer}; write the same into each of them"
            );
            return Err(ConfigError::new(field, problem));
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
        let server = match &config.token_endpoint {
            None => AuthorizationServer::from(issuer.clone()),
            Some(url) => {
                let metadata = match is_on_plain_host(issuer, url) {
                    true => ServerMetadata::danger_http(None, Some(url)),
                    false => ServerMetadata::new(None, Some(url)),
                };
                let metadata = metadata.map_err(|error| error.at("exchange.token_endpoint"))?;
                let http = HttpService::default_client();
                AuthorizationServer::with_metadata(issuer.clone(), metadata, http)
            }
        };
        let exchange = TokenExchange::builder(server, client.clone());
        let subject_issuers = config.subject_issuers.iter().cloned();
        let allow = |exchange: TokenExchangeBuilder, issuer| exchange.allow_subjects_of(issuer);
        let exchange = subject_issuers.fold(exchange, allow).build()?;
        let known = Known {
            exchange: exchange.clone(),
            token_endpoint: config.token_endpoint.clone(),
            subject_issuers: config.subject_issuers.clone(),
        };
        self.by_issuer.insert(issuer.clone(), known);
        Ok(exchange)
    }
}

/// Whether an endpoint is on the host of its issuer that is of `danger_http`, and so may be plain `http` too.
fn is_on_plain_host(issuer: &Issuer, endpoint: &str) -> bool {
    let host = |url: &str| Url::parse(url).ok()?.host().map(|host| host.to_owned());
    issuer.is_plain_http() && host(issuer.as_str()) == host(endpoint)
}
