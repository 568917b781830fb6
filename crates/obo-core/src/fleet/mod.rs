//! What replicas share: the names and the sealed values of a store that is not trusted.
//!
//! Everything in the store is named by a keyed digest, and is encrypted and authenticated under its
//! name. A reader of the store learns sizes and times. A writer can remove a value
//! or bring back an older one, but cannot make or move one.

mod exchanged;
mod introspected;
mod key_ring;
mod mark;
mod names;
mod sealed;

pub use exchanged::{ExchangeNames, SharedExchange, StoredToken};
pub use introspected::{IntrospectionNames, StoredIntrospection};
pub use key_ring::{KeyRing, RingKey};
pub use mark::{RevocationMark, Revoked};
pub use names::StoreKey;
pub use sealed::Unopened;
