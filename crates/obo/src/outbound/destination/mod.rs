//! Where calls may go, and which audience their tokens are for.
//!
//! How a request finds its destination, in this order:
//!
//! 1. The URI has the scheme `http` or `https`, a host and a port, and no user information.
//!    Otherwise the call is denied.
//! 2. Of the destinations at exactly that scheme, host and port, the one with the longest path at
//!    or above the request's path. If there are any, templates do not apply.
//! 3. The template for the domain after the first label of the host, if the template accepts that
//!    label.
//! 4. Otherwise the call is denied.
//!
//! If destinations differ by path, a path that servers may read in several ways matches none of
//! them.

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
pub(in crate::outbound) use single::Found;
