//! Configuration files for [`obo`] as TOML, YAML, JSON or any other format that serde reads.
//!
//! # A server
//!
//! The file:
//!
//! ```toml
//! [resource_server]
//! audiences = ["service-a"]
//! issuers = [{ issuer = "https://idp.example.com/realms/corp" }]
//!
//! [client]
//! id = "service-a"
//! client_secret_basic = { file = "/run/secrets/service-a" }
//!
//! [exchange]
//! issuer = "https://idp.example.com/realms/corp"
//!
//! [[destinations]]
//! uri = "https://stock.corp.example"
//! audience = "service-b"
//!
//! [[rules]]
//! path = "/orders/{id}"
//! scopes = ["orders:read"]
//! ```
//!
//! The program that reads and serves it:
//!
//! ```no_run
//! # #[cfg(feature = "default-client")]
//! # mod server {
//! use axum::{Router, routing::get};
//! use obo::RequireLayer;
//! use obo_axum::Authenticated;
//! use obo_config::{Config, Settings, Setup};
//!
//! async fn order(Authenticated(caller): Authenticated) -> String {
//!     format!("an order of {}", caller.subject())
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Read the file as `Settings` first: errors then name their place and quote no secret.
//!     let file: Settings = toml::from_str(&std::fs::read_to_string("service.toml")?)?;
//!     let built = file.read::<Config>()?.build(&mut Setup::new())?;
//!     let auth = built.auth_layer();
//!     let mut app = Router::new().route("/orders/{id}", get(order));
//!     if let Some(rules) = built.rules {
//!         app = app.layer(RequireLayer::by_path(rules));
//!     }
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     axum::serve(listener, app.layer(auth)).await?;
//!     Ok(())
//! }
//! # }
//! ```
//!
//! `built.exchange` and `built.destinations` make the client for calls on behalf of the caller:
//! [`TokenExchange::to_destinations`](obo::TokenExchange::to_destinations).
//!
//! # Where to go next
//!
//! | for | see |
//! | --- | --- |
//! | all keys with units and defaults | `docs/guides/configuration-file.md` in the repository |
//! | the keys of one part | the types of the fields of [`Config`] |
//! | one part in a file of your own | a field of that type, and its `build` method |
//! | your own HTTP client, profiles, dialects and client authentication methods | [`Setup`] |
//! | secrets in files and environment variables | [`SecretConfig`] |
//! | errors without secrets | [`Settings`], [`unquoted`] |
//! | a new file while the service runs | [`Live`] |
//! | replicas that share tokens and logouts | [`SharedConfig`], [`ReceiverConfig`] |
//! | tokens that are bound to a key or a certificate | [`BindingConfig`] |
//!
//! # Features
//!
//! | feature | default | what |
//! | --- | --- | --- |
//! | `default-client` | yes | an HTTP client; without it, give one to [`Setup::with_http`] |
//! | `redis` | no | the key `redis` of [`SharedConfig`]: a store on Redis or Valkey |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod audit;
mod binding;
mod client;
mod client_auth;
mod config;
mod destination;
mod dialect;
mod exchange;
mod form;
mod interned;
mod introspection;
mod live;
mod named_dialect;
mod names;
mod profile;
mod protected_resource;
mod receiver;
mod resource_server;
mod rules;
mod secret;
mod settings;
mod setup;
mod shared;

pub use audit::AuditConfig;
pub use binding::BindingConfig;
pub use client::ClientConfig;
pub use config::{Built, Config};
pub use destination::{DestinationConfig, DestinationsConfig};
pub use exchange::ExchangeConfig;
pub use form::Span;
pub use live::Live;
pub use protected_resource::ProtectedResourceConfig;
pub use receiver::{Receiver, ReceiverConfig, Receivers, ReceiversConfig};
pub use resource_server::ResourceServerConfig;
pub use rules::{RuleConfig, RulesConfig};
pub use secret::SecretConfig;
pub use settings::{Settings, unquoted};
pub use setup::Setup;
pub use shared::SharedConfig;
