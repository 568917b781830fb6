//! A resource server that asks its issuer about tokens.

use obo::{
    Audience, Client, ClientSecretBasic, Introspection, Issuer, Policy, Rejection, ResourceServer,
    Secret,
};
use serde_json::{Value, json};

use crate::issuer::{FakeIssuer, Reply};

pub(crate) const INTROSPECT: &str = "/introspect";
pub(crate) const OPAQUE: &str = "opaque-token";

pub(crate) fn service_a() -> Introspection {
    let secret = ClientSecretBasic::new(Secret::new("s3cret"));
    Introspection::new(Client::new("service-a", secret))
}

pub(crate) fn policy(issuer: &Issuer) -> Policy {
    Policy::new(issuer.clone(), Audience::new("service-a").unwrap())
}

/// An issuer on a socket that knows `service-a` as a client, and a server that asks it.
pub(crate) async fn over_socket(
    how: impl FnOnce(Introspection) -> Introspection,
) -> (obo_testkit::TestIdp, ResourceServer) {
    let idp = obo_testkit::TestIdp::start().await;
    idp.client("service-a").secret("s3cret");
    let issuer = Issuer::new(idp.issuer()).unwrap();
    let asked = how(service_a());
    let server = ResourceServer::introspecting(policy(&issuer), issuer, asked).unwrap();
    (idp, server)
}

/// An issuer in the process, which calls every token active, and a server that asks it.
pub(crate) async fn in_process(
    how: impl FnOnce(Introspection) -> Introspection,
) -> (FakeIssuer, ResourceServer) {
    let idp = FakeIssuer::new().await;
    idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
    let asked = service_a().endpoint("https://idp.example/introspect");
    let asked = how(asked.unwrap());
    let server = ResourceServer::introspecting(policy(&idp.id()), idp.known(), asked).unwrap();
    (idp, server)
}

/// What the issuer says of a token that is good for five minutes.
pub(crate) fn active(idp: &FakeIssuer) -> Value {
    let mut said = idp.token().claims();
    said["active"] = json!(true);
    said
}

pub(crate) fn calls(idp: &FakeIssuer) -> usize {
    let requests = idp.requests();
    requests.iter().filter(|path| *path == INTROSPECT).count()
}

pub(crate) async fn code(server: &ResourceServer, token: &str) -> &'static str {
    let outcome = server.validate(token).await;
    outcome.err().as_ref().map_or("ok", Rejection::code)
}
