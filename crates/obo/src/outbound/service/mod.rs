//! The one service for all calls out: it gives each request a token for its destination.
//!
//! [`on_behalf_of`](crate::on_behalf_of) lists the steps of a request. A [`Source`] decides whose
//! token it carries: the caller's, or that of this service itself.

mod body;
mod downstream;
mod future;
mod layer;
mod recorded;
mod replay;
#[expect(
    clippy::module_inception,
    reason = "the service next to its layer and its future"
)]
mod service;
mod web_frames;

pub use body::ResponseBody;
pub use future::ResponseFuture;
pub use layer::OutboundLayer;
pub use recorded::RecordedBody;
pub use replay::Replay;
pub use service::Outbound;

use http::{Extensions, Uri};
use obo_core::Caller;

use crate::outbound::destination::Route;
use crate::outbound::error::ExchangeError;
use crate::outbound::exchange::{TokenExchange, Wanted};

/// Decides whose tokens a client's requests carry.
pub(crate) trait Source {
    /// The name of the client in its `Debug` form.
    const NAME: &'static str;

    /// The caller of a request, if it is on behalf of one.
    fn caller<'c>(&'c self, extensions: &'c Extensions) -> Option<&'c Caller>;

    /// What to request for a call to `uri`, if it is a destination.
    fn wanted(
        &self,
        exchange: &TokenExchange,
        route: &Route,
        extensions: &Extensions,
        uri: &Uri,
    ) -> Result<Wanted, ExchangeError>;
}
