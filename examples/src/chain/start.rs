use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use obo::audit::AuditSubjects;
use obo::client::{SigningKey, TlsClientAuth};
use obo::fleet::{Fleet, KeyRing, RingKey};
use obo::logout::BackchannelLogout;
use obo::policy::Algorithm;
use obo::trace::PropagateLayer;
use obo::{
    Audience, AuthorizationServer, Client, Destination, Destinations, Introspection, Issuer,
    PrivateKeyJwt, ResourceServer, Secret, TokenExchange, Trust,
};
use obo_redis::RedisStore;
use obo_testkit::{TestAlg, TestIdp, TokenBuilder};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::TcpListenerStream;
use tower::Layer as _;

use super::binding::{Binding, Holder};
use super::connections::grpc_server;
use super::{Watch, service_a, service_b, service_c};
use crate::services::listen;
use crate::{BoxError, tls_server};

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
    /// The token exchange of ServiceA.
    pub exchange_of_a: TokenExchange,
    /// The token exchange of ServiceB.
    pub exchange_of_b: TokenExchange,
    /// What the services see, if it is started.
    pub watch: Watch,
    /// The kind of tokens that the services accept.
    pub tokens: Tokens,
    /// What these tokens are bound to.
    pub binding: Binding,
    pub(super) app: Holder,
    pub(super) as_a: Holder,
    pub(super) as_b: Holder,
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
        Self::start_bound(tokens, Binding::None).await
    }

    /// Starts everything with tokens that are bound like this.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub async fn start_bound(tokens: Tokens, binding: Binding) -> Result<Self, BoxError> {
        Self::start_for(&Registered::start(tokens, binding).await?, None).await
    }

    /// Starts the services for clients that are registered. With the URL of a store, they share it
    /// with other chains of the same clients.
    pub(super) async fn start_for(
        registered: &Registered,
        store: Option<&str>,
    ) -> Result<Self, BoxError> {
        let Registered {
            idp,
            tokens,
            binding,
            app,
            clients: [of_a, of_b, of_c],
        } = registered.clone();
        let service = |client| Service::new(registered, client, store);
        let (of_a, of_b, of_c) = (service(of_a)?, service(of_b)?, service(of_c)?);
        let (exchange_of_a, exchange_of_b) = (of_a.exchange()?, of_b.exchange()?);
        let watch = Watch::default();
        let (a, b, c) = (listen().await?, listen().await?, listen().await?);
        let (at_a, at_b, at_c) = (a.local_addr()?, b.local_addr()?, c.local_addr()?);
        let server_of_a = of_a.accepts(at_a)?;
        let mut servers = JoinSet::new();
        let tls = (binding == Binding::Certificate).then(|| tls_server::acceptor(&idp));
        let tls = tls.transpose()?;

        let requests_to_c = Arc::new(AtomicUsize::new(0));
        let router = service_c(of_c.accepts(at_c)?, Arc::clone(&requests_to_c), &watch)?;
        serve(&mut servers, c, router, tls.clone());

        let ledger_uri = format!("{}/ledger", binding.url(at_c));
        // Calls carry the trace of the request that caused them.
        let trace = PropagateLayer::new();
        let ledger = Destination::new(&ledger_uri, Audience::new("service-c")?)?;
        let to_ledger = of_b.holder.destination(ledger.clone());
        let by_uri = exchange_of_b.to_destinations(Destinations::new([to_ledger])?);
        let stock = service_b(
            of_b.accepts(at_b)?,
            tls.is_some().then(|| grpc_server(&idp)),
            by_uri.layer(trace.layer(of_b.holder.http()?)),
            ledger_uri.clone(),
            &watch,
        )?;
        servers.spawn(async move {
            drop(stock.serve_with_incoming(TcpListenerStream::new(b)).await);
        });

        let url_of_b = binding.url(at_b);
        let to_stock = Destination::new(&url_of_b, Audience::new("service-b")?)?;
        let channel = of_a.holder.channel(url_of_b)?.connect_lazy();
        let to_stock = exchange_of_a.to_destination(of_a.holder.destination(to_stock))?;
        let router = service_a(
            server_of_a.clone(),
            obo_tonic::channel(to_stock, trace.layer(channel)),
            exchange_of_a
                .to_destination(of_a.holder.destination(ledger))?
                .layer(trace.layer(of_a.holder.http()?)),
            ledger_uri,
            &watch,
        )?;
        let router = match &of_a.fleet {
            // Outside of the layer, because it needs no bearer token.
            Some(fleet) => router.route_service(
                "/backchannel-logout",
                BackchannelLogout::new(&server_of_a, fleet, "service-a")?,
            ),
            None => router,
        };
        serve(&mut servers, a, router, tls);

        Ok(Self {
            idp,
            a: at_a,
            b: at_b,
            c: at_c,
            server_of_a,
            exchange_of_a,
            exchange_of_b,
            watch,
            tokens,
            binding,
            app,
            as_a: of_a.holder,
            as_b: of_b.holder,
            requests_to_c,
            _servers: servers,
        })
    }

    /// Issues a token for ServiceA to a user.
    pub fn token_of(&self, user: &str) -> String {
        let token = self.idp.user(user).audience("service-a");
        self.mint(&token.scope("orders:read"))
    }

    /// Issues a token of the kind that the services accept, to alice's app.
    pub fn mint(&self, token: &TokenBuilder) -> String {
        let token = self.app.bound(token.clone());
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

fn serve(
    servers: &mut JoinSet<()>,
    listener: TcpListener,
    router: Router,
    tls: Option<TlsAcceptor>,
) {
    match tls {
        Some(tls) => servers.spawn(tls_server::accept(listener, tls, router)),
        None => servers.spawn(async move { drop(axum::serve(listener, router).await) }),
    };
}

/// The authorization server, and the clients that are registered there.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) idp: TestIdp,
    tokens: Tokens,
    binding: Binding,
    app: Holder,
    clients: [Registration; 3],
}

