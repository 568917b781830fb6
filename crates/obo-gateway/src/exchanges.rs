use std::collections::HashMap;

use obo::{ConfigError, Issuer, TokenExchange};
use obo_config::{Settings, Setup};

use super::route_config::CallConfig;

/// The exchange of each authorization server. All routes share its cache.
pub(super) type Exchanges = HashMap<Issuer, (Settings, TokenExchange)>;

/// Returns the exchange for a route. An exchange with the same settings as `before` keeps its
/// cache.
pub(super) fn exchange(
    call: &CallConfig,
    exchanges: &mut Exchanges,
    before: Option<&Exchanges>,
    setup: &mut Setup,
) -> Result<TokenExchange, ConfigError> {
    let (issuer, shared) = (call.exchange.issuer(), &call.shared);
    if let Some((known, exchange)) = exchanges.get(issuer) {
        let Some(field) = known.differs_in(shared) else {
            return Ok(exchange.clone());
        };
        let problem = format!(
            "differs from an earlier route for {issuer}; write the same value into all of them"
        );
        return Err(ConfigError::new("", problem).at(field));
    }
    let built = call.exchange.clone().build(setup)?;
    let exchange = match before.and_then(|before| before.get(issuer)) {
        Some((known, exchange)) if known == shared => exchange.clone(),
        _ => built,
    };
    exchanges.insert(issuer.clone(), (shared.clone(), exchange.clone()));
    Ok(exchange)
}
