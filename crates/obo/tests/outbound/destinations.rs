//! The subject and the destination of each request.

use http::{Request, header};
use obo::error::ExchangeErrorKind;
use obo::{CallError, Destination, Destinations, OnBehalfOf};
use tower::{Layer as _, ServiceExt as _};

use crate::downstream::Downstream;
use crate::setup::{Setup, assert_answer, audience, claims};

fn get(uri: &str) -> Request<()> {
    Request::get(uri).body(()).unwrap()
}

fn to_b_or_c(setup: &Setup) -> (OnBehalfOf<Downstream>, Downstream) {
    setup.idp.client("service-a").may_exchange_to("service-c");
    let at = |uri: &str, name: &str| Destination::new(uri, audience(name)).unwrap();
    let destinations = Destinations::new([
        at("https://b.example", "service-b"),
        at("https://shared.example:8443/c", "service-c"),
    ]);
    let downstream = Downstream::default();
    let layer = setup.exchange().to_destinations(destinations.unwrap());
    (layer.layer(downstream.clone()), downstream)
}

/// BT-21
#[tokio::test]
async fn request_gets_its_destinations_token() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = to_b_or_c(&setup);
    let service = service.on_behalf_of(&caller);
    for (uri, expected) in [
        ("https://b.example/stock?q=1", "service-b"),
        ("https://shared.example:8443/c/1", "service-c"),
        ("https://B.example:443", "service-b"),
    ] {
        service.clone().oneshot(get(uri)).await.unwrap();
        assert_eq!(claims(&downstream.authorization())["aud"], expected);
    }
    assert_eq!(setup.idp.token_requests(), 2);
}

/// BT-21
#[tokio::test]
async fn unknown_destination_sends_nothing() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let before = setup.idp.requests().len();
    let (service, downstream) = to_b_or_c(&setup);
    let service = service.on_behalf_of(&caller);
    for uri in [
        "http://b.example/",
        "https://b.example:444/",
        "https://b.example.evil.example/",
        "https://b.example@evil.example/",
        "https://shared.example:8443/",
        "https://shared.example:8443/cc",
        "https://shared.example:8443/c/../b",
        "https://shared.example:8443/c/..;/b",
        "https://shared.example:8443/c/%2E%2E/b",
        "https://shared.example/c",
        "/c",
    ] {
        let called = service.clone().oneshot(get(uri)).await;
        let Err(CallError::Exchange(error)) = called else {
            panic!("called {uri}");
        };
        assert_eq!(error.kind(), ExchangeErrorKind::UnknownDestination, "{uri}");
        assert_answer(&error);
    }
    assert!(downstream.received().is_empty());
    assert_eq!(setup.idp.requests().len(), before);
}

/// BT-21
#[tokio::test]
async fn fixed_destination_rejects_others() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (service, downstream) = setup.to_b();
    let service = service.on_behalf_of(&caller);
    for other in [
        "https://service-c.example/",
        "http://service-b.example/",
        "https://service-b.example:8443/",
    ] {
        let called = service.clone().oneshot(get(other)).await;
        let Err(CallError::Exchange(error)) = called else {
            panic!("called {other}");
        };
        assert_eq!(error.kind(), ExchangeErrorKind::UnknownDestination);
    }
    assert!(downstream.received().is_empty());
    assert_eq!(setup.idp.token_requests(), 0);
    // The requests of a channel have no authority, or that of the channel.
    for same in ["/stock", "https://service-b.example/stock"] {
        service.clone().oneshot(get(same)).await.unwrap();
    }
}

/// TX-38
#[tokio::test]
async fn explicit_caller_wins() {
    let setup = Setup::start().await;
    let (alice, bob) = (setup.caller("alice").await, setup.caller("bob").await);
    let (service, downstream) = setup.to_b();
    let from_bob = || {
        let mut request = get("/");
        request.extensions_mut().insert(bob.clone());
        request
    };
    service.clone().oneshot(from_bob()).await.unwrap();
    assert_eq!(claims(&downstream.authorization())["sub"], "bob");
    let for_alice = service.on_behalf_of(&alice);
    for_alice.clone().oneshot(from_bob()).await.unwrap();
    assert_eq!(claims(&downstream.authorization())["sub"], "alice");
    for_alice
        .on_behalf_of(&bob)
        .oneshot(get("/"))
        .await
        .unwrap();
    assert_eq!(claims(&downstream.authorization())["sub"], "bob");
    // The service that they were cloned from has no caller.
    service.oneshot(get("/")).await.unwrap_err();
}

/// BT-21
#[tokio::test]
async fn host_names_the_destination() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let downstream = Downstream::default();
    let exchange = setup.exchange();
    let to = |uri| Destination::new(uri, audience("service-b")).unwrap();
    let many = Destinations::new([to("https://b.example"), to("https://b.example:8443")]).unwrap();
    let many = exchange.to_destinations(many).layer(downstream.clone());
    let channel = |uri| {
        exchange
            .to_destination(to(uri))
            .unwrap()
            .layer(downstream.clone())
    };
    for (service, uri, host) in [
        (many.clone(), "https://b.example/", "b.example"),
        (many, "https://b.example:8443/x?y", "b.example:8443"),
        (
            channel("https://b.example"),
            "https://b.example/",
            "b.example",
        ),
        (channel("https://b.example"), "/x", "b.example"),
        (channel("https://b.example:443/x"), "/x", "b.example"),
        (channel("https://b.example:444"), "/x", "b.example:444"),
        (channel("http://127.0.0.1:80"), "/", "127.0.0.1"),
        (channel("http://[::1]:8080"), "/", "[::1]:8080"),
    ] {
        let mut request = get(uri);
        let headers = request.headers_mut();
        headers.append(header::HOST, "another.example".parse().unwrap());
        headers.append(header::HOST, "a-third.example".parse().unwrap());
        let service = service.on_behalf_of(&caller);
        service.clone().oneshot(request).await.unwrap();
        let seen = downstream.received().pop().unwrap();
        let hosts: Vec<_> = seen.get_all(header::HOST).iter().collect();
        assert_eq!(hosts, [host], "{uri}");
        // If the request has none, the client writes it.
        service.oneshot(get(uri)).await.unwrap();
        assert!(
            !downstream
                .received()
                .pop()
                .unwrap()
                .contains_key(header::HOST)
        );
    }
}

