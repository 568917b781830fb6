//! What the examples share: the generated stock service, services to call, and the chain.

pub mod chain;
mod services;

pub use services::{
    Http, StockService, caller, grpc_service_b, http, send, serve, service_b, text,
};

/// The gRPC service that ServiceB offers, generated from `proto/stock.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod stock {
    tonic::include_proto!("stock");
}

/// Compiles the README's snippets.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

/// Compiles the snippets of the crates' README files.
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

/// Compiles the guides' snippets.
#[cfg(doctest)]
pub mod guides {
    #[doc = include_str!("../../docs/guides/background-work.md")]
    pub struct BackgroundWork;
    #[doc = include_str!("../../docs/guides/call-on-behalf-of-a-user.md")]
    pub struct CallOnBehalfOfAUser;
    #[doc = include_str!("../../docs/guides/configure-per-authorization-server.md")]
    pub struct ConfigurePerAuthorizationServer;
    #[doc = include_str!("../../docs/guides/introspection.md")]
    pub struct Introspection;
    #[doc = include_str!("../../docs/guides/layer-order.md")]
    pub struct LayerOrder;
    #[doc = include_str!("../../docs/guides/local-development.md")]
    pub struct LocalDevelopment;
    #[doc = include_str!("../../docs/guides/migrating.md")]
    pub struct Migrating;
    #[doc = include_str!("../../docs/guides/operations.md")]
    pub struct Operations;
    #[doc = include_str!("../../docs/guides/protect-an-api.md")]
    pub struct ProtectAnApi;
    #[doc = include_str!("../../docs/guides/test-with-the-testkit.md")]
    pub struct TestWithTheTestkit;

    /// One page per authorization server.
    pub mod authorization_servers {
        #[doc = include_str!("../../docs/guides/authorization-servers/auth0.md")]
        pub struct Auth0;
        #[doc = include_str!("../../docs/guides/authorization-servers/authentik.md")]
        pub struct Authentik;
        #[doc = include_str!("../../docs/guides/authorization-servers/cognito.md")]
        pub struct Cognito;
        #[doc = include_str!("../../docs/guides/authorization-servers/entra-id.md")]
        pub struct EntraId;
        #[doc = include_str!("../../docs/guides/authorization-servers/google.md")]
        pub struct Google;
        #[doc = include_str!("../../docs/guides/authorization-servers/keycloak.md")]
        pub struct Keycloak;
        #[doc = include_str!("../../docs/guides/authorization-servers/okta.md")]
        pub struct Okta;
        #[doc = include_str!("../../docs/guides/authorization-servers/other.md")]
        pub struct Other;
        #[doc = include_str!("../../docs/guides/authorization-servers/ping-federate.md")]
        pub struct PingFederate;
        #[doc = include_str!("../../docs/guides/authorization-servers/tokendings.md")]
        pub struct Tokendings;
        #[doc = include_str!("../../docs/guides/authorization-servers/wso2.md")]
        pub struct Wso2;
        #[doc = include_str!("../../docs/guides/authorization-servers/zitadel.md")]
        pub struct Zitadel;
    }
}

/// The error of an example's `main`.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
