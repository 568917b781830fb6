//! The keys of the conformance tests.

use std::sync::LazyLock;

pub(crate) use obo_test_support::{Signer, base64url as b64};

/// The keys the issuer publishes, each under its own `kid`.
pub(crate) static RSA: LazyLock<Signer> = LazyLock::new(|| Signer::rsa("rsa"));
pub(crate) static P256: LazyLock<Signer> = LazyLock::new(|| Signer::p256("p256"));
pub(crate) static P384: LazyLock<Signer> = LazyLock::new(|| Signer::p384("p384"));
pub(crate) static ED25519: LazyLock<Signer> = LazyLock::new(|| Signer::ed25519("ed25519"));
/// Unpublished keys, under published `kid`s.
pub(crate) static FORGER: LazyLock<Signer> = LazyLock::new(|| Signer::p256("p256"));
