//! Three services in one process, over real sockets: A (axum) calls B (tonic), and B calls C
//! (axum). Each calls on behalf of the user whose token it received.

mod binding;
mod calls;
mod connections;
mod hop;
pub mod page;
pub mod refusals;
pub mod replicas;
mod sender;
mod service_a;
mod service_b;
mod service_c;
mod start;
pub mod stolen;
mod watch;

pub use binding::Binding;
pub use connections::Http;
pub use service_a::service_a;
pub use service_b::service_b;
pub use service_c::service_c;
pub use start::{Chain, Tokens};
pub use watch::{Watch, WatchLayer};
