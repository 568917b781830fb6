//! Why a request is refused, and the response that says so, over HTTP and gRPC.

mod error_info;
pub(crate) mod grpc;
pub(crate) mod rejection;
pub(crate) mod response;

pub use grpc::GrpcKind;
pub use response::RefusalResponse;
