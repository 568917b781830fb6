use std::pin::Pin;

use obo_testkit::{TestAlg, TestIdp};

use super::{huskarl, jwt_authorizer, oauth_resource_server, obo, tower_oauth2};
use crate::app::App;

/// Who the protected service is.
pub(crate) const AUDIENCE: &str = "service-a";
/// What some of its routes require.
pub(crate) const SCOPE: &str = "orders:read";

/// Which issuer the service trusts, and what it requires.
#[derive(Clone)]
pub(crate) struct Trust {
    pub(crate) issuer: String,
    pub(crate) jwks_uri: String,
    pub(crate) alg: TestAlg,
    /// Whether `SCOPE` is required.
    pub(crate) scoped: bool,
}

impl Trust {
    pub(crate) fn new(idp: &TestIdp, alg: TestAlg) -> Self {
        Self {
            issuer: idp.issuer().to_owned(),
            jwks_uri: idp.jwks_uri(),
            alg,
            scoped: false,
        }
    }

    pub(crate) fn scoped(self) -> Self {
        Self {
            scoped: true,
            ..self
        }
    }
}

pub(crate) type Built = Pin<Box<dyn Future<Output = Result<App, String>>>>;

/// A library, and how a service is protected with it.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// What verifies its signatures.
    pub(crate) crypto: &'static str,
    /// How it was set up.
    pub(crate) setup: &'static str,
    /// Whether it checks scopes.
    pub(crate) has_scopes: bool,
    /// The same service without it.
    pub(crate) bare: fn() -> App,
    pub(crate) protect: fn(Trust) -> Built,
    /// The same for a gRPC service.
    pub(crate) protect_grpc: fn(Trust) -> Built,
}

/// Ours first.
pub(crate) fn all() -> [Peer; 5] {
    [
        obo::PEER,
        huskarl::PEER,
        oauth_resource_server::PEER,
        jwt_authorizer::PEER,
        tower_oauth2::PEER,
    ]
}
