use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use obo::client::SigningKey;
use obo::policy::Algorithm;
use obo::{
    Audience, Client, Destination, Destinations, Introspection, Issuer, PrivateKeyJwt,
    ResourceServer, Secret, TokenExchange, Trust,
};
use obo_testkit::{TestAlg, TestIdp, TokenBuilder};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Channel;
use tower::Layer as _;

use super::{service_a, service_b, service_c};
use crate::BoxError;

/// The kind of access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// JWTs. Each service validates them with the keys of the authorization server.
    Jwts,
    /// Opaque tokens. Each service introspects them at the authorization server (RFC 7662).
    Opaque,
}

/// The authorization server and the three services, which run until this is dropped.
#[derive(Debug)]
pub struct Chain {
    /// The authorization server.
    pub idp: TestIdp,
    /// The address of ServiceA.
    pub a: SocketAddr,
    /// The address of ServiceB.
    pub b: SocketAddr,
    /// The address of ServiceC.
    pub c: SocketAddr,
    /// The resource server of ServiceA.
    pub server_of_a: ResourceServer,
    /// The token exchange of ServiceB.
    pub exchange_of_b: TokenExchange,
    tokens: Tokens,
    requests_to_c: Arc<AtomicUsize>,
    _servers: JoinSet<()>,
}

impl Chain {
    /// Starts everything on free ports, with JWTs.
    ///
    /// # Errors
    ///
    /// If a port cannot be bound, or the configuration is wrong.
    pub async fn start() -> Result<Self, BoxError> {
        Self::start_with(Tokens::Jwts).await
    }

    /// Starts everything with this kind of tokens.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_with(tokens: Tokens) -> Result<Self, BoxError> {
        let idp = TestIdp::start().await;
        idp.set_issues_opaque(tokens == Tokens::Opaque);
        let as_a = client(&idp, "service-a", Some("service-b"))?;
        let as_b = client(&idp, "service-b", Some("service-c"))?;
        let as_c = client(&idp, "service-c", None)?;
        let server_of_a = accepts(&idp, &as_a, tokens)?;
        let exchange_of_a = TokenExchange::builder(Issuer::new(idp.issuer())?, as_a).build()?;
        let exchange_of_b =
            TokenExchange::builder(Issuer::new(idp.issuer())?, as_b.clone()).build()?;
        let (a, b, c) = (listen().await?, listen().await?, listen().await?);
        let mut servers = JoinSet::new();

        let requests_to_c = Arc::new(AtomicUsize::new(0));
        let router = service_c(accepts(&idp, &as_c, tokens)?, Arc::clone(&requests_to_c))?;
        let at_c = c.local_addr()?;
        servers.spawn(async move { drop(axum::serve(c, router).await) });

        let ledger_uri = format!("http://{at_c}/ledger");
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        let ledger = Destination::new(&ledger_uri, Audience::new("service-c")?)?;
        let by_uri = exchange_of_b.to_destinations(Destinations::new([ledger.clone()])?);
        let stock = service_b(
            accepts(&idp, &as_b, tokens)?,
            by_uri.layer(http.clone()),
            ledger_uri.clone(),
        )?;
        let at_b = b.local_addr()?;
        servers.spawn(async move {
            drop(stock.serve_with_incoming(TcpListenerStream::new(b)).await);
        });

        let channel = Channel::from_shared(format!("http://{at_b}"))?.connect_lazy();
        let to_stock = exchange_of_a.to(&format!("http://{at_b}"), "service-b")?;
        let router = service_a(
            server_of_a.clone(),
            obo_tonic::channel(to_stock, channel),
            exchange_of_a.to_destination(ledger)?.layer(http),
            ledger_uri,
        )?;
        let at_a = a.local_addr()?;
        servers.spawn(async move { drop(axum::serve(a, router).await) });

        Ok(Self {
            idp,
            a: at_a,
            b: at_b,
            c: at_c,
            server_of_a,
            exchange_of_b,
            tokens,
            requests_to_c,
            _servers: servers,
        })
    }

    /// Issues a token for ServiceA to a user.
    pub fn token_of(&self, user: &str) -> String {
        let token = self.idp.user(user).audience("service-a");
        self.mint(&token.scope("orders:read"))
    }

    /// Issues a token of the kind that the services accept.
    pub fn mint(&self, token: &TokenBuilder) -> String {
        match self.tokens {
            Tokens::Jwts => token.mint(),
            Tokens::Opaque => token.mint_opaque(),
        }
    }

    /// How many requests have reached ServiceC.
    pub fn requests_to_c(&self) -> usize {
        self.requests_to_c.load(Ordering::SeqCst)
    }
}

/// The resource server of a service: it accepts our authorization server's tokens for this service.
fn accepts(idp: &TestIdp, client: &Client, tokens: Tokens) -> Result<ResourceServer, BoxError> {
    let trust = match tokens {
        Tokens::Jwts => Trust::new(idp.issuer()),
        Tokens::Opaque => Trust::new(idp.issuer()).introspect(Introspection::new(client.clone())),
    };
    let server = ResourceServer::builder(client.id()).trust(trust);
    Ok(server.build()?)
}

/// Registers a service at the authorization server with its own key, and lets it exchange tokens
/// for one other service.
fn client(idp: &TestIdp, id: &str, may_reach: Option<&str>) -> Result<Client, BoxError> {
    let key = obo_testkit::TestKey::generate(TestAlg::Es256);
    let client = idp.client(id).jwk(key.public_jwk(id));
    if let Some(other) = may_reach {
        client.may_exchange_to(other);
    }
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(key.private_pem()))?;
    Ok(Client::new(id, PrivateKeyJwt::new(key.with_kid(id))))
}

async fn listen() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}
