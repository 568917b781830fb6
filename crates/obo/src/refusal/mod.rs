//! Refusals: the reason, and the response over HTTP and gRPC.

mod error_info;
pub(crate) mod grpc;
pub(crate) mod rejection;
pub(crate) mod response;

pub use grpc::GrpcKind;
pub use response::RefusalResponse;
