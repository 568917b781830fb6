//! A gateway, configured by a file: it validates the tokens of callers, checks each route's rule, and responds itself or
//! sends the request to an upstream on behalf of the caller.
//!
//! ```no_run
//! use obo_gateway::{Config, Gateway};
//! use tokio::net::TcpListener;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let config = Config::parse(&std::fs::read_to_string("gateway.toml")?)?;
//!     let listener = TcpListener::bind(config.listen()).await?;
//!     let gateway = Gateway::start(config).await?;
//!     gateway.serve(listener, obo_gateway::stopped()).await;
//!     Ok(())
//! }
//! ```
//!
//! # Configuration
//!
//! | key | meaning |
//! | --- | --- |
//! | `listen` | the address to listen on |
//! | `resource_server` | whose tokens are accepted, and which audience they must name |
//! | `client`, `clients` | who the gateway is at each authorization server |
//! | `routes` | the paths; each with the rule that a caller must satisfy, and where the request goes |
//! | `protected_resource` | the metadata by which clients find the authorization servers (RFC 9728) |
//! | `limits` | connections and how long a caller may take |
//! | `headers` | which header fields of a caller an upstream sees |
//! | `probes` | paths for liveness and readiness |
//!
//! `examples/gateway.toml` in the repository has every key with a comment. Unknown keys are rejected. A mistake is a
//! [`ConfigError`](obo::ConfigError) that names the place, such as `routes[3].exchange.audience`, and quotes no secret.
#![cfg_attr(docsrs, feature(doc_cfg))]

// The way of a request, module by module:
// 1. `serve`: HTTP/1.1, HTTP/2 or gRPC on one port, with limits on connections (`limits`, `addresses`), on how long a head
//    may take, and on how long nothing may happen on a connection (`activity`).
// 2. `probes` answers those who run it. `well_formed` refuses what no route could answer, such as another protocol.
//    `deadline` ends a gRPC call when its caller waits no longer.
// 3. `BearerAuthLayer`: who calls. Without a valid token nobody learns which routes there are,
//    save for public ones and for preflights (`open`). An `ExpiryLayer` ends streams with their token.
// 4. `route`: the path finds the route, and its `Rule` says whether this caller may.
// 5. `caller` answers with what the token says, or `proxy` sends the request on: below the upstream's path and nowhere
//    else, without what concerns one connection alone (`to_upstream`, `end_to_end`) and without what the caller claims to
//    be (`caller_headers`), with a token of its own (`OnBehalfOf`).
// 6. `upstream` makes the call, HTTP/2 for gRPC and HTTP/1.1 for all else, once more where the first attempt did nothing,
//    and gives up when one side does not keep `pace` (`sending`, `receiving`).
// 7. `from_upstream` turns the response into one for the caller, and `refusal` whatever went wrong into one that says
//    whose fault it is.

mod activity;
mod addresses;
mod caller;
mod caller_headers;
mod config;
mod deadline;
mod end_to_end;
mod exchanges;
mod from_upstream;
mod limits;
mod open;
mod opening;
mod pace;
mod probes;
mod protocol;
mod proxy;
mod receiving;
mod refusal;
mod route;
mod route_config;
mod sending;
mod serve;
mod start;
mod timeouts;
mod to_upstream;
mod upstream;
mod well_formed;

pub use config::Config;
pub use start::{Gateway, StartError, stopped};
