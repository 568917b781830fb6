//! What the examples share: the generated stock service, services to call, and the chain.

pub mod chain;
mod services;
pub mod tls_server;

pub use services::{
    Http, StockService, caller, grpc_service_b, http, send, serve, service_b, text,
};

/// The gRPC service that ServiceB offers, generated from `proto/stock.proto`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod stock {
    tonic::include_proto!("stock");
}

/// Compiles the snippets of each page, under a name that a failure shows.
#[cfg(doctest)]
macro_rules! pages {
    ($($name:ident = $page:literal,)*) => {
        $(
            #[doc = include_str!($page)]
            pub struct $name;
        )*
    };
}

/// Compiles the snippets of the README files.
#[cfg(doctest)]
pub mod readmes {
    pages! {
        Readme = "../../README.md",
        Obo = "../../crates/obo/README.md",
        OboAxum = "../../crates/obo-axum/README.md",
        OboTonic = "../../crates/obo-tonic/README.md",
        OboConfig = "../../crates/obo-config/README.md",
        OboGateway = "../../crates/obo-gateway/README.md",
        OboAudit = "../../crates/obo-audit/README.md",
        OboRedis = "../../crates/obo-redis/README.md",
        OboTestkit = "../../crates/obo-testkit/README.md",
    }
}

/// Compiles the guides' snippets.
#[cfg(doctest)]
pub mod guides {
    pages! {
        AuditRecords = "../../docs/audit-records.md",
        BackgroundWork = "../../docs/guides/background-work.md",
        BoundTokens = "../../docs/guides/bound-tokens.md",
        CallOnBehalfOfAUser = "../../docs/guides/call-on-behalf-of-a-user.md",
        ConfigurationFile = "../../docs/guides/configuration-file.md",
        ConfigurePerAuthorizationServer = "../../docs/guides/configure-per-authorization-server.md",
        Introspection = "../../docs/guides/introspection.md",
        LayerOrder = "../../docs/guides/layer-order.md",
        LocalDevelopment = "../../docs/guides/local-development.md",
        Migrating = "../../docs/guides/migrating.md",
        Operations = "../../docs/guides/operations.md",
        ProtectAnApi = "../../docs/guides/protect-an-api.md",
        RunAFleet = "../../docs/guides/run-a-fleet.md",
        TestWithTheTestkit = "../../docs/guides/test-with-the-testkit.md",
    }

    /// One page per authorization server.
    pub mod authorization_servers {
        pages! {
            Auth0 = "../../docs/guides/authorization-servers/auth0.md",
            Authentik = "../../docs/guides/authorization-servers/authentik.md",
            Cognito = "../../docs/guides/authorization-servers/cognito.md",
            EntraId = "../../docs/guides/authorization-servers/entra-id.md",
            Google = "../../docs/guides/authorization-servers/google.md",
            Keycloak = "../../docs/guides/authorization-servers/keycloak.md",
            Okta = "../../docs/guides/authorization-servers/okta.md",
            Other = "../../docs/guides/authorization-servers/other.md",
            PingFederate = "../../docs/guides/authorization-servers/ping-federate.md",
            Tokendings = "../../docs/guides/authorization-servers/tokendings.md",
            Wso2 = "../../docs/guides/authorization-servers/wso2.md",
            Zitadel = "../../docs/guides/authorization-servers/zitadel.md",
        }
    }
}

/// The error of an example's `main`.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;
