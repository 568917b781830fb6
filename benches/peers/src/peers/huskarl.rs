use std::time::Duration;

use axum::Router;
use axum::routing::any;
use huskarl_axum::extractors::ValidatedToken;
use huskarl_axum::layers::ValidatorLayer;
use huskarl_axum::resource_server::core::jwk::{JwksSource, JwksStartup};
use huskarl_axum::resource_server::validator::rfc9068::{
    Rfc9068AccessTokenClaims, Rfc9068Validator,
};
use huskarl_reqwest::ReqwestClient;
use huskarl_reqwest::mtls::NoMtls;

use super::peer::{AUDIENCE, Built, Peer, SCOPE, Trust};
use crate::app::App;

pub(super) const PEER: Peer = Peer {
    name: "huskarl-axum",
    crypto: "RustCrypto",
    setup: "`ValidatorLayer` of an `Rfc9068Validator`, one algorithm, `JwksStartup::SeedEmpty` so that it starts without the server, keys cached for 5 min as in its guide (the default is 1 h)",
    has_scopes: true,
    bare: App::bare_08,
    protect,
    protect_grpc: protect,
};

fn protect(trust: Trust) -> Built {
    Box::pin(async move {
        let client = ReqwestClient::builder().mtls(NoMtls).build().await;
        let keys = JwksSource::builder()
            .http_client(client.map_err(|e| e.to_string())?)
            .startup(JwksStartup::SeedEmpty)
            .ttl(Duration::from_secs(300))
            .build();
        let jwks_uri = trust.jwks_uri.parse();
        let validator = Rfc9068Validator::builder()
            .issuer(trust.issuer)
            .audience(AUDIENCE)
            .allowed_signing_algorithms(vec![trust.alg.as_str().to_owned()])
            .jwks_uri(jwks_uri.map_err(|e| format!("{e}"))?)
            .jws_verifier_factory(keys)
            .build()
            .await
            .map_err(|e| e.to_string())?;
        let layer = ValidatorLayer::builder().validator(validator).build();
        let app = Router::new().route("/orders", any(subject));
        Ok(App::Axum08(match trust.scoped {
            true => app.layer(layer.require_scopes([SCOPE])),
            false => app.layer(layer.authenticated()),
        }))
    })
}

async fn subject(token: ValidatedToken<Rfc9068AccessTokenClaims>) {
    std::hint::black_box(token.sub.as_ref().map(String::len));
}
