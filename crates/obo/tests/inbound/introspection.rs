//! Opaque tokens over a socket, from the request to the caller and the exchange.

use http::Method;
use obo::authorization_server::ServerMetadata;
use obo::caller::PrincipalKind;
use obo::client::TlsClientAuth;
use obo::{
    AuthorizationServer, BearerAuthLayer, Caller, Client, ClientSecretBasic, Introspection, Issuer,
    ResourceServer, Secret, TokenExchange, Trust,
};
use obo_testkit::{Endpoint, Fault};

use crate::guarded;
use crate::guarded::{Guarded, assert_unavailable};
use crate::introspecting::{INTROSPECT, active, code, over_socket, service_a};
use crate::issuer::{FakeIssuer, Reply};

/// IN-01, IN-02
#[tokio::test]
async fn introspection_is_authenticated_form() {
    let (idp, server) = over_socket(|settings| settings).await;
    let token = idp.user("alice").audience("service-a").mint_opaque();
    let guarded = Guarded::new(BearerAuthLayer::new(server));
    assert_eq!(guarded.caller(&token).await.subject(), "alice");
    let requests = idp.requests();
    let request: Vec<_> = requests
        .iter()
        .filter(|request| request.endpoint == Some(Endpoint::Introspection))
        .collect();
    let [request] = request[..] else {
        panic!("one call, not {}", request.len());
    };
    assert_eq!((&request.method, &request.query), (&Method::POST, &None));
    assert_eq!(request.param("token"), Some(&*token));
    assert_eq!(request.param("token_type_hint"), Some("access_token"));
    assert_eq!(request.form.len(), 2);
    assert_eq!(request.headers["accept"], "application/json");
    assert!(
        request.headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("Basic ")
    );
    // The keys are not used, so they are not fetched.
    assert_eq!(idp.jwks_requests(), 0);
}

/// IN-02, BT-18
#[tokio::test]
async fn rejected_client_is_our_fault() {
    let (idp, server) = over_socket(|settings| settings).await;
    idp.client("service-a").secret("another");
    let token = idp.user("alice").audience("service-a").mint_opaque();
    let guarded = Guarded::new(BearerAuthLayer::new(server));
    let response = guarded.with(format!("Bearer {token}")).await;
    assert_unavailable(&response, "1");
    idp.client("service-a").secret("s3cret");
    assert_eq!(guarded.status(&token).await, 200);
}

/// Everything about a caller except the token.
fn facts(caller: &Caller) -> String {
    format!(
        "{:?}",
        (
            (caller.issuer(), caller.subject(), caller.kind()),
            (caller.client_id(), caller.scope()),
            caller.audience().collect::<Vec<_>>(),
            (caller.current_actor(), caller.prior_actors()),
            (caller.expires_at(), caller.issued_at(), caller.token_id()),
            (caller.acr(), caller.auth_time()),
            caller.roles().collect::<Vec<_>>(),
        )
    )
}

/// TX-37, SU-04
#[tokio::test]
async fn both_ways_give_same_caller() {
    let (idp, server) = over_socket(|settings| settings).await;
    let by_keys = guarded::service_a(idp.issuer());
    let draft = idp.user("alice").audience("service-a").scope("orders:read");
    let draft = draft.actor("service-d").actor("service-c");
    let draft = draft.claim("acr", "gold").claim("roles", vec!["buyer"]);
    let claims = draft.claims();
    // The same times and identifier for both.
    let draft = ["iat", "exp", "jti"]
        .into_iter()
        .fold(draft, |draft, name| draft.claim(name, claims[name].clone()))
        .claim("auth_time", claims["iat"].clone());
    let jwt = by_keys.validate(&draft.mint()).await.unwrap();
    let opaque = server.validate(&draft.mint_opaque()).await.unwrap();
    assert_eq!(facts(&opaque), facts(&jwt));
    // An introspected JWT gives the same caller.
    let introspected = server.validate(&draft.mint()).await.unwrap();
    assert_eq!(facts(&introspected), facts(&jwt));
    assert_eq!(idp.introspection_requests(), 2);
}

