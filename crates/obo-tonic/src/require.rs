use std::sync::Arc;

use obo::{ConfigError, Rule, bearer};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::status;

/// Creates an interceptor that refuses calls whose caller does not satisfy a [`Rule`].
///
/// ```
/// use obo::Rule;
///
/// // For a generated service: `StockServer::with_interceptor(stock, rule)`.
/// let rule = obo_tonic::require(Rule::scopes(["stock:read"]))?;
/// # let _ = rule;
/// # Ok::<(), obo::ConfigError>(())
/// ```
///
/// The status is `PERMISSION_DENIED`, or `UNAUTHENTICATED` without a caller. Place it inside an
/// [`obo::BearerAuthLayer`]; without one the status is `INTERNAL`. For rules by method, such as
/// `/stock.Stock/{method}`, use an [`obo::RuleTable`].
///
/// # Errors
///
/// The rule's [mistake](Rule::mistake), if it has one.
pub fn require(rule: Rule) -> Result<RequireInterceptor, ConfigError> {
    Ok(RequireInterceptor(Arc::new(rule.checked()?)))
}

/// The interceptor that [`require`] returns.
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
