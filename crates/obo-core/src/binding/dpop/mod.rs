//! DPoP (RFC 9449): proofs of possession of a key.

mod base_url;
mod error;
mod key;
mod nonce;
mod proof;

pub use base_url::BaseUrl;
pub use error::ProofError;
pub use key::{NewProof, ProofKey, PublicProofKey};
pub use nonce::NonceKeys;
pub use proof::{Proof, ProofHeader, ProofRequest, VerifiedProof};
