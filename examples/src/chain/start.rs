use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::rt::TokioExecutor;
use obo::{
    Algorithm, Audience, Client, Destination, Destinations, Issuer, PrivateKeyJwt, ResourceServer,
    Secret, SigningKey, TokenExchange,
};
use obo_testkit::{Alg, AuthorizationServer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Channel;
use tower::Layer as _;

use super::{service_a, service_b, service_c};
use crate::BoxError;

/// The authorization server and the three services, running until this is dropped.
#[derive(Debug)]
pub struct Chain {
    /// The authorization server.
    pub idp: AuthorizationServer,
    /// Where ServiceA listens.
    pub a: SocketAddr,
    /// Where ServiceB listens.
    pub b: SocketAddr,
    /// Where ServiceC listens.
    pub c: SocketAddr,
    /// ServiceB's own exchange.
    pub exchange_of_b: TokenExchange,
    requests_to_c: Arc<AtomicUsize>,
    _servers: JoinSet<()>,
}

impl Chain {
    /// Starts everything on ports that the system picks.
    ///
    /// # Errors
    ///
    /// When a port cannot be bound, or the configuration is wrong.
    pub async fn start() -> Result<Self, BoxError> {
        let idp = AuthorizationServer::start().await;
        let exchange_of_a = exchange(&idp, "service-a", "service-b")?;
        let exchange_of_b = exchange(&idp, "service-b", "service-c")?;
        let (a, b, c) = (listen().await?, listen().await?, listen().await?);
        let mut servers = JoinSet::new();

        let requests_to_c = Arc::new(AtomicUsize::new(0));
        let router = service_c(accepts(&idp, "service-c")?, Arc::clone(&requests_to_c))?;
        let at_c = c.local_addr()?;
        servers.spawn(async move { drop(axum::serve(c, router).await) });

        let ledger_uri = format!("http://{at_c}/ledger");
        let http = HttpClient::builder(TokioExecutor::new()).build_http();
        let ledger = Destination::new(&ledger_uri, Audience::new("service-c")?)?;
        let by_uri = exchange_of_b.to_any(Destinations::new([ledger.clone()])?);
        let stock = service_b(
            accepts(&idp, "service-b")?,
            by_uri.layer(http.clone()),
            ledger_uri.clone(),
        )?;
        let at_b = b.local_addr()?;
        servers.spawn(async move {
            drop(stock.serve_with_incoming(TcpListenerStream::new(b)).await);
        });

        let channel = Channel::from_shared(format!("http://{at_b}"))?.connect_lazy();
        let stock = Destination::new(&format!("http://{at_b}"), Audience::new("service-b")?)?;
        let router = service_a(
            accepts(&idp, "service-a")?,
            exchange_of_a.to(stock).layer(channel),
            exchange_of_a.to(ledger).layer(http),
            ledger_uri,
        )?;
        let at_a = a.local_addr()?;
        servers.spawn(async move { drop(axum::serve(a, router).await) });

        Ok(Self {
            idp,
            a: at_a,
            b: at_b,
            c: at_c,
            exchange_of_b,
            requests_to_c,
            _servers: servers,
        })
    }

    /// A token for ServiceA that a user got from the authorization server.
    pub fn token_of(&self, user: &str) -> String {
        let token = self.idp.user(user).audience("service-a");
        token.scope("orders:read").mint()
    }

    /// How many requests have reached ServiceC.
    pub fn requests_to_c(&self) -> usize {
        self.requests_to_c.load(Ordering::SeqCst)
    }
}

/// What a service accepts: tokens of our authorization server that are addressed to it.
fn accepts(idp: &AuthorizationServer, audience: &str) -> Result<ResourceServer, BoxError> {
    let issuer = Issuer::new(idp.issuer())?;
    Ok(ResourceServer::new(Audience::new(audience)?, issuer))
}

/// Registers a service at the authorization server with a key of its own, and lets it reach one other.
fn exchange(
    idp: &AuthorizationServer,
    id: &str,
    may_reach: &str,
) -> Result<TokenExchange, BoxError> {
    let key = obo_testkit::SigningKey::generate(Alg::Es256);
    let client = idp.client(id).jwk(key.public_jwk(id));
    client.may_exchange_to(may_reach);
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(key.private_pem()))?;
    let client = Client::new(id, PrivateKeyJwt::new(key.with_kid(id)))?;
    Ok(TokenExchange::new(Issuer::new(idp.issuer())?, client))
}

async fn listen() -> std::io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
}
