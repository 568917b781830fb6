//! Configuration files for [`obo`]: what code can set, a file can set, as TOML, YAML, JSON or any other format that serde
//! reads.
//!
//! ```
//! use obo_config::{Config, Settings, Setup};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let file = r#"
//!     [resource_server]
//!     audiences = ["service-a"]
//!     issuers = [{ issuer = "https://idp.example.com/realms/corp" }]
//!
//!     [client]
//!     id = "service-a"
//!     private_key_jwt = { key = { env = "SERVICE_A_KEY" }, alg = "ES256" }
//!
//!     [exchange]
//!     issuer = "https://idp.example.com/realms/corp"
//!
//!     [[destinations]]
//!     uri = "https://stock.corp.example"
//!     audience = "service-b"
//!
//!     [[rules]]
//!     path = "/orders"
//!     scopes = ["orders:read"]
//! "#;
//! # let file = &file.replace("private_key_jwt = { key = { env = \"SERVICE_A_KEY\" }, alg = \"ES256\" }", "tls_client_auth = true");
//! let config: Config = toml::from_str::<Settings>(file)?.read()?;
//! let built = config.build(&mut Setup::new())?;
//! let auth = built.auth_layer();
//! # Ok(())
//! # }
//! ```
//!
//! Each part is a type of its own, so that a program can have it in its own file's type: [`ResourceServerConfig`],
//! [`ClientConfig`], [`ExchangeConfig`], [`DestinationsConfig`], [`RulesConfig`], [`ProtectedResourceConfig`]. Their pages list
//! the keys. A [`Setup`] has what no file can say, and the names of profiles, dialects and client authentication methods of
//! your own.
//!
//! - Unknown keys are rejected, and a mistake is a [`ConfigError`](obo::ConfigError) that names its place and quotes no secret.
//!   Read a file as [`Settings`] first. An error of the file's own syntax quotes its line; [`unquoted`] leaves the values out.
//! - A secret is best a file or a variable of the environment: `{ file = "…" }`, `{ env = "…" }`.
//! - [`Live`] replaces a service while it serves, [`Destinations::replace`](obo::Destinations::replace) where it calls.
#![cfg_attr(docsrs, feature(doc_cfg))]

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
mod names;
mod profile;
mod protected_resource;
mod resource_server;
mod rules;
mod secret;
mod settings;
mod setup;

pub use client::ClientConfig;
pub use config::{Built, Config};
pub use destination::{DestinationConfig, DestinationsConfig};
pub use exchange::ExchangeConfig;
pub use form::Span;
pub use live::Live;
pub use protected_resource::ProtectedResourceConfig;
pub use resource_server::ResourceServerConfig;
pub use rules::{RuleConfig, Rules, RulesConfig};
pub use secret::SecretConfig;
pub use settings::{Settings, unquoted};
pub use setup::Setup;