/// TX-38
#[tokio::test]
async fn opaque_token_is_exchanged_or_issued() {
    let (idp, server) = over_socket(|settings| settings).await;
    idp.client("service-a").may_exchange_to("service-b");
    let token = idp.user("alice").audience("service-a").mint_opaque();
    let caller = server.validate(&token).await.unwrap();
    let issuer = Issuer::new(idp.issuer()).unwrap();
    let secret = ClientSecretBasic::new(Secret::new("s3cret"));
    let client = Client::new("service-a", secret);
    let exchange = TokenExchange::builder(issuer.clone(), client)
        .build()
        .unwrap();
    idp.set_issues_opaque(true);
    let audience = obo::Audience::new("service-b").unwrap();
    let exchanged = exchange.token(&caller, audience.clone()).await.unwrap();
    let sent = exchanged.token().expose().to_owned();
    assert!(!sent.contains('.'));

    // The next service introspects it too.
    idp.client("service-b").secret("s3cret");
    let secret = ClientSecretBasic::new(Secret::new("s3cret"));
    let settings = Introspection::new(Client::new("service-b", secret));
    let next = ResourceServer::builder(audience).trust(Trust::new(issuer).introspect(settings));
    let next = next.build().unwrap();
    let caller = next.validate(&sent).await.unwrap();
    assert_eq!(caller.subject(), "alice");
    assert_eq!(caller.current_actor().unwrap().subject(), "service-a");
}

/// IN-04, IN-12
#[tokio::test]
async fn inactive_token_is_invalid() {
    let (idp, server) = over_socket(|settings| settings).await;
    let guarded = Guarded::new(BearerAuthLayer::new(server));
    let alice = || idp.user("alice").audience("service-a");
    let revoked = alice().mint_opaque();
    idp.revoke(&revoked);
    let elsewhere = idp.user("alice").audience("service-b").mint_opaque();
    let expired = alice().expires_in(-1).mint_opaque();
    for token in [&revoked, &elsewhere, &expired, "forged"] {
        guarded.refuses(token, token).await;
    }
    assert_eq!(idp.introspection_requests(), 4);
}

/// IN-05
#[tokio::test]
async fn active_token_is_still_validated() {
    let (idp, server) = over_socket(|settings| settings).await;
    idp.client("service-a").may_introspect("service-b");
    for (token, expected) in [
        (idp.user("alice").audience("service-b"), "wrong_audience"),
        (
            idp.user("alice")
                .audience("service-a")
                .issuer("https://other.example"),
            "unknown_issuer",
        ),
        (
            idp.user("alice").audience("service-a").not_before(61),
            "inactive",
        ),
        (
            idp.user("alice").audience("service-a").issued_at(90),
            "issued_in_future",
        ),
        (
            idp.user("alice").audience("service-a").without("exp"),
            "missing_claim",
        ),
        (
            idp.user("alice").audience("service-a").claim("scope", 1),
            "invalid_claim",
        ),
        (
            idp.user("alice")
                .audience("service-a")
                .claim("cnf", serde_json::json!({"jkt": "x"})),
            "binding_not_checked",
        ),
    ] {
        assert_eq!(
            code(&server, &token.mint_opaque()).await,
            expected,
            "{token:?}"
        );
    }
}

