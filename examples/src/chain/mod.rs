//! Three services in one process, over real sockets: A (axum) calls B (tonic), and B calls C
//! (axum). Each calls on behalf of the user whose token it received.

mod calls;
mod hop;
pub mod refusals;
mod service_a;
mod service_b;
mod service_c;
mod start;

pub use service_a::service_a;
pub use service_b::service_b;
pub use service_c::service_c;
pub use start::{Chain, Tokens};
