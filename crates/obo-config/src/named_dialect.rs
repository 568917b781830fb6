use std::sync::Arc;

use obo::Destination;
use obo::dialect::{Dialect, Rfc8693};
use obo::exchange::TokenExchangeBuilder;

/// A dialect that a file can name.
#[derive(Clone)]
pub(crate) enum NamedDialect {
    /// A dialect whose settings a file can change.
    Data(Box<Rfc8693>),
    Own(Arc<dyn ApplyDialect>),
}

/// Applies a [`Dialect`] whose type is erased: builders take a dialect by value, with its own type.
pub(crate) trait ApplyDialect: Send + Sync {
    fn to_exchange(&self, exchange: TokenExchangeBuilder) -> TokenExchangeBuilder;
    fn to_destination(&self, destination: Destination) -> Destination;
}

impl<D: Dialect + Clone> ApplyDialect for D {
    fn to_exchange(&self, exchange: TokenExchangeBuilder) -> TokenExchangeBuilder {
        exchange.dialect(self.clone())
    }

    fn to_destination(&self, destination: Destination) -> Destination {
        destination.dialect(self.clone())
    }
}
