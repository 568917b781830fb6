//! A guarded service and an exchange with an authorization server on a socket.

use std::convert::Infallible;

use http::{Request, Response, header};
use obo::{
    BearerAuthLayer, Client, ClientSecretBasic, Issuer, RequireLayer, ResourceServer, Rule,
    TokenExchange,
};
use obo_testkit::TestIdp;
use tower::{ServiceBuilder, ServiceExt as _, service_fn};

pub(crate) struct Running {
    pub(crate) idp: TestIdp,
    pub(crate) server: ResourceServer,
    pub(crate) exchange: TokenExchange,
}

impl Running {
    pub(crate) async fn start() -> Self {
        let idp = TestIdp::start().await;
        let issuer = Issuer::new(idp.issuer()).unwrap();
        let client = idp.client("service-a").secret("s3cret");
        client.may_exchange_to("service-b");
        let secret = ClientSecretBasic::new("s3cret");
        let client = Client::new("service-a", secret);
        Self {
            server: ResourceServer::builder("service-a")
                .trust(issuer.clone())
                .build()
                .unwrap(),
            exchange: TokenExchange::builder(issuer, client).build().unwrap(),
            idp,
        }
    }

    /// Requests `/orders?secret`, which `service-d` may, and returns the status.
    pub(crate) async fn call(&self, token: Option<&str>) -> u16 {
        let mut request = Request::get("/orders?secret=1");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let service = ServiceBuilder::new()
            .layer(BearerAuthLayer::new(self.server.clone()))
            .layer(RequireLayer::new(Rule::actors(["service-d"])).unwrap())
            .service(service_fn(|_: Request<()>| async {
                Ok::<_, Infallible>(Response::new(()))
            }));
        let response = service.oneshot(request.body(()).unwrap()).await.unwrap();
        response.status().as_u16()
    }
}