/// IN-09, IN-10
#[tokio::test]
async fn signed_responses_can_be_required() {
    let (idp, server) = over_socket(|settings| settings.require_signed()).await;
    let token = idp.user("alice").audience("service-a").mint_opaque();
    let caller = server.validate(&token).await.unwrap();
    assert_eq!(caller.subject(), "alice");
    let requests = idp.requests();
    let request = requests
        .iter()
        .find(|request| request.endpoint == Some(Endpoint::Introspection));
    assert_eq!(
        request.unwrap().headers["accept"],
        "application/token-introspection+jwt"
    );
    assert_eq!(idp.jwks_requests(), 1);
    assert_eq!(code(&server, "forged").await, "inactive");

    // The same in plain JSON, and with another key.
    let plain = r#"{"active":true,"sub":"alice","aud":"service-a"}"#;
    idp.fault_once(Endpoint::Introspection, Fault::Body(plain.to_owned()));
    assert_eq!(code(&server, "another").await, "introspection_unavailable");
    idp.rotate();
    assert_eq!(code(&server, "a-third").await, "inactive");
    idp.withdraw_all();
    let fourth = idp.user("bob").audience("service-a").mint_opaque();
    idp.rotate();
    idp.withdraw_all();
    assert_eq!(code(&server, &fourth).await, "introspection_unavailable");
}

#[tokio::test]
async fn thin_responses_need_permission() {
    let thin = |settings: Introspection| {
        settings
            .allow_missing_audience()
            .allow_missing_expiry(std::time::Duration::from_secs(30))
            .allow_missing_subject()
    };
    let (idp, server) = over_socket(thin).await;
    let members = serde_json::json!({ "aud": null, "exp": null });
    idp.fault(Endpoint::Introspection, Fault::Merge(members));
    let token = idp.user("alice").audience("service-a").mint_opaque();
    let caller = server.validate(&token).await.unwrap();
    assert_eq!(caller.audience().collect::<Vec<_>>(), ["service-a"]);

    let strict = Trust::new(idp.issuer()).introspect(service_a());
    let strict = guarded::service_a(strict);
    assert_eq!(code(&strict, &token).await, "missing_claim");
    idp.heal();
    let no_subject = serde_json::json!({ "sub": null });
    idp.fault(Endpoint::Introspection, Fault::Merge(no_subject));
    let token = idp.service("batch").audience("service-a").mint_opaque();
    let caller = server.validate(&token).await.unwrap();
    assert_eq!(
        (caller.subject(), caller.kind()),
        ("batch", PrincipalKind::Service)
    );
    assert_eq!(code(&strict, &token).await, "missing_claim");
}

/// MT-07
#[tokio::test]
async fn mtls_client_uses_the_alias() {
    const ALIAS: &str = "/mtls/introspect";
    let idp = FakeIssuer::new().await;
    for path in [INTROSPECT, ALIAS] {
        idp.reply(path, Reply::Body(active(&idp).to_string()));
    }
    let issuer = idp.id();
    let document = serde_json::json!({
        "issuer": issuer.as_str(),
        "introspection_endpoint": format!("{issuer}{INTROSPECT}"),
        "mtls_endpoint_aliases": { "introspection_endpoint": format!("{issuer}{ALIAS}") },
    });
    let by_certificate = Client::new("service-a", TlsClientAuth);
    for (settings, path) in [
        (service_a(), INTROSPECT),
        (Introspection::new(by_certificate), ALIAS),
    ] {
        let metadata = ServerMetadata::parse(&issuer, document.to_string().as_bytes());
        let known = AuthorizationServer::builder(issuer.clone())
            .with_metadata(metadata.unwrap())
            .with_http(idp.http())
            .build()
            .unwrap();
        let server = guarded::service_a(Trust::new(known).introspect(settings));
        assert_eq!(code(&server, "opaque").await, "ok");
        assert_eq!(idp.requests().last().unwrap(), path);
    }
}

/// OB-01
#[tokio::test]
async fn error_hides_the_token() {
    let (idp, server) = over_socket(|settings| settings).await;
    let token = idp.user("alice").audience("service-a").mint_opaque();
    let members = format!(r#"{{"active":"{token}"}}"#);
    idp.fault_once(Endpoint::Introspection, Fault::Body(members));
    let refused = server.validate(&token).await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains(&token));
    idp.revoke(&token);
    let refused = server.validate(&token).await.unwrap_err();
    assert!(!format!("{refused} {refused:?}").contains(&token));
}
