use std::sync::Arc;

use obo::{ConfigError, Rule, bearer};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::status;

/// Refuses calls whose caller does not satisfy a [`Rule`], as `PERMISSION_DENIED` or, without a caller,
/// `UNAUTHENTICATED`; without a layer, as `INTERNAL`.
///
/// It goes inside an [`obo::BearerAuthLayer`]: `StockServer::with_interceptor(stock, obo_tonic::require(rule)?)`. Rules by
/// method, such as `/stock.Stock/{method}`, are for an [`obo::RuleTable`].
///
/// # Errors
///
/// The rule's [mistake](Rule::mistake), if it has one.
pub fn require(rule: Rule) -> Result<RequireInterceptor, ConfigError> {
    Ok(RequireInterceptor(Arc::new(rule.checked()?)))
}

/// The interceptor that [`require`] makes.
#[derive(Clone, Debug)]
pub struct RequireInterceptor(Arc<Rule>);

impl Interceptor for RequireInterceptor {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let caller = bearer::caller(request.extensions(), "obo_tonic::require");
        match caller.and_then(|caller| self.0.check(caller)) {
            Ok(()) => Ok(request),
            Err(rejection) => Err(status(&rejection.response())),
        }
    }
}
