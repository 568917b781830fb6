//! Audit records of services that use `obo`: who did what for which user, and what was refused.
//!
//! Each service writes its records as lines of JSON. From the lines of all services this crate
//! makes chains: one request of a user, with all the requests that it caused.
//!
//! A service writes records with a layer of `tracing_subscriber`, [`JsonLines`]. A program that
//! shows the chains of some logs:
//!
//! ```
//! use std::fs::File;
//! use std::io::BufReader;
//!
//! use obo_audit::{Log, Tree, join, page};
//!
//! fn main() -> std::io::Result<()> {
//!     let mut log = Log::default();
//!     for path in std::env::args().skip(1) {
//!         log.read(&path, BufReader::new(File::open(&path)?));
//!     }
//!     for problem in &log.problems {
//!         eprintln!("{problem}");
//!     }
//!     for note in &log.notes {
//!         eprintln!("{note}");
//!     }
//!     let chains = join(log.records);
//!     for chain in &chains {
//!         println!("{}", Tree::new(chain).width(100).colour(true));
//!     }
//!     std::fs::write(std::env::temp_dir().join("chains.html"), page::html(&chains))
//! }
//! ```
//!
//! ```text
//! 2026-11-29T12:00:00.000100Z  trace 4bf92f3577b34da6a3ce929d0e0e4731
//! ✓ gateway  GET /orders/42
//! │    subject alice  audience gateway
//! └─ ✓ orders  GET /orders/42  exchanged in 21.4 ms  +22.9 ms
//!    │    subject alice  actor gateway  audience orders
//!    └─ ✗ prices  GET /prices/tea  refused  cached  +31.9 ms
//!            insufficient_scope: required scopes: prices:read
//!            subject alice  actor orders (before: gateway)  audience prices
//! ```
//!
//! Records are joined by the identifiers of tokens, by traces, and by time. Logs may be in any
//! order, lines may occur twice, and clocks may differ by seconds. What the records lack is marked.
//!
//! # Where to go next
//!
//! The page `docs/audit-records.md` of the repository describes each field of a record, what joins
//! records, and which changes of the schema to expect. `docs/observability.md` has all other
//! events, and metrics.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod chain;
mod describe;
mod join;
mod json_lines;
pub mod page;
mod printable;
mod read;
mod record;
mod time;
mod tree;

pub use chain::{Chain, Gap, Hop, Obtained, Outcome};
pub use join::join;
pub use json_lines::JsonLines;
pub use read::{Log, Note, Problem};
pub use record::{
    Decision, Event, ObtainedToken, ReceivedRequest, Record, SCHEMA, Source, UnmadeCall,
};
pub use time::Time;
pub use tree::Tree;
