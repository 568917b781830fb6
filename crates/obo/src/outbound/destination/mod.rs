//! Where calls on behalf of users may go, and for whom their tokens are asked.
//!
//! How a request finds its destination, in this order:
//!
//! 1. Its URI names `http` or `https`, a host and a port, and no user information. Else it is denied.
//! 2. Of the destinations at exactly that scheme, host and port, the one with the longest path that is at or above the
//!    request's. Where there are any, templates are not asked.
//! 3. The template for what follows the first label of the host, if that label is one that it may stand for.
//! 4. None: denied.
//!
//! Where paths tell destinations apart, a path that servers read differently is none of them.

mod place;
mod registry;
mod route;
mod single;
mod template;
#[cfg(test)]
mod tests;
mod unmatched;

pub use registry::Destinations;
pub(crate) use route::Route;
pub use single::Destination;
use single::Found;
