//! An authorization server of another project: its address, its clients, and both sides of `obo`
//! set up for it.

use std::env;
use std::time::Duration;

use obo::client::{ClientAuth, SigningKey};
use obo::exchange::Exchanged;
use obo::exchange::TokenExchangeBuilder;
use obo::policy::Algorithm;
use obo::{
    Audience, AuthorizationServer, Caller, Client, ClientSecretBasic, Introspection, Issuer,
    PrivateKeyJwt, Profile, Rejection, ResourceServer, Secret, TokenExchange, Trust,
};
use serde_json::Value;

pub(crate) struct Peer {
    document: Value,
    pub(crate) server: AuthorizationServer,
}

impl Peer {
    /// The server that `cargo xtask interop` started under this name.
    pub(crate) fn named(name: &str) -> Self {
        let variable = format!("OBO_INTEROP_{name}");
        let document = env::var(&variable)
            .unwrap_or_else(|_| panic!("{variable} is not set; run `cargo xtask interop`"));
        let document: Value = serde_json::from_str(&document).unwrap();
        let issuer = Issuer::new(document["issuer"].as_str().unwrap()).unwrap();
        let server = AuthorizationServer::from(issuer);
        Self { document, server }
    }

    /// The same clients at another server.
    pub(crate) fn at(&self, server: AuthorizationServer) -> Self {
        let document = self.document.clone();
        Self { document, server }
    }

    pub(crate) fn issuer(&self) -> &Issuer {
        self.server.issuer()
    }

    pub(crate) fn secret(&self, client: &str) -> &str {
        self.document["secrets"][client].as_str().unwrap()
    }

    pub(crate) fn basic(&self, client: &str) -> Client {
        let secret = ClientSecretBasic::new(self.secret(client));
        Client::new(client, secret)
    }

    /// `private_key_jwt` with the key that is registered at the server.
    pub(crate) fn key(&self) -> PrivateKeyJwt {
        let jwk = Secret::new(self.document["client_key"].to_string());
        PrivateKeyJwt::new(SigningKey::from_jwk(Algorithm::Es256, &jwk).unwrap())
    }

    pub(crate) fn exchange(&self, client: Client) -> TokenExchange {
        self.builder(client).build().unwrap()
    }

    /// The builder of that exchange, for other settings.
    pub(crate) fn builder(&self, client: Client) -> TokenExchangeBuilder {
        TokenExchange::builder(self.server.clone(), client)
    }

    pub(crate) fn exchange_as(&self, client: &str, auth: impl ClientAuth) -> TokenExchange {
        self.exchange(Client::new(client, auth))
    }

    /// A service that accepts RFC 9068 access tokens.
    pub(crate) fn service(&self, name: &str) -> ResourceServer {
        self.service_with(name, Profile::RFC9068)
    }

    pub(crate) fn service_with(&self, name: &str, profile: Profile) -> ResourceServer {
        let trust = Trust::new(self.server.clone()).profile(profile);
        let server = ResourceServer::builder(name).trust(trust);
        server.build().unwrap()
    }

    /// A service of this name that introspects tokens at the server.
    pub(crate) fn introspecting(&self, name: &str, introspection: Introspection) -> ResourceServer {
        let trust = Trust::new(self.server.clone()).profile(Profile::LENIENT);
        let server = ResourceServer::builder(name).trust(trust.introspect(introspection));
        server.build().unwrap()
    }

    /// Posts a form to a path of the server, as a client if one is named, and returns the JSON.
    pub(crate) async fn post(
        &self,
        path: &str,
        client: Option<&str>,
        form: &[(&str, &str)],
    ) -> Value {
        serde_json::from_str(&self.send(path, client, form, None).await).unwrap()
    }

    /// Revokes a token as the client that holds it.
    pub(crate) async fn revoke(&self, path: &str, client: &str, token: &str) {
        self.send(path, Some(client), &[("token", token)], None)
            .await;
    }

    /// The signed introspection response for a token, as the JWT that the server sent.
    pub(crate) async fn signed_answer(&self, path: &str, client: &str, token: &str) -> String {
        let form = [("token", token)];
        let accept = Some("application/token-introspection+jwt");
        self.send(path, Some(client), &form, accept).await
    }

    async fn send(
        &self,
        path: &str,
        client: Option<&str>,
        form: &[(&str, &str)],
        accept: Option<&str>,
    ) -> String {
        let url = format!("{}{path}", self.issuer());
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = http()
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", accept.unwrap_or("*/*"))
            .body(form);
        let request = match client {
            Some(client) => request.basic_auth(client, Some(self.secret(client))),
            None => request,
        };
        let response = request.send().await.unwrap();
        let (status, body) = (response.status(), response.text().await.unwrap());
        assert!(status.is_success(), "{url}: {status} {body}");
        body
    }
}

/// Without proxies and redirects, so that tests see the peer's responses unchanged.
pub(crate) fn http() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy();
    let client = client.redirect(reqwest::redirect::Policy::none());
    client.build().unwrap()
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

/// Validates the issued token at its audience.
pub(crate) async fn arrived(at: &ResourceServer, exchanged: &Exchanged) -> Caller {
    at.validate(exchanged.token().expose()).await.unwrap()
}

/// Introspects as this client, without a cache.
pub(crate) fn each_time(client: Client) -> Introspection {
    Introspection::new(client).max_age(Duration::ZERO)
}

/// The problem of a failed introspection.
pub(crate) fn unavailable(refused: Result<Caller, Rejection>) -> String {
    match refused {
        Err(Rejection::IntrospectionUnavailable { problem, .. }) => problem,
        other => panic!("introspection did not fail: {other:?}"),
    }
}

/// The error code of a rejected token, as in metrics.
pub(crate) fn code(refused: Result<Caller, Rejection>) -> &'static str {
    match refused {
        Err(Rejection::Token(error)) => error.code(),
        other => panic!("not a rejected token: {other:?}"),
    }
}
