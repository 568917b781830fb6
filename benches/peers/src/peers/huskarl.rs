use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::any;
use huskarl_axum::extractors::ValidatedToken;
use huskarl_axum::layers::ValidatorLayer;
use huskarl_axum::resource_server::core::Error;
use huskarl_axum::resource_server::core::jwk::{JwksSource, JwksStartup};
use huskarl_axum::resource_server::core::jwt::JtiUniquenessChecker;
use huskarl_axum::resource_server::core::platform::MaybeSendBoxFuture;
use huskarl_axum::resource_server::validator::rfc9068::{
    Rfc9068AccessTokenClaims, Rfc9068Validator,
};
use huskarl_reqwest::ReqwestClient;
use huskarl_reqwest::mtls::NoMtls;

use super::peer::{AUDIENCE, BASE, Built, Peer, SCOPE, Trust};
use crate::app::App;

pub(super) const PEER: Peer = Peer {
    name: "huskarl-axum",
    crypto: "RustCrypto",
    setup: "`ValidatorLayer` of an `Rfc9068Validator`, one algorithm, `JwksStartup::SeedEmpty` so that it starts without the server, keys cached for 5 min as in its guide (the default is 1 h)",
    has_scopes: true,
    bare: App::bare_08,
    protect,
    protect_grpc: protect,
    protect_bound: Some(protect_bound),
};

fn protect(trust: Trust) -> Built {
    built(trust, None)
}

fn protect_bound(trust: Trust) -> Built {
    built(trust, Some(Used::default()))
}

fn built(trust: Trust, used: Option<Used>) -> Built {
    Box::pin(async move {
        let client = ReqwestClient::builder().mtls(NoMtls).build().await;
        let keys = JwksSource::builder()
            .http_client(client.map_err(|e| e.to_string())?)
            .startup(JwksStartup::SeedEmpty)
            .ttl(Duration::from_secs(300))
            .build();
        let jwks_uri = trust.jwks_uri.parse();
        let accepts_proofs = used.is_some();
        let used = used.map(|used| Arc::new(used) as Arc<dyn JtiUniquenessChecker>);
        let validator = Rfc9068Validator::builder()
            .issuer(trust.issuer)
            .audience(AUDIENCE)
            .allowed_signing_algorithms(vec![trust.alg.as_str().to_owned()])
            .jwks_uri(jwks_uri.map_err(|e| format!("{e}"))?)
            .jws_verifier_factory(keys)
            .maybe_dpop_jti_checker(used)
            .build()
            .await
            .map_err(|e| e.to_string())?;
        let layer = ValidatorLayer::builder().validator(validator);
        let layer = match accepts_proofs {
            true => layer.base_url(BASE).map_err(|e| e.to_string())?.build(),
            false => layer.build(),
        };
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

/// The `jti` of used proofs. The library has only the trait for it.
#[derive(Debug, Default)]
struct Used(Mutex<HashSet<String>>);

impl JtiUniquenessChecker for Used {
    fn check_and_mark_seen(&self, jti: &str) -> MaybeSendBoxFuture<'_, Result<bool, Error>> {
        let is_new = self.0.lock().unwrap().insert(jti.to_owned());
        Box::pin(std::future::ready(Ok(!is_new)))
    }
}