/// BT-21
#[tokio::test]
async fn own_calls_name_the_destination_too() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").may_request("service-b");
    let downstream = Downstream::default();
    let to_b = Destination::new("https://b.example", audience("service-b")).unwrap();
    let service = setup
        .exchange()
        .app_only_to_destination(to_b)
        .unwrap()
        .layer(downstream.clone());
    let mut request = get("/x");
    let other = "another.example".parse().unwrap();
    request.headers_mut().insert(header::HOST, other);
    service.oneshot(request).await.unwrap();
    assert_eq!(downstream.received()[0][header::HOST], "b.example");
}

/// Why a client for these places does not make a request to `uri`.
async fn unmatched(places: &[&str], uri: &str) -> String {
    let setup = Setup::start().await;
    let at = |uri: &&str| match uri.contains('{') {
        true => Destination::template(uri, audience("{service}")).unwrap(),
        false => Destination::new(uri, audience("service-b")).unwrap(),
    };
    let layer = match places {
        [one] => setup.exchange().to_destination(at(one)).unwrap(),
        several => {
            let known = Destinations::new(several.iter().map(at));
            setup.exchange().to_destinations(known.unwrap())
        }
    };
    let caller = setup.caller("alice").await;
    let error = layer.token(&caller, &uri.parse().unwrap()).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::UnknownDestination);
    error.to_string()
}

#[tokio::test]
async fn unknown_destination_lists_known() {
    const PLACES: &[&str] = &[
        "https://b.example",
        "https://b.example:8443/c",
        "https://{service}.svc.b.example",
    ];
    for (uri, expected) in [
        (
            "http://b.example/x?token=s3cret",
            "http://b.example with path \"/x\" is not a configured destination; configured: https://b.example:443, \
             https://b.example:8443/c",
        ),
        (
            "https://B.example:8443/d",
            "https://B.example:8443 with path \"/d\" is not",
        ),
        (
            "http://stock.svc.b.example/",
            "configured: https://{service}.svc.b.example:443",
        ),
        (
            "https://c.example/",
            "; nothing is configured at this host, but at *.svc.b.example, b.example; if tokens may go there, add a \
             `Destination` (`[[destinations]]` in a file)",
        ),
        (
            "https://me:s3cret@b.example/",
            "https://b.example with path \"/\" is not a configured destination (user information is not allowed)",
        ),
        (
            "https://b.example:8443/c/../d",
            "(servers may read this path in several ways); configured: ",
        ),
    ] {
        let error = unmatched(PLACES, uri).await;
        assert!(error.contains(expected), "{uri}: {error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn path_without_origin_names_the_fix() {
    let several = &["https://b.example", "https://c.example"];
    let error = unmatched(several, "/stock.Stock/Level").await;
    assert!(
        error.contains("\"/stock.Stock/Level\" has no origin"),
        "{error}"
    );
    assert!(error.contains("`with_origin`"), "{error}");
    // A client for one destination needs no origin, but the path must match.
    let error = unmatched(&["https://b.example/api"], "/other").await;
    let configured = "; configured: https://b.example:443/api";
    assert!(error.ends_with(configured), "{error}");
    let error = unmatched(&["https://{service}.svc.b.example"], "/other").await;
    assert!(error.contains("`with_origin`"), "{error}");
}

#[test]
fn colon_parameter_is_rejected() {
    for uri in [
        "https://b.example/orders/:id",
        "https://b.example/:tenant/x",
    ] {
        let error = Destination::new(uri, audience("b")).unwrap_err();
        assert_eq!(error.field(), "destination");
        assert!(error.to_string().contains("at or below"), "{error}");
    }
    Destination::new("https://b.example/v1/orders:all", audience("b")).unwrap();
}

#[tokio::test]
async fn destinations_are_listed() {
    let at = |uri: &str, name: &str| Destination::new(uri, audience(name)).unwrap();
    let template = Destination::template("https://{service}.svc.example.com", "{service}").unwrap();
    let destinations = [
        at("https://c.example/path", "service-c"),
        template,
        at("https://b.example", "service-b"),
    ];
    let listed = Destinations::new(destinations).unwrap().list();
    let listed = listed.iter().map(|it| (it.uri(), it.target().to_string()));
    let expected = [
        ("https://b.example:443", "\"service-b\""),
        ("https://c.example:443/path", "\"service-c\""),
        ("https://{service}.svc.example.com:443", "\"{service}\""),
    ];
    let expected = expected.map(|(uri, target)| (uri.to_owned(), target.to_owned()));
    assert_eq!(Vec::from_iter(listed), expected);
}
