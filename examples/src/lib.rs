//! Shared by the examples: the generated stock service, and the chain of three services of
//! `bin/chain.rs`.

pub mod chain;

/// The gRPC service that ServiceB offers, generated from `proto/stock.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod stock {
    tonic::include_proto!("stock");
}

/// Compiles the README's snippets.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// Compiles the guides' snippets.
#[cfg(doctest)]
pub mod guides {
    #[doc = include_str!("../../docs/guides/protect-an-api.md")]
    pub struct ProtectAnApi;
    #[doc = include_str!("../../docs/guides/ask-the-issuer.md")]
    pub struct AskTheIssuer;
    #[doc = include_str!("../../docs/guides/call-on-behalf-of-a-user.md")]
    pub struct CallOnBehalfOfAUser;
    #[doc = include_str!("../../docs/guides/test-with-the-testkit.md")]
    pub struct TestWithTheTestkit;
    #[doc = include_str!("../../docs/guides/configure-per-authorization-server.md")]
    pub struct ConfigurePerAuthorizationServer;
}

/// The error of an example's `main`.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
