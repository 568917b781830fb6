use axum::Router;
use axum::routing::any;
use obo::policy::Algorithm;
use obo::{BearerAuthLayer, ConfigError, RequireLayer, ResourceServer, Rule};
use obo_axum::Authenticated;
use obo_testkit::TestAlg;

use super::peer::{AUDIENCE, Built, Peer, SCOPE, Trust};
use crate::app::App;

pub(super) const PEER: Peer = Peer {
    name: "obo",
    crypto: "aws-lc-rs",
    setup: "`BearerAuthLayer` of a `ResourceServer`, by discovery, one algorithm",
    has_scopes: true,
    bare: App::bare_08,
    protect,
    protect_grpc: protect,
};

fn protect(trust: Trust) -> Built {
    Box::pin(async move { router(&trust).map(App::Axum08).map_err(|e| e.to_string()) })
}

fn router(trust: &Trust) -> Result<Router, ConfigError> {
    let algorithm = match trust.alg {
        TestAlg::Rs256 => Algorithm::Rs256,
        _ => Algorithm::Es256,
    };
    let issuer = obo::Trust::new(trust.issuer.as_str()).algorithms([algorithm]);
    let server = ResourceServer::builder(AUDIENCE).trust(issuer).build()?;
    let mut app = Router::new().route("/orders", any(subject));
    if trust.scoped {
        app = app.route_layer(RequireLayer::new(Rule::scopes([SCOPE]))?);
    }
    Ok(app.layer(BearerAuthLayer::new(server)))
}

async fn subject(Authenticated(caller): Authenticated) {
    std::hint::black_box(caller.subject().len());
}
