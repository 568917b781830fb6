use axum::Router;
use axum::routing::any;
use obo::binding::BoundTokens;
use obo::policy::Algorithm;
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule};
use obo_axum::Authenticated;
use obo_testkit::TestAlg;

use super::peer::{AUDIENCE, BASE, Built, Peer, SCOPE, Trust};
use crate::app::App;

pub(super) const PEER: Peer = Peer {
    name: "obo",
    crypto: "aws-lc-rs",
    setup: "`BearerAuthLayer` of a `ResourceServer`, by discovery, one algorithm",
    has_scopes: true,
    bare: App::bare_08,
    protect,
    protect_grpc: protect,
    protect_bound: Some(protect_bound),
};

fn protect(trust: Trust) -> Built {
    built(&trust, None)
}

/// Used proofs are recorded in the process.
fn protect_bound(trust: Trust) -> Built {
    built(&trust, Some(BoundTokens::new().dpop(BASE)))
}

fn built(trust: &Trust, bound: Option<BoundTokens>) -> Built {
    let app = router(trust, bound).map(App::Axum08);
    Box::pin(async { app.map_err(|e| e.to_string()) })
}

fn router(trust: &Trust, bound: Option<BoundTokens>) -> Result<Router, ConfigError> {
    let algorithm = match trust.alg {
        TestAlg::Rs256 => Algorithm::Rs256,
        _ => Algorithm::Es256,
    };
    let issuer = obo::Trust::new(trust.issuer.as_str()).algorithms([algorithm]);
    let mut server = ResourceServer::builder(AUDIENCE).trust(issuer);
    if let Some(bound) = bound {
        server = server.bound_tokens(bound);
    }
    let server = server.build()?;
    let mut app = Router::new().route("/orders", any(subject));
    if trust.scoped {
        app = app.route_layer(RequireLayer::new(Rule::scopes([SCOPE]))?);
    }
    Ok(app.layer(BearerAuthLayer::new(server)))
}

async fn subject(Authenticated(caller): Authenticated) {
    std::hint::black_box(caller.subject().len());
}
