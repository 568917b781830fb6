use axum::routing::any;
use axum::{Extension, Router};
use jsonwebtoken_11::Algorithm;
use obo_testkit::TestAlg;
use tower_oauth2_resource_server::claims::DefaultClaims;
use tower_oauth2_resource_server::error::StartupError;
use tower_oauth2_resource_server::server::OAuth2ResourceServer;
use tower_oauth2_resource_server::tenant::TenantConfiguration;
use tower_oauth2_resource_server::validation::ClaimsValidationSpec;

use super::peer::{AUDIENCE, Built, Peer, Trust};
use crate::app::App;

pub(super) const PEER: Peer = Peer {
    name: "tower-oauth2-resource-server",
    crypto: "aws-lc-rs (its default is RustCrypto)",
    setup: "`into_layer`, `jwks_url` so that it starts without the server, `iss`, `aud`, `exp`, one algorithm; `nbf` is not checked, because the check rejects tokens without `nbf`; it has no scopes",
    has_scopes: false,
    bare: App::bare_08,
    protect,
    protect_grpc: protect,
    protect_bound: None,
};

fn protect(trust: Trust) -> Built {
    Box::pin(async move {
        router(&trust)
            .await
            .map(App::Axum08)
            .map_err(|e| e.to_string())
    })
}

async fn router(trust: &Trust) -> Result<Router, StartupError> {
    let algorithm = match trust.alg {
        TestAlg::Rs256 => Algorithm::RS256,
        _ => Algorithm::ES256,
    };
    let claims = ClaimsValidationSpec::new()
        .iss(&trust.issuer)
        .aud(&vec![AUDIENCE.to_owned()])
        .exp(true);
    let tenant = TenantConfiguration::builder(&trust.issuer)
        .jwks_url(&trust.jwks_uri)
        .audiences(&[AUDIENCE])
        .claims_validation(claims)
        .allowed_algorithms(&[algorithm])
        .build()
        .await?;
    let server = <OAuth2ResourceServer>::builder()
        .add_tenant(tenant)
        .build()
        .await?;
    let app = Router::new().route("/orders", any(subject));
    Ok(app.layer(server.into_layer()))
}

async fn subject(Extension(claims): Extension<DefaultClaims>) {
    std::hint::black_box(claims.sub.as_ref().map(String::len));
}
