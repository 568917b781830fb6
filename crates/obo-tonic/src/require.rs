use std::sync::Arc;

use obo::{Rule, Validated};
use tonic::service::Interceptor;
use tonic::{Request, Status};

use crate::status;

/// Refuses calls whose caller does not satisfy a [`Rule`], as `PERMISSION_DENIED` or, without a caller,
/// `UNAUTHENTICATED`.
///
/// It goes inside an [`obo::BearerAuthLayer`]: `StockServer::with_interceptor(stock, obo_tonic::require(rule))`.
pub fn require(rule: Rule) -> RequireInterceptor {
    RequireInterceptor(Arc::new(rule))
}

/// The interceptor that [`require`] makes.
#[derive(Clone, Debug)]
pub struct RequireInterceptor(Arc<Rule>);

impl Interceptor for RequireInterceptor {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        let caller = request.extensions().get::<Validated>();
        match self.0.check(caller) {
            Ok(()) => Ok(request),
            Err(rejection) => Err(status(&rejection.answer())),
        }
    }
}