/// A service as a client of the authorization server.
#[derive(Clone, Debug)]
struct Registration {
    client: Client,
    holder: Holder,
}

impl Registered {
    pub(super) async fn start(tokens: Tokens, binding: Binding) -> Result<Self, BoxError> {
        let idp = match binding {
            Binding::None | Binding::Dpop => TestIdp::start().await,
            Binding::Certificate => TestIdp::builder().mutual_tls().start().await,
        };
        idp.set_issues_opaque(tokens == Tokens::Opaque);
        let registered = |id, may_reach| -> Result<_, BoxError> {
            Ok(Registration {
                client: client(&idp, id, may_reach, binding)?,
                holder: Holder::new(binding, &idp, id),
            })
        };
        Ok(Self {
            clients: [
                registered("service-a", Some("service-b"))?,
                registered("service-b", Some("service-c"))?,
                registered("service-c", None)?,
            ],
            app: Holder::new(binding, &idp, "alices-app"),
            idp,
            tokens,
            binding,
        })
    }
}

/// What a service is built from.
struct Service {
    issuer: String,
    client: Client,
    holder: Holder,
    tokens: Tokens,
    binding: Binding,
    fleet: Option<Fleet>,
}

impl Service {
    fn new(
        registered: &Registered,
        Registration { client, holder }: Registration,
        store: Option<&str>,
    ) -> Result<Self, BoxError> {
        Ok(Self {
            issuer: registered.idp.issuer().to_owned(),
            client,
            holder,
            tokens: registered.tokens,
            binding: registered.binding,
            fleet: fleet(store)?,
        })
    }

    /// The resource server: it accepts our authorization server's tokens for this service, which
    /// is at this address.
    fn accepts(&self, at: SocketAddr) -> Result<ResourceServer, BoxError> {
        let trust = Trust::new(self.authorization_server()?);
        let trust = match self.tokens {
            Tokens::Jwts => trust,
            Tokens::Opaque => trust.introspect(Introspection::new(self.client.clone())),
        };
        let trust = match self.binding {
            Binding::None | Binding::Dpop => trust,
            Binding::Certificate => trust.require_bound(),
        };
        let server = ResourceServer::builder(self.client.id()).trust(trust);
        // The users are not real, so audit records may name them.
        let server = server.audit_subjects(AuditSubjects::default().plain());
        let server = self.binding.required(server, &self.binding.url(at));
        let server = match &self.fleet {
            Some(fleet) => server.fleet(fleet.clone()),
            None => server,
        };
        Ok(server.build()?)
    }

    /// The authorization server, to which the service connects as its holder does.
    fn authorization_server(&self) -> Result<AuthorizationServer, BoxError> {
        let server = AuthorizationServer::builder(Issuer::new(&*self.issuer)?);
        let server = match self.binding {
            Binding::None | Binding::Dpop => server,
            Binding::Certificate => server.with_http(self.holder.http_service()?),
        };
        Ok(server.build()?)
    }

    /// The token exchange. Its records name users as those of the callers do.
    fn exchange(&self) -> Result<TokenExchange, BoxError> {
        let server = self.authorization_server()?;
        let exchange = TokenExchange::builder(server, self.client.clone());
        let exchange = self.holder.exchange(exchange)?;
        let exchange = match &self.fleet {
            Some(fleet) => exchange.fleet(fleet.clone()),
            None => exchange,
        };
        Ok(exchange.build()?)
    }
}

/// A replica of its own, in a fleet with all others. A real service reads the key from a file.
fn fleet(store: Option<&str>) -> Result<Option<Fleet>, BoxError> {
    let Some(url) = store else {
        return Ok(None);
    };
    let key = RingKey::parse("k1", &Secret::new("A".repeat(43)))?;
    let store = RedisStore::new(url)?;
    Ok(Some(
        Fleet::builder()
            .store(store, KeyRing::new([key])?)
            .build()?,
    ))
}

/// Registers a service at the authorization server with its own key, or by the name in its
/// certificate, and lets it exchange tokens for one other service.
fn client(
    idp: &TestIdp,
    id: &str,
    may_reach: Option<&str>,
    binding: Binding,
) -> Result<Client, BoxError> {
    let client = idp.client(id);
    let client = match may_reach {
        Some(other) => client.may_exchange_to(other).may_introspect(other),
        None => client,
    };
    if binding == Binding::Certificate {
        client.tls_client_auth(id);
        return Ok(Client::new(id, TlsClientAuth));
    }
    let key = obo_testkit::TestKey::generate(TestAlg::Es256);
    client.jwk(key.public_jwk(id));
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(key.private_pem()))?;
    Ok(Client::new(id, PrivateKeyJwt::new(key.with_kid(id))))
}
