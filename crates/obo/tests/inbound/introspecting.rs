//! A resource server that introspects tokens.

use obo::{Client, ClientSecretBasic, Introspection, Rejection, ResourceServer, Secret, Trust};
use serde_json::{Value, json};

use crate::guarded;
use crate::issuer::{FakeIssuer, Reply};

pub(crate) const INTROSPECT: &str = "/introspect";
pub(crate) const OPAQUE: &str = "opaque-token";

pub(crate) fn service_a() -> Introspection {
    let secret = ClientSecretBasic::new(Secret::new("s3cret"));
    Introspection::new(Client::new("service-a", secret))
}

/// An issuer on a socket with the client `service-a`, and a server that introspects there.
pub(crate) async fn over_socket(
    how: impl FnOnce(Introspection) -> Introspection,
) -> (obo_testkit::TestIdp, ResourceServer) {
    let (idp, trust) = trust_over_socket(how).await;
    (idp, guarded::service_a(trust))
}

pub(crate) async fn trust_over_socket(
    how: impl FnOnce(Introspection) -> Introspection,
) -> (obo_testkit::TestIdp, Trust) {
    let idp = obo_testkit::TestIdp::start().await;
    idp.client("service-a").secret("s3cret");
    let trust = Trust::new(idp.issuer()).introspect(how(service_a()));
    (idp, trust)
}

/// An issuer in the process that reports every token as active, and a server that introspects
/// there.
pub(crate) async fn in_process(
    how: impl FnOnce(Introspection) -> Introspection,
) -> (FakeIssuer, ResourceServer) {
    let (idp, trust) = trust_in_process(how).await;
    (idp, guarded::service_a(trust))
}

pub(crate) async fn trust_in_process(
    how: impl FnOnce(Introspection) -> Introspection,
) -> (FakeIssuer, Trust) {
    let idp = FakeIssuer::new().await;
    idp.reply(INTROSPECT, Reply::Body(active(&idp).to_string()));
    let settings = service_a().endpoint("https://idp.example/introspect");
    let trust = Trust::new(idp.known()).introspect(how(settings));
    (idp, trust)
}

/// The introspection response for a token that expires in five minutes.
pub(crate) fn active(idp: &FakeIssuer) -> Value {
    let mut response = idp.token().claims();
    response["active"] = json!(true);
    response
}

pub(crate) fn calls(idp: &FakeIssuer) -> usize {
    let requests = idp.requests();
    requests.iter().filter(|path| *path == INTROSPECT).count()
}

pub(crate) async fn code(server: &ResourceServer, token: &str) -> &'static str {
    let outcome = server.validate(token).await;
    outcome.err().as_ref().map_or("ok", Rejection::code)
}
