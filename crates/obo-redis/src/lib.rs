//! Redis and Valkey as the store that all replicas of a service share.
//!
//! With it, a replica uses tokens that another one has exchanged, and a logout reaches all of them.
//! `obo::fleet` says what is shared and how it is protected; this crate carries it.
//!
//! # A service with several replicas
//!
//! ```no_run
//! use axum::{Router, extract::State, routing::get};
//! use http::Request;
//! use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
//! use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
//! use hyper_util::rt::TokioExecutor;
//! use obo::fleet::{Fleet, RingFiles};
//! use obo::{
//!     BearerAuthLayer, Client, ClientSecretBasic, OnBehalfOf, ResourceServer, TokenExchange,
//! };
//! use obo_axum::Authenticated;
//! use obo_redis::RedisStore;
//! use tower::{Layer, ServiceExt};
//!
//! type Stock = OnBehalfOf<HttpClient<HttpsConnector<HttpConnector>, String>>;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     // Such as `rediss://service-a:password@redis.corp.example:6379/0`.
//!     let store = RedisStore::new(&std::env::var("REDIS_URL")?)?;
//!     let ring = RingFiles::new([("k1", "/run/secrets/ring-k1")]);
//!     let fleet = Fleet::builder().store(store, ring).build()?;
//!     match fleet.start().await {
//!         Err(error) if error.is_of_setup() => return Err(error.into()),
//!         // A service works without the store, and uses it when it is back.
//!         _ => {}
//!     }
//!
//!     let issuer = "https://idp.example.com/realms/corp";
//!     let server = ResourceServer::builder("service-a").trust(issuer);
//!     let server = server.fleet(fleet.clone()).build()?;
//!     let client = Client::new("service-a", ClientSecretBasic::from_file("client-secret"));
//!     let exchange = TokenExchange::builder(issuer, client).fleet(fleet).build()?;
//!
//!     let https = HttpsConnectorBuilder::new().with_native_roots()?;
//!     let https = https.https_only().enable_http1().build();
//!     let http = HttpClient::builder(TokioExecutor::new()).build(https);
//!     let stock: Stock = exchange.to("https://stock.corp.example", "service-b")?.layer(http);
//!     let app = Router::new()
//!         .route("/level", get(level))
//!         .with_state(stock)
//!         .layer(BearerAuthLayer::new(server));
//!     let listener = tokio::net::TcpListener::bind("0.0.0.0:3000").await?;
//!     axum::serve(listener, app).await?;
//!     Ok(())
//! }
//!
//! async fn level(
//!     Authenticated(caller): Authenticated,
//!     State(stock): State<Stock>,
//! ) -> Result<String, obo_axum::Error> {
//!     let request = Request::get("https://stock.corp.example/level").body(String::new())?;
//!     let response = stock.on_behalf_of(&caller).oneshot(request).await?;
//!     Ok(format!("the stock service says {}", response.status()))
//! }
//! ```
//!
//! # The store
//!
//! | it is | build it with |
//! | --- | --- |
//! | one server, or an address that leads to the primary | [`RedisStore::new`] |
//! | a cluster | [`RedisStore::cluster`] |
//! | behind Sentinel | [`RedisStore::from_clients`] |
//! | reached with own settings | [`RedisStore::from_client`], [`RedisStore::from_cluster`] |
//!
//! Redis 7 or later, or Valkey. Nothing has to be installed in it. All names start with `obo:1:`
//! and end by themselves, so other programs may use the same server. A policy such as
//! `volatile-lru` evicts entries when it is full, also used identifiers and logouts; `noeviction`
//! refuses new ones instead, and the service responds to a logout with 503.
//!
//! Its user needs no more than these rights, which a test checks:
//!
//! ```text
//! ACL SETUSER obo on >password ~obo:* &obo:* -@all +auth +hello +select +cluster|slots
//!   +get +mget +set +del +exists +type +pttl +pexpire +time +evalsha +eval +xadd +xrange
//!   +publish +spublish +subscribe +ssubscribe
//! ```
//!
//! [`RedisStore::examine`](obo::fleet::Store::examine) lists the rights that are missing. It also
//! says whether the server may evict or lose logouts, if its user may run `CONFIG GET`
//! (`+config|get`) or `INFO`.
//!
//! Redis copies to its replicas after it has responded. A failover may lose what was written in the
//! last moments: a token is exchanged again, a process that starts later does not know that logout,
//! and an identifier may be used twice.
//!
//! # When it fails
//!
//! A command uses the one connection that all commands share. If that is closed, or has not
//! responded for half a second, the next command connects again. A caller may stop waiting at any
//! time: a late response is discarded. A cluster has one connection for each node, and a node that
//! hangs leaves the others alone.
//!
//! Errors name the address and the kind, such as "the shared store at redis.example:6379 is out of
//! memory". They quote no value, no user and no password. What someone must correct, such as a
//! wrong password, a port of another protocol or a missing right, is an error [of the
//! set-up](obo::fleet::StoreError::is_of_setup). A store that is away is not.
//!
//! # Features
//!
//! | feature | default | adds |
//! | --- | --- | --- |
//! | `tls` | yes | `rediss://`: TLS by rustls, with the CAs of the system or of a file |
//!
//! # Where to go next
//!
//! The guide `run-a-fleet` in `docs/guides` of the repository: set-up, logouts, key rotation,
//! metrics.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod connection;
mod examine;
mod line;
mod log;
mod other_protocol;
mod problem;
mod script;
mod source;
mod store;
mod watch;

pub use store::RedisStore;
