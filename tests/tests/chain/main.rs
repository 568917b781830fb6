//! Three services over real sockets, each calling the next on behalf of the user: who each knows,
//! and what each refuses.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod audit;
mod grpc_client;
mod refusals;
mod setup;
mod stolen;
mod stolen_over_tls;
mod walk;
