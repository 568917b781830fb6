//! Discovery documents, valid and invalid.

use std::time::Duration;

use http::header::RETRY_AFTER;
use obo::{Rejection, ResourceServer};
use obo_testkit::{Endpoint, Fault, TestIdp};
use tokio::time::{Instant, advance};

use crate::guarded::{Guarded, service_a};
use crate::issuer::{FakeIssuer, JWKS, OAUTH, OPENID, Reply};
use obo_test_support::Log;

const HOUR: Duration = Duration::from_secs(3600);

fn reason(rejection: Rejection) -> String {
    match rejection {
        Rejection::Unavailable { problem, .. } => problem,
        other => panic!("not 503: {other}"),
    }
}

/// MD-01
#[tokio::test]
async fn foreign_document_is_rejected() {
    let idp = TestIdp::start().await;
    idp.fault(Endpoint::Discovery, Fault::WrongIssuer);
    let server = service_a(obo::Issuer::new(idp.issuer()).unwrap());
    let token = idp.user("alice").audience("service-a").mint();
    let problem = reason(server.validate(&token).await.unwrap_err());
    assert!(
        problem.contains(idp.issuer()) && problem.contains("another issuer"),
        "{problem}"
    );
    assert_eq!((idp.discovery_requests(), idp.jwks_requests()), (1, 0));
}

