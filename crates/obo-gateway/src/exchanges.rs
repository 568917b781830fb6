use std::collections::HashMap;

use obo::{ConfigError, Issuer, TokenExchange};
use obo_config::{Settings, Setup};

use super::route_config::CallConfig;

/// The exchange of each authorization server, and the one whose tokens are bound to the certificate
/// of this gateway. All routes share their caches.
pub(super) type Exchanges = HashMap<(Issuer, bool), (Settings, TokenExchange)>;

/// Returns the exchange for a route. An exchange with the same settings as `before` keeps its
/// cache.
pub(super) fn exchange(
    call: &CallConfig,
    exchanges: &mut Exchanges,
    before: Option<&Exchanges>,
    setup: &mut Setup,
) -> Result<TokenExchange, ConfigError> {
    let (issuer, shared) = (call.exchange.issuer(), &call.shared);
    let is_bound = call.destination.binds_certificate();
    let place = (issuer.clone(), is_bound);
    if let Some((known, exchange)) = exchanges.get(&place) {
        let Some(field) = known.differs_in(shared) else {
            return Ok(exchange.clone());
        };
        let problem = format!(
            "differs from an earlier route for {issuer}; write the same value into all of them"
        );
        return Err(ConfigError::new("", problem).at(field));
    }
    let config = call.exchange.clone();
    let built = match is_bound {
        true => config.bind_certificate().build(setup)?,
        false => config.build(setup)?,
    };
    let exchange = match before.and_then(|before| before.get(&place)) {
        Some((known, exchange)) if known == shared => exchange.clone(),
        _ => built,
    };
    exchanges.insert(place, (shared.clone(), exchange.clone()));
    Ok(exchange)
}
