//! Recorded requests.

use obo_testkit::Endpoint;

use crate::wire::{basic, exchange, get, post, server};

#[tokio::test]
async fn requests_are_recorded_in_order() {
    let idp = server().await;
    let alice = idp.user("alice").audience("service-a").mint();
    get(&format!(
        "{}/.well-known/openid-configuration?x=1",
        idp.issuer()
    ))
    .await;
    get(&idp.jwks_uri()).await;
    get(&format!("{}/nowhere", idp.issuer())).await;
    exchange(
        &idp,
        "service-a",
        &alice,
        &[("audience", "service-b"), ("audience", "service-z")],
    )
    .await;

    let requests = idp.requests();
    let seen: Vec<_> = requests
        .iter()
        .map(|request| (request.endpoint, request.status.unwrap()))
        .collect();
    let expected = [
        (Some(Endpoint::OpenIdConfiguration), 200),
        (Some(Endpoint::Jwks), 200),
        (None, 404),
        (Some(Endpoint::Token), 400),
    ];
    assert_eq!(seen, expected);
    assert_eq!(
        (
            idp.discovery_requests(),
            idp.jwks_requests(),
            idp.token_requests()
        ),
        (1, 1, 1)
    );
    assert_eq!(requests[0].query.as_deref(), Some("x=1"));
    let token = &requests[3];
    assert_eq!(
        (token.method.as_str(), token.path.as_str()),
        ("POST", "/token")
    );
    assert_eq!(token.param("subject_token"), Some(alice.as_str()));
    assert_eq!(token.params("audience"), ["service-b", "service-z"]);
    assert_eq!(token.param("scope"), None);
    assert_eq!(token.headers["authorization"], basic("service-a", "s3cret"));
}

#[tokio::test]
async fn debug_hides_tokens_and_secrets() {
    let idp = server().await;
    let alice = idp.user("alice").audience("service-a").mint();
    let secrets = ["tok-1", "tok-2", "tok-3", "tok-4"];
    exchange(
        &idp,
        "service-a",
        &alice,
        &[("audience", "service-b"), ("actor_token", secrets[0])],
    )
    .await;
    post(
        &idp,
        &[
            ("client_secret", secrets[1]),
            ("client_assertion", secrets[2]),
        ],
    )
    .await;
    get(&format!("{}?client_secret={}", idp.jwks_uri(), secrets[3])).await;
    let text = format!("{:?} {:?} {idp:?}", idp.requests(), idp.user("alice"));
    let (_, credentials) = basic("service-a", "s3cret")
        .split_once(' ')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();
    for secret in secrets
        .into_iter()
        .chain([alice.as_str(), "s3cret", &credentials])
    {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(text.contains("service-b"));
}