/// MD-04
#[tokio::test(start_paused = true)]
async fn other_responses_try_next_place() {
    for nothing in [
        Reply::Status(404),
        Reply::Status(405),
        Reply::Status(403),
        Reply::Status(401),
        Reply::Status(410),
        Reply::Status(500),
        Reply::Status(204),
        Reply::Header(302, http::header::LOCATION, "https://evil.example/"),
        Reply::Typed("text/html", "<html>sign in</html>".to_owned()),
        Reply::Body(String::new()),
        Reply::Body("[]".to_owned()),
        Reply::Body("{}".to_owned()),
        Reply::Body(r#"{"issuer":7}"#.to_owned()),
        Reply::Body("\u{feff}{}".to_owned()),
        Reply::Body(format!(r#"{{"x":"{}"}}"#, "x".repeat(256 * 1024))),
    ] {
        let idp = FakeIssuer::new().await;
        idp.reply(OPENID, nothing);
        assert_eq!(
            Guarded::by(idp.server()).status(&idp.token().mint()).await,
            200
        );
        assert_eq!(idp.requests(), [OPENID, OAUTH, JWKS]);
    }
}

/// MD-04
#[tokio::test(start_paused = true)]
async fn path_issuer_has_three_places() {
    let idp = FakeIssuer::named("https://idp.example/t").await;
    let [appended, inserted, last] = [
        "https://idp.example/t/.well-known/openid-configuration",
        "https://idp.example/.well-known/oauth-authorization-server/t",
        "https://idp.example/.well-known/openid-configuration/t",
    ];
    idp.reply(OPENID, Reply::Status(403));
    idp.reply(inserted, Reply::Body("<html>".to_owned()));
    let document = r#"{"issuer":"https://idp.example/t","jwks_uri":"https://idp.example/t/jwks"}"#;
    idp.reply(last, Reply::Body(document.to_owned()));
    service_a(idp.server()).ready().await.unwrap();
    assert_eq!(idp.requests(), [OPENID, inserted, last, JWKS]);
    idp.reply(last, Reply::Status(404));
    let problem = reason(service_a(idp.server()).ready().await.unwrap_err());
    for seen in [appended, "403", inserted, "JSON object", last, "404"] {
        assert!(problem.contains(seen), "{seen}: {problem}");
    }
}

/// MD-04
#[tokio::test(start_paused = true)]
async fn other_failures_stop_discovery() {
    for failure in [
        Reply::Status(503),
        Reply::Header(429, RETRY_AFTER, "7"),
        Reply::Reset,
        Reply::Hang,
        Reply::Body(r#"{"issuer":"https://idp.example/"}"#.to_owned()),
    ] {
        let idp = FakeIssuer::new().await;
        idp.reply(OPENID, failure);
        assert_eq!(
            Guarded::by(idp.server()).status(&idp.token().mint()).await,
            503
        );
        assert_eq!(idp.requests(), [OPENID]);
    }
}

/// MD-04
#[tokio::test(start_paused = true)]
async fn all_places_share_one_deadline() {
    let idp = FakeIssuer::new().await;
    idp.reply(OPENID, Reply::Slow(3, 404));
    idp.reply(OAUTH, Reply::Hang);
    let started = Instant::now();
    reason(service_a(idp.server()).ready().await.unwrap_err());
    assert_eq!(started.elapsed().as_secs(), 5);
    assert_eq!(idp.requests(), [OPENID, OAUTH]);
}

/// MD-04
#[tokio::test(start_paused = true)]
async fn missing_document_names_the_fix() {
    let idp = FakeIssuer::new().await;
    idp.reply(OPENID, Reply::Status(404));
    idp.reply(OAUTH, Reply::Status(404));
    let refused = service_a(idp.server()).validate(&idp.token().mint()).await;
    let problem = reason(refused.unwrap_err());
    assert!(problem.contains("set the metadata"), "{problem}");
    assert!(problem.contains("with_metadata"), "{problem}");
    assert_eq!(idp.requests(), [OPENID, OAUTH]);
}

/// MD-07
#[tokio::test(start_paused = true)]
async fn invalid_jwks_uri_is_not_fetched() {
    let idp = FakeIssuer::new().await;
    for (jwks_uri, why) in [
        ("", "jwks_uri"),
        (r#","jwks_uri":"http://idp.example/jwks""#, "https"),
        (r#","jwks_uri":"file:///etc/keys""#, "https"),
        (r#","jwks_uri":7"#, "not a string"),
    ] {
        let document = format!(r#"{{"issuer":"https://idp.example"{jwks_uri}}}"#);
        idp.reply(OPENID, Reply::Body(document));
        let refused = service_a(idp.server()).validate(&idp.token().mint()).await;
        let problem = reason(refused.unwrap_err());
        assert!(problem.contains(why), "{problem}");
    }
    assert_eq!(idp.fetches(), 0);
}

/// MD-07
#[tokio::test(start_paused = true)]
async fn keys_may_be_on_another_host() {
    let idp = FakeIssuer::new().await;
    let elsewhere = "https://keys.example/set";
    let document = format!(r#"{{"issuer":"https://idp.example","jwks_uri":"{elsewhere}"}}"#);
    idp.reply(OPENID, Reply::Body(document));
    idp.reply(elsewhere, Reply::Body(idp.key_set()));
    assert_eq!(
        Guarded::by(idp.server()).status(&idp.token().mint()).await,
        200
    );
    assert_eq!(idp.requests(), [OPENID, elsewhere]);
}

#[tokio::test(start_paused = true)]
async fn document_is_cached_for_an_hour() {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.server());
    let discoveries = || idp.requests().iter().filter(|path| *path == OPENID).count();
    let token = idp.token().mint();
    for _ in 0..11 {
        assert_eq!(guarded.status(&token).await, 200);
        advance(Duration::from_secs(300)).await;
    }
    assert_eq!((discoveries(), idp.fetches()), (1, 11));
    idp.reply(OPENID, Reply::Status(500));
    advance(Duration::from_secs(300)).await;
    idp.rotate("k2");
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
    assert_eq!((discoveries(), idp.fetches()), (2, 12));
}

#[tokio::test(start_paused = true)]
async fn useless_document_is_renewed_early() {
    for nowhere in ["", r#","jwks_uri":"https://idp.example/gone""#] {
        let idp = FakeIssuer::new().await;
        let document = format!(r#"{{"issuer":"https://idp.example"{nowhere}}}"#);
        idp.reply(OPENID, Reply::Body(document));
        let guarded = Guarded::by(idp.server());
        let token = idp.token().mint();
        assert_eq!(guarded.status(&token).await, 503);
        idp.heal();
        let started = Instant::now();
        while guarded.status(&token).await != 200 {
            advance(Duration::from_millis(250)).await;
            assert!(started.elapsed() < Duration::from_secs(5), "{nowhere}");
        }
        let discoveries = idp.requests().iter().filter(|path| *path == OPENID).count();
        assert_eq!(discoveries, 2, "{nowhere}");
    }
}

/// An issuer whose discovery document is an hour old, and a server that needs it for the next
/// token.
async fn discovered_an_hour_ago() -> (FakeIssuer, ResourceServer, String) {
    let idp = FakeIssuer::new().await;
    let server = service_a(idp.server());
    server.ready().await.unwrap();
    idp.rotate("k2");
    advance(HOUR).await;
    let token = idp.token().mint();
    (idp, server, token)
}

fn discoveries(idp: &FakeIssuer) -> usize {
    idp.requests().iter().filter(|path| *path == OPENID).count()
}

#[tokio::test(start_paused = true)]
async fn stale_document_is_used_meanwhile() {
    for failure in [Reply::Hang, Reply::Half, Reply::Status(500), Reply::Reset] {
        let (idp, server, token) = discovered_an_hour_ago().await;
        idp.reply(OPENID, failure);
        let started = Instant::now();
        server.validate(&token).await.unwrap();
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(discoveries(&idp), 2, "one renewal in the background");
    }
}

#[tokio::test(start_paused = true)]
async fn stale_document_renews_in_background() {
    let (idp, server, token) = discovered_an_hour_ago().await;
    let moved = "https://keys.example/set";
    let document = format!(r#"{{"issuer":"https://idp.example","jwks_uri":"{moved}"}}"#);
    idp.reply(OPENID, Reply::Body(document));
    idp.reply(moved, Reply::Body(idp.key_set()));
    server.validate(&token).await.unwrap();
    idp.arrived(4).await;
    advance(Duration::from_secs(300)).await;
    server.validate(&token).await.unwrap();
    assert_eq!((discoveries(&idp), idp.fetches()), (2, 2));
    assert_eq!(idp.requests().last().unwrap(), moved);
}

#[tokio::test(start_paused = true)]
async fn failed_renewal_causes_a_pause() {
    for (reply, pause) in [
        (Reply::Status(503), 60),
        (Reply::Header(429, RETRY_AFTER, "1"), 60),
        (Reply::Header(429, RETRY_AFTER, "120"), 120),
    ] {
        let (idp, server, _) = discovered_an_hour_ago().await;
        idp.reply(OPENID, reply);
        let send = async || {
            // A key set beyond its maximum age is fetched for each request.
            idp.reply(JWKS, Reply::Reset);
            let _ = server.ready().await;
            advance(Duration::from_millis(500)).await;
        };
        advance(23 * HOUR).await;
        for _ in 0..2 * pause {
            send().await;
        }
        assert_eq!(discoveries(&idp), 2);
        send().await;
        assert_eq!(discoveries(&idp), 3, "after {pause} seconds");
    }
}

/// MD-01
#[tokio::test(start_paused = true)]
async fn new_foreign_document_is_logged() {
    let (idp, server, token) = discovered_an_hour_ago().await;
    let evil = r#"{"issuer":"https://evil.example","jwks_uri":"https://evil.example/jwks"}"#;
    idp.reply(OPENID, Reply::Body(evil.to_owned()));
    let (log, _guard) = Log::capture();
    server.validate(&token).await.unwrap();
    advance(Duration::from_secs(300)).await;
    server.validate(&token).await.unwrap();
    let requested = idp.requests();
    assert!(
        !requested.iter().any(|url| url.contains("evil")),
        "{requested:?}"
    );
    let logged = log.text();
    let line = logged.lines().find(|line| line.contains("not renewed"));
    let line = line.expect("an event");
    assert!(
        line.contains("WARN") && line.contains("another issuer"),
        "{line}"
    );
    assert!(line.contains("https://idp.example"), "{line}");
}

/// MD-05
#[tokio::test(start_paused = true)]
async fn plain_http_stays_on_issuer_host() {
    let issuer = "http://idp:8080/t";
    let idp = FakeIssuer::named(issuer).await;
    let discover = || {
        let issuer = obo::Issuer::danger_http(issuer).unwrap();
        service_a(
            obo::AuthorizationServer::builder(issuer)
                .with_http(idp.http())
                .build()
                .unwrap(),
        )
    };
    discover().validate(&idp.token().mint()).await.unwrap();
    assert_eq!(idp.requests(), [OPENID, JWKS]);
    let elsewhere = format!(r#"{{"issuer":"{issuer}","jwks_uri":"http://elsewhere/jwks"}}"#);
    idp.reply(OPENID, Reply::Body(elsewhere));
    let problem = reason(discover().ready().await.unwrap_err());
    assert!(problem.contains("plain http"), "{problem}");
    assert_eq!(idp.fetches(), 1);
}

/// MD-01
#[tokio::test(start_paused = true)]
async fn foreign_document_shows_spellings() {
    let idp = FakeIssuer::new().await;
    idp.reply(
        OPENID,
        Reply::Body(r#"{"issuer":"https://idp.example/"}"#.to_owned()),
    );
    let problem = reason(service_a(idp.server()).ready().await.unwrap_err());
    for part in [
        r#""https://idp.example/""#,
        r#""https://idp.example""#,
        "slash at the end",
    ] {
        assert!(problem.contains(part), "{problem}");
    }
}

/// MD-08
#[tokio::test(start_paused = true)]
async fn keys_need_no_token_endpoint() {
    let idp = FakeIssuer::new().await;
    let document = r#"{"issuer":"https://idp.example","jwks_uri":"https://idp.example/jwks","token_endpoint":"http://inside.example/token","introspection_endpoint":7,"mtls_endpoint_aliases":[]}"#;
    idp.reply(OPENID, Reply::Body(document.to_owned()));
    let server = service_a(idp.server());
    server.validate(&idp.token().mint()).await.unwrap();
}
