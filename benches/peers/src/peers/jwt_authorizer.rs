use std::convert::Infallible;
use std::time::Duration;

use axum_07::Router;
use axum_07::body::Body;
use axum_07::routing::any;
use http::{Request, Response};
use jsonwebtoken_09::Algorithm;
use jwt_authorizer::layer::AuthorizationLayer;
use jwt_authorizer::{
    IntoLayer as _, JwtAuthorizer, JwtClaims, Refresh, RefreshStrategy, Validation,
};
use obo_testkit::TestAlg;
use serde::Deserialize;
use tonic_012::body::{BoxBody, empty_body};
use tower::ServiceExt as _;
use tower::util::BoxCloneSyncService;

use super::peer::{AUDIENCE, Built, Peer, SCOPE, Trust};
use crate::app::App;

pub(super) const PEER: Peer = Peer {
    name: "jwt-authorizer",
    crypto: "ring",
    setup: "`JwtAuthorizer::from_jwks_url`, `iss`, `aud`, `nbf`, one algorithm, a refresh for an unknown `kid` at most every 10 s (the number in its documentation; the default in the code is 600 s), scopes by `check`; it builds only with axum 0.7 and tonic 0.12",
    has_scopes: true,
    bare: App::bare_07,
    protect,
    protect_grpc,
    protect_bound: None,
};

#[derive(Clone, Deserialize)]
struct Claims {
    sub: String,
    scope: Option<String>,
}

impl Claims {
    fn has_scope(&self) -> bool {
        let scopes = self.scope.as_deref().unwrap_or_default();
        scopes.split(' ').any(|scope| scope == SCOPE)
    }
}

fn protect(trust: Trust) -> Built {
    Box::pin(async move {
        let router = Router::new().route("/orders", any(subject));
        Ok(App::Axum07(router.layer(layer(&trust).await?)))
    })
}

fn protect_grpc(trust: Trust) -> Built {
    Box::pin(async move {
        let inner = tower::service_fn(async |_: Request<Body>| {
            Ok::<_, Infallible>(Response::new(empty_body()))
        });
        let service = tower::Layer::layer(&layer(&trust).await?, inner);
        let service = service
            .map_request(|request: Request<()>| request.map(|()| Body::empty()))
            .map_response(|response: Response<BoxBody>| response.map(drop));
        Ok(App::Grpc(BoxCloneSyncService::new(service)))
    })
}

async fn layer(trust: &Trust) -> Result<AuthorizationLayer<Claims>, String> {
    let algorithm = match trust.alg {
        TestAlg::Rs256 => Algorithm::RS256,
        _ => Algorithm::ES256,
    };
    let validation = Validation::new()
        .iss(&[&trust.issuer])
        .aud(&[AUDIENCE])
        .nbf(true)
        .algs(vec![algorithm]);
    let refresh = Refresh {
        strategy: RefreshStrategy::KeyNotFound,
        refresh_interval: Duration::from_secs(10),
        retry_interval: Duration::from_secs(10),
    };
    let mut authorizer = JwtAuthorizer::<Claims>::from_jwks_url(&trust.jwks_uri)
        .validation(validation)
        .refresh(refresh);
    if trust.scoped {
        authorizer = authorizer.check(Claims::has_scope);
    }
    let authorizer = authorizer.build().await.map_err(|e| e.to_string())?;
    Ok(authorizer.into_layer())
}

async fn subject(JwtClaims(claims): JwtClaims<Claims>) {
    std::hint::black_box(claims.sub.len());
}
