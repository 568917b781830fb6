//! Tokens that are bound to a key (RFC 9449) or to a certificate (RFC 8705): what the sender of a
//! request has to prove.

mod check;
mod connection;
mod offered;
mod proxies;
mod settings;

pub(crate) use check::{BoundCheck, Presented, used};
pub use connection::{ClientCertificate, OriginalTarget, PeerAddress};
pub(super) use offered::Schemes;
pub use settings::BoundTokens;
