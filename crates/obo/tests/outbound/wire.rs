//! What the authorization server receives in an exchange.

use std::env;
use std::process::Command;

use http::{Method, header};
use obo::authorization_server::ServerMetadata;
use obo::destination::Target;
use obo::{Destination, Issuer, Resource, Scope};
use tower::{Layer as _, Service as _};

use crate::downstream::Downstream;
use crate::setup::{Setup, URI_OF_B, audience, issuer};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

/// TX-01, TE-01
#[tokio::test]
async fn exchange_is_a_form_post() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let exchange = setup.exchange();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    let asked = setup.asked();
    assert_eq!(asked.method, Method::POST);
    assert_eq!((&*asked.path, &asked.query), ("/token", &None));
    let content_type = &asked.headers[header::CONTENT_TYPE];
    assert_eq!(content_type, "application/x-www-form-urlencoded");
    assert_eq!(asked.headers[header::ACCEPT], "application/json");
    assert_eq!(asked.params("grant_type"), [GRANT]);
}

/// TX-02, TX-23
#[tokio::test]
async fn own_servers_token_is_access_token() {
    let setup = Setup::start().await;
    let token = setup.idp.user("alice").audience("service-a").mint();
    let caller = setup.validated(&token).await;
    let exchange = setup.exchange();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    let asked = setup.asked();
    assert_eq!(asked.params("subject_token"), [&*token]);
    assert_eq!(asked.params("subject_token_type"), [ACCESS_TOKEN]);
    assert!(asked.params("actor_token_type").is_empty());
}

/// TX-23
#[tokio::test]
async fn other_servers_token_is_jwt() {
    let (setup, foreign) = (Setup::start().await, Setup::start().await);
    let caller = foreign.caller("alice").await;
    let exchange = setup
        .builder()
        .allow_subjects_of(issuer(&foreign.idp))
        .build()
        .unwrap();
    let refused = exchange.token(&caller, audience("service-b")).await;
    refused.unwrap_err();
    assert_eq!(setup.asked().params("subject_token_type"), [JWT]);
}

/// TX-05
#[tokio::test]
async fn targets_arrive_as_ordered_pairs() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let resource = |uri: &str| Resource::new(uri).unwrap();
    let target = Target::audience(audience("z"))
        .and_audience(audience("a"))
        .and_resource(resource("https://z.example/"))
        .and_resource(resource("https://a.example/"));
    let client = setup.idp.client("service-a");
    ["z", "a", "https://z.example/", "https://a.example/"]
        .into_iter()
        .fold(client, |client, target| client.may_exchange_to(target));
    setup.exchange().token(&caller, target).await.unwrap();
    let asked = setup.asked();
    let targets: Vec<_> = asked
        .form
        .iter()
        .filter(|(name, _)| name == "audience" || name == "resource")
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let expected = [
        ("audience", "z"),
        ("audience", "a"),
        ("resource", "https://z.example/"),
        ("resource", "https://a.example/"),
    ];
    assert_eq!(targets, expected);
}

/// TX-06
#[tokio::test]
async fn scopes_are_separated_by_spaces() {
    let setup = Setup::start().await;
    let token = setup.idp.user("alice").audience("service-a");
    let caller = setup.validated(&token.scope("Write read").mint()).await;
    let exchange = setup.exchange();
    exchange
        .token(&caller, audience("service-b"))
        .await
        .unwrap();
    assert!(setup.asked().params("scope").is_empty());

    let scope = Scope::new(["read", "Write"]).unwrap();
    let target = Target::audience(audience("service-b")).with_scope(scope.clone());
    let exchanged = exchange.token(&caller, target).await.unwrap();
    assert_eq!(setup.asked().params("scope"), ["Write read"]);
    assert_eq!(*exchanged.token().scope(), scope);
}

/// TX-40
#[tokio::test]
async fn only_one_target_is_requested() {
    let setup = Setup::start().await;
    let token = setup.idp.user("alice").audience("service-a");
    let caller = setup.validated(&token.scope("read write").mint()).await;
    let service_b = Destination::new(URI_OF_B, audience("service-b")).unwrap();
    let layer = setup
        .exchange()
        .to_destination(service_b.scopes(["read"]))
        .unwrap();
    let mut service = layer.layer(Downstream::default()).on_behalf_of(&caller);
    let ready = std::future::poll_fn(|cx| {
        tower::Service::<http::Request<()>>::poll_ready(&mut service, cx)
    });
    ready.await.unwrap();
    service.call(http::Request::new(())).await.unwrap();
    let asked = setup.asked();
    assert_eq!(asked.params("audience"), ["service-b"]);
    assert!(asked.params("resource").is_empty());
    assert_eq!(asked.params("scope"), ["read"]);
}

/// TE-02
#[tokio::test]
async fn any_value_arrives_unchanged() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let odd = "a+b&c=d%20é/ü?#";
    setup.idp.client("service-a").may_exchange_to(odd);
    setup
        .exchange()
        .token(&caller, audience(odd))
        .await
        .unwrap();
    assert_eq!(setup.asked().params("audience"), [odd]);
}

/// TE-01
#[test]
fn tokens_need_https_or_loopback() {
    for plain in ["http://idp.example", "http://127.0.0.1.idp.example"] {
        assert_eq!(Issuer::new(plain).unwrap_err().field(), "issuer");
        let error = ServerMetadata::new(None, Some(plain)).unwrap_err();
        assert_eq!(error.field(), "token_endpoint");
        let error = Destination::new(plain, audience("service-b")).unwrap_err();
        assert_eq!(error.field(), "destination");
    }
    for loopback in ["http://127.0.0.2:1", "http://[::1]:1", "http://localhost:1"] {
        ServerMetadata::new(None, Some(loopback)).unwrap();
        Destination::new(loopback, audience("service-b")).unwrap();
    }
}

/// TE-01: in a process of its own, since the client reads the environment.
#[test]
fn plain_http_bypasses_the_proxy() {
    let test = "wire::exchange_is_a_form_post";
    let unreachable = "http://127.0.0.1:1";
    let run = Command::new(env::current_exe().unwrap())
        .args(["--exact", test])
        .envs(
            ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"].map(|name| (name, unreachable)),
        )
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && text.contains("1 passed"), "{text}");
}
