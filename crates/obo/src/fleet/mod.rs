//! What the replicas of a service share: exchanged tokens, logouts, and identifiers used once.
//!
//! A [`Fleet`] is given to a [`ResourceServer`](crate::ResourceServer) and a
//! [`TokenExchange`](crate::TokenExchange). Without one, a process knows nothing of the others.
//!
//! The store is not trusted. All names in it are keyed digests, and all values are encrypted and
//! bound to their names. See [`KeyRing`].
//!
//! When the store fails:
//!
//! 1. Tokens in the process are used as before. Others are exchanged, as without a store.
//! 2. Logouts that this process knows stay in force. A [strict](FleetBuilder::strict) fleet refuses
//!    requests when it has heard nothing for the set time.
//!    Logouts that no key of the ring opens count as silence. Logouts that the store has lost are
//!    written again by the processes that know them.
//! 3. A new logout and an identifier used once are refused, so that the sender tries again.
//!
//! For a store of your own, implement [`Store`].

mod builder;
mod finding;
mod handle;
mod heard;
mod in_process;
mod link;
mod listen;
mod marks;
mod owed;
mod replays;
mod ring;
mod ring_files;
mod store;
mod tokens;

pub use builder::FleetBuilder;
pub use finding::{Finding, FindingState};
pub use handle::Fleet;
pub(crate) use handle::{Standing, TakenOnce};
pub use in_process::InProcess;
pub use ring_files::{RingFiles, RingSource};
pub use store::{Announce, Page, Store, StoreError, StoreFuture};
pub(crate) use tokens::{Lease, Shared};

#[doc(no_inline)]
pub use obo_core::fleet::{KeyRing, Revoked, RingKey, StoreKey};
