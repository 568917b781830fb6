//! What the examples share: the generated stock service, and the chain of three services that `bin/chain.rs` walks.

pub mod chain;

/// The gRPC service that ServiceB offers, generated from `proto/stock.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod stock {
    tonic::include_proto!("stock");
}

/// The README's snippets, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// The snippets of the crates' README files, compiled.
#[cfg(doctest)]
pub mod readmes {
    #[doc = include_str!("../../crates/obo/README.md")]
    pub struct Obo;
    #[doc = include_str!("../../crates/obo-axum/README.md")]
    pub struct OboAxum;
    #[doc = include_str!("../../crates/obo-tonic/README.md")]
    pub struct OboTonic;
    #[doc = include_str!("../../crates/obo-config/README.md")]
    pub struct OboConfig;
    #[doc = include_str!("../../crates/obo-gateway/README.md")]
    pub struct OboGateway;
    #[doc = include_str!("../../crates/obo-testkit/README.md")]
    pub struct OboTestkit;
}

/// The guides' snippets, compiled.
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

/// What an example's `main` fails with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
