//! One service for all calls out: it gives each request a token for where it goes.
//!
//! [`on_behalf_of`](crate::on_behalf_of) has the list of what happens to a request. Whose token it carries is its
//! [`Source`]: there is one for callers, and one for this service itself.

mod body;
mod downstream;
mod future;
mod layer;
mod recorded;
mod replay;
#[expect(
    clippy::module_inception,
    reason = "the service beside its layer and its future"
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

use crate::outbound::destination::Route;
use crate::outbound::error::ExchangeError;
use crate::outbound::exchange::Wanted;

/// Whose tokens a client's requests carry.
pub(crate) trait Source {
    /// The name of the client in its `Debug` form.
    const NAME: &'static str;

    /// What a request to `uri` needs, if it may go there.
    fn wanted(
        &self,
        route: &Route,
        extensions: &Extensions,
        uri: &Uri,
    ) -> Result<Wanted, ExchangeError>;
}
