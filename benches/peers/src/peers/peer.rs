use std::pin::Pin;

use obo_testkit::{TestAlg, TestIdp};

use super::{huskarl, jwt_authorizer, oauth_resource_server, obo, tower_oauth2};
use crate::app::App;

/// The audience of the protected service.
pub(crate) const AUDIENCE: &str = "service-a";
/// The URL under which clients call the protected service.
pub(crate) const BASE: &str = "https://orders.example.com";
/// The scope that [`Trust::scoped`] requires.
pub(crate) const SCOPE: &str = "orders:read";

/// The issuer that the service trusts, and its requirements.
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

/// A library, and functions that protect a service with it.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// The library that verifies signatures.
    pub(crate) crypto: &'static str,
    /// A description of `protect` for the page.
    pub(crate) setup: &'static str,
    /// Whether the library checks scopes.
    pub(crate) has_scopes: bool,
    /// The same service without the library.
    pub(crate) bare: fn() -> App,
    pub(crate) protect: fn(Trust) -> Built,
    /// The same as `protect`, for a gRPC service.
    pub(crate) protect_grpc: fn(Trust) -> Built,
    /// The same as `protect`, for tokens that are bound to a key (DPoP), with proofs that are used
    /// once; `None` if the library cannot do that.
    pub(crate) protect_bound: Option<fn(Trust) -> Built>,
}

/// All peers; `obo` comes first.
pub(crate) fn all() -> [Peer; 5] {
    [
        obo::PEER,
        huskarl::PEER,
        oauth_resource_server::PEER,
        jwt_authorizer::PEER,
        tower_oauth2::PEER,
    ]
}
