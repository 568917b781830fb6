//! Mutual TLS (RFC 8705): the server binds tokens to the certificate of a service, and the next
//! service compares it with that of the connection.

use std::sync::{Arc, RwLock};

use http::Request;
use obo::binding::BoundTokens;
use obo::client::{ClientAuth, SelfSignedTlsClientAuth, TlsClientAuth};
use obo::destination::Target;
use obo::error::ExchangeErrorKind;
use obo::exchange::TokenSource;
use obo::{
    AuthorizationServer, Caller, Client, ClientSecretBasic, Destination, Resource, Scope,
    TokenExchange,
};
use reqwest::Body;
use serde_json::{Value, json};
use tower::{Layer as _, ServiceExt as _};

use super::{A, B, OPAQUE, bound_only, peer};
use crate::guarded::Guarded;
use crate::peer::{Peer, audience, http};
use crate::tls::{Authority, Identity, http_service, service};

/// Authenticates by a certificate of the authority.
const ISSUED: &str = "service-a.example";
/// Authenticates by a certificate of its own.
const SELF_SIGNED: &str = "self-signed.example";

struct World {
    authority: Authority,
    /// The server, over TLS without a client certificate.
    peer: Peer,
    issued: Identity,
    self_signed: Identity,
}

impl World {
    async fn start() -> Self {
        let authority = Authority::new();
        let (issued, self_signed) = (authority.issue(ISSUED), Identity::self_signed(SELF_SIGNED));
        let clients = json!({
            "ca": authority.pem(),
            "certificate": authority.issue("localhost").0,
            "issued": [ISSUED],
            "selfSigned": [[SELF_SIGNED, self_signed.0]],
        });
        let plain = peer();
        let started = http()
            .post(format!("{}/interop/mutual-tls", plain.issuer()))
            .body(clients.to_string());
        let started = started.send().await.unwrap().text().await.unwrap();
        let started: Value = serde_json::from_str(&started).unwrap();
        let (issuer, client) = (started["issuer"].as_str().unwrap(), authority.client(None));
        let server =
            AuthorizationServer::builder(issuer).with_http(http_service(move || client.clone()));
        Self {
            peer: plain.at(server.build().unwrap()),
            authority,
            issued,
            self_signed,
        }
    }

    /// An exchange whose client has this certificate, if any.
    fn exchange(
        &self,
        id: &str,
        auth: impl ClientAuth,
        identity: Option<&Identity>,
    ) -> TokenExchange {
        let client = self.authority.client(identity);
        let thumbprint = identity.map_or([0; 32], Identity::thumbprint);
        self.exchange_by(Client::new(id, auth), move || (client.clone(), thumbprint))
    }

    /// An exchange whose certificate is replaced while it runs.
    fn exchange_by(
        &self,
        client: Client,
        current: impl Fn() -> (reqwest::Client, [u8; 32]) + Clone + Send + Sync + 'static,
    ) -> TokenExchange {
        let thumbprint = current.clone();
        let server = AuthorizationServer::builder(self.peer.issuer().clone())
            .with_http(http_service(move || current().0));
        let exchange = TokenExchange::builder(server.build().unwrap(), client);
        let exchange = exchange.bound_to_certificate(move || thumbprint().1);
        // The service that receives an opaque token introspects it.
        exchange.danger_unchecked_binding().build().unwrap()
    }

    async fn caller(&self) -> Caller {
        let form = format!("grant_type=urn:obo:interop:sign-in&sub=alice&resource={A}");
        let client = self.authority.client(None);
        let response = client
            .post(format!("{}/token", self.peer.issuer()))
            .basic_auth("web-app", Some(self.peer.secret("web-app")))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let response = response.send().await.unwrap().text().await.unwrap();
        let response: Value = serde_json::from_str(&response).unwrap();
        let token = response["access_token"].as_str().unwrap();
        self.peer.service(A).validate(token).await.unwrap()
    }

    /// A service that accepts tokens that are bound to a certificate, opaque ones too.
    async fn guarded(&self, audience: &str) -> Guarded {
        let server = bound_only(&self.peer, audience, BoundTokens::new().certificates());
        let known = [self.self_signed.clone()];
        Guarded::start_tls(server, &self.authority, &known).await
    }

    /// Calls a service on behalf of a caller, and returns the status of the response.
    async fn call(
        &self,
        exchange: &TokenExchange,
        at: &Guarded,
        target: impl Into<Target>,
        caller: &Caller,
        identity: &Identity,
    ) -> u16 {
        let destination = Destination::new(&at.url, target.into()).unwrap();
        let layer = exchange.to_destination(destination).unwrap();
        let client = layer.layer(service(self.authority.client(Some(identity))));
        let request = Request::get(format!("{}/orders", at.url)).body(Body::default());
        let response = client.on_behalf_of(caller).oneshot(request.unwrap()).await;
        response.unwrap().status().as_u16()
    }
}

