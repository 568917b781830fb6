//! Nothing but a place for tests that need several of the crates: see `tests/`.
