//! A gateway that validates the bearer tokens of callers and calls upstreams on their behalf,
//! configured by a file.
//!
//! For each request it checks the token and the rule of the route. Then it responds itself, or
//! sends the request to an upstream with a token that was exchanged for the caller's.
//!
//! # A gateway
//!
//! The file:
//!
//! ```toml
//! listen = "127.0.0.1:8080"
//!
//! [resource_server]
//! audiences = ["https://api.example.com/orders"]
//! issuers = [{ issuer = "https://idp.example.com/realms/corp" }]
//!
//! [client]
//! id = "gateway"
//! client_secret_basic = { file = "/run/secrets/gateway" }
//!
//! [[routes]]
//! path = "/orders/{*rest}"
//! scopes = ["orders:read"]
//! upstream = "https://orders.corp.example"
//! exchange = { issuer = "https://idp.example.com/realms/corp", audience = "orders" }
//! ```
//!
//! The program that reads and serves it:
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
//! | key | default | meaning |
//! | --- | --- | --- |
//! | `listen` | required | the address to listen on |
//! | `resource_server` | required | the trusted issuers and the accepted audiences |
//! | `client`, `clients` | none | the gateway's clients at authorization servers |
//! | `routes` | required | the paths, each with its rule and its upstream |
//! | `protected_resource` | none | the metadata for clients (RFC 9728) |
//! | `limits` | see the guide | the number of connections, and how long a client may stall |
//! | `headers` | see the guide | the header fields of a caller that an upstream sees |
//! | `probes` | none | the paths of the liveness and the readiness probe |
//! | `audit` | none | how audit records name users and tokens |
//! | `binding` | none | which tokens that are bound to a key or certificate are accepted |
//! | `shared` | none | what all replicas of the gateway share: exchanged tokens and logouts |
//! | `logout`, `signals` | none | where issuers send logout tokens and security events |
//!
//! In the repository, `docs/guides/configuration-file.md` lists all keys, and
//! `examples/gateway.toml` has each of them with a comment. Unknown keys are rejected. An error is
//! a [`ConfigError`](obo::ConfigError) that names the place, such as `routes[3].exchange.audience`,
//! and quotes no secret.
//!
//! # Where to go next
//!
//! | for | see |
//! | --- | --- |
//! | a new configuration while the gateway serves | [`Gateway::reload`] |
//! | your own HTTP client, profiles, dialects, client methods | [`Gateway::start_with`] |
//! | the command that serves a file, with metrics and reload | the crate `obo-cli` |
//! | a service with its own handlers | the crates `obo` and `obo-config` |
//!
//! # Features
//!
//! | feature | default | what |
//! | --- | --- | --- |
//! | `default-client` | yes | an HTTP client; without it, give one to [`Gateway::start_with`] |
#![cfg_attr(docsrs, feature(doc_cfg))]

// The life of a request, module by module:
// 1. `serve` accepts HTTP/1.1, HTTP/2 and gRPC on one port. It limits connections (`limits`,
//    `addresses`), the time for a head, and the time without activity on a connection (`activity`).
// 2. `probes` responds to probes. `well_formed` rejects what no route can serve, such as another
//    protocol. `deadline` ends a gRPC call when its caller stops waiting. `receivers` takes logouts
//    of issuers, which revoke tokens at all replicas (`shared`).
// 3. `BearerAuthLayer` finds the caller. Without a valid token a client does not learn which routes
//    exist, except for public routes and preflights (`public`). An `ExpiryLayer` ends streams with
//    their token.
// 4. `route` finds the route by its path and checks its `Rule`.
// 5. `caller` responds with the claims of the token, or `proxy` forwards the request below the
//    upstream's path. The request loses the fields of its connection (`to_upstream`, `end_to_end`)
//    and the identity that the caller claims (`caller_headers`), and gets an exchanged token
//    (`OnBehalfOf`).
// 6. `upstream` makes the call: HTTP/2 for gRPC, HTTP/1.1 otherwise. It retries once if the first
//    attempt had no effect, and stops if one side does not keep the `pace` (`request_body`,
//    `response_body`).
// 7. `from_upstream` turns the response into one for the caller. `refusal` turns a failure into a
//    response that says whose fault it is.

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
mod pace;
mod parts;
mod probes;
mod protocol;
mod proxy;
mod public;
mod receivers;
mod refusal;
mod request_body;
mod response_body;
mod route;
mod route_config;
mod serve;
mod shared;
mod start;
mod timeouts;
mod to_upstream;
mod upstream;
mod upstream_url;
mod version;
mod well_formed;

pub use config::Config;
pub use parts::{Call, Parts};
pub use start::{Gateway, StartError, stopped};