/// MT-01, MT-02, MT-06, MT-07, MT-08
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn stolen_token_is_useless() {
    let world = World::start().await;
    let thief = world.authority.issue("thief.example");
    let caller = world.caller().await;
    let by_issued = world.exchange(ISSUED, TlsClientAuth, Some(&world.issued));
    let identity = Some(&world.self_signed);
    let by_self_signed = world.exchange(SELF_SIGNED, SelfSignedTlsClientAuth, identity);
    for (id, exchange, own) in [
        (ISSUED, by_issued, &world.issued),
        (SELF_SIGNED, by_self_signed, &world.self_signed),
    ] {
        for target in [B, OPAQUE] {
            let at = world.guarded(target).await;
            let target = audience(target);
            let status = world.call(&exchange, &at, target.clone(), &caller, own);
            assert_eq!(status.await, 200);
            let seen = at.caller();
            assert_eq!(seen.subject(), "alice");
            assert_eq!(seen.current_actor().unwrap().subject(), id);
            assert_eq!(seen.binding().certificate, Some(own.thumbprint()));

            let token = exchange.token(&caller, target).await.unwrap();
            assert_eq!(token.source(), TokenSource::Cache);
            let bearer = format!("Bearer {}", token.token().expose());
            for (identity, status) in [(Some(own), 200), (Some(&thief), 401), (None, 401)] {
                let client = world.authority.client(identity);
                let headers = [("authorization", &*bearer)];
                let (got, challenges) = at.get_by(&client, "/orders", &headers).await;
                assert_eq!(got, status);
                let expected = r#"Bearer error="invalid_token""#;
                assert_eq!(challenges.contains(expected), status == 401, "{challenges}");
            }
        }
    }
}

/// MT-01
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn own_token_is_bound_too() {
    let world = World::start().await;
    let exchange = world.exchange(ISSUED, TlsClientAuth, Some(&world.issued));
    let target = Target::resource(Resource::new(B).unwrap());
    let target = target.with_scope(Scope::new(["b:read"]).unwrap());
    let at = world.guarded(B).await;
    let layer = exchange.app_only_to_destination(Destination::new(&at.url, target).unwrap());
    let client = service(world.authority.client(Some(&world.issued)));
    let request = Request::get(format!("{}/", at.url)).body(Body::default());
    let response = layer.unwrap().layer(client).oneshot(request.unwrap()).await;
    assert_eq!(response.unwrap().status(), 200);
    assert_eq!(at.caller().subject(), ISSUED);
    let bound = at.caller().binding().certificate;
    assert_eq!(bound, Some(world.issued.thumbprint()));
}

/// MT-08
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn new_certificate_has_new_token() {
    let world = World::start().await;
    let (at, caller) = (world.guarded(B).await, world.caller().await);
    let present = |identity: &Identity| {
        let client = world.authority.client(Some(identity));
        (client, identity.thumbprint())
    };
    let current = Arc::new(RwLock::new(present(&world.issued)));
    let now = Arc::clone(&current);
    let client = Client::new(ISSUED, TlsClientAuth);
    let exchange = world.exchange_by(client, move || now.read().unwrap().clone());
    for identity in [world.issued.clone(), world.authority.issue(ISSUED)] {
        *current.write().unwrap() = present(&identity);
        let status = world.call(&exchange, &at, audience(B), &caller, &identity);
        assert_eq!(status.await, 200);
        let bound = at.caller().binding().certificate;
        assert_eq!(bound, Some(identity.thumbprint()));
    }
}

/// MT-06
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn other_certificate_is_no_client() {
    let world = World::start().await;
    let caller = world.caller().await;
    let thief = world.authority.issue("thief.example");
    let forged = Identity::self_signed(ISSUED);
    for identity in [Some(&thief), Some(&forged), None] {
        for exchange in [
            world.exchange(ISSUED, TlsClientAuth, identity),
            world.exchange(SELF_SIGNED, SelfSignedTlsClientAuth, identity),
        ] {
            let refused = exchange.token(&caller, audience(B)).await.unwrap_err();
            assert_eq!(
                refused.kind(),
                ExchangeErrorKind::ClientMisconfigured,
                "{refused}"
            );
            assert_eq!(refused.oauth_code(), Some("invalid_client"));
        }
    }
}

/// MT-07, MT-08
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn client_with_secret_is_bound_too() {
    let world = World::start().await;
    let (at, caller) = (world.guarded(B).await, world.caller().await);
    let secret = ClientSecretBasic::new(world.peer.secret("service-a"));
    let exchange = world.exchange("by-secret", secret, Some(&world.issued));
    let status = world.call(&exchange, &at, audience(B), &caller, &world.issued);
    assert_eq!(status.await, 200);
    let bound = at.caller().binding().certificate;
    assert_eq!(bound, Some(world.issued.thumbprint()));
}

/// MT-08
#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn unbound_token_is_refused() {
    let world = World::start().await;
    let caller = world.caller().await;
    // The registration of this client does not bind its tokens.
    let secret = ClientSecretBasic::new(world.peer.secret("service-a"));
    let exchange = world.exchange("service-a", secret, Some(&world.issued));
    let refused = exchange.token(&caller, audience(B)).await.unwrap_err();
    assert_eq!(
        refused.kind(),
        ExchangeErrorKind::ResponseUnusable,
        "{refused}"
    );
}
