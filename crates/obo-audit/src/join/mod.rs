//! Joins the records of many services into chains.
//!
//! 1. Records are sorted by time, and duplicates are removed. So the order of logs does not matter.
//! 2. A refusal further inside of a service is joined with the record that allowed the request.
//! 3. A token, or a call that was not made, belongs to the request whose token it names: the one of
//!    the same trace, or else the latest one before it.
//! 4. A request belongs to the token that it was made with. A cached token serves many requests:
//!    the trace decides between them, or else the time.
//! 5. A request that was refused before its token was known belongs to a token of its trace that no
//!    other request was made with. So does a request with an opaque token that has a `jti` by
//!    introspection only.
//! 6. A token that a call did not use, next to a cached one for the same target, was renewed in the
//!    background. It is left out.
//! 7. Circles, which only forged records have, and chains that are too deep are cut.
//!
//! No step takes longer than sorting, not even with forged records.

mod build;
mod links;
mod node;
mod tokens;

use crate::chain::Chain;
use crate::record::Record;

/// Joins records into chains, in the order of time. Neither the order of the records nor duplicates
/// change the result.
#[must_use]
pub fn join(mut records: Vec<Record>) -> Vec<Chain> {
    records.sort_unstable();
    records.dedup();
    let links = links::find(&records);
    build::chains(records, links)
}
