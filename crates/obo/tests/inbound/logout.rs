//! `BackchannelLogout`: OpenID Connect Back-Channel Logout 1.0.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use obo::fleet::{Fleet, Revoked};
use obo::logout::BackchannelLogout;
use obo::{ResourceServer, Trust};
use obo_test_support::soon;
use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde_json::Value;

use crate::issuer::{FakeIssuer, JWKS, Reply};
use crate::receiving::{CLIENT, Receiving, form, header, logout, post, send};

/// Checks that a request was refused as a bad one, and returns the description.
fn bad(response: &Response<String>) -> String {
    assert_eq!(response.status(), 400, "{}", response.body());
    assert_eq!(header(response, "content-type"), "application/json");
    assert_eq!(header(response, "cache-control"), "no-store");
    let body: Value = serde_json::from_str(response.body()).unwrap();
    assert_eq!(body["error"], "invalid_request");
    body["error_description"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn logout_revokes_the_user() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let response = receiving.log_out(&logout(&idp, "alice").mint()).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "cache-control"), "no-store");
    assert_eq!(response.body(), "");
    let [mark] = &*receiving.store.revoked() else {
        panic!("not one mark");
    };
    assert_eq!(mark.of, Revoked::Subject("alice".into()));
    assert_eq!(mark.issuer, idp.id());
}

#[tokio::test]
async fn logout_of_session_revokes_it_alone() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = logout(&idp, "alice").session("s-1").issued_at(-20);
    let issued = token.claims()["iat"].as_u64().unwrap();
    let token = token.claim("iat", issued).mint();
    assert_eq!(receiving.log_out(&token).await.status(), 200);
    let [mark] = &*receiving.store.revoked() else {
        panic!("not one mark");
    };
    assert_eq!(mark.of, Revoked::Session("s-1".into()));
    assert_eq!(mark.until.as_secs(), issued);
}

/// At the receiver at once, at another replica as soon as it hears of it.
#[tokio::test]
async fn replicas_refuse_revoked_tokens() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let replica = receiving.replica(&idp);
    let here = idp.token().session("s-1").issued_at(-30).mint();
    let elsewhere = idp.token().session("s-2").issued_at(-30).mint();
    let later = idp.token().session("s-1").mint();
    for server in [&receiving.server, &replica.server] {
        server.validate(&here).await.unwrap();
    }
    let token = logout(&idp, "alice").session("s-1").issued_at(-20).mint();
    assert_eq!(receiving.log_out(&token).await.status(), 200);
    let refused = receiving.server.validate(&here).await.unwrap_err();
    assert_eq!(refused.code(), "revoked");
    let heard = async {
        while replica.server.validate(&here).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    soon("the logout at the replica", heard).await;
    for server in [&receiving.server, &replica.server] {
        server.validate(&elsewhere).await.unwrap();
        server.validate(&later).await.unwrap();
    }
}

#[tokio::test]
async fn logout_token_is_used_once() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let replica = receiving.replica(&idp);
    let token = logout(&idp, "alice").mint();
    assert_eq!(receiving.log_out(&token).await.status(), 200);
    for receiver in [&receiving, &replica] {
        let again = receiver.log_out(&token).await;
        assert_eq!(bad(&again), "the token was used before");
    }
    receiving.store.only();
}

#[tokio::test]
async fn one_of_simultaneous_logouts_wins() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let replica = receiving.replica(&idp);
    let token = logout(&idp, "alice").mint();
    let sent = (0..20).map(|i| {
        let receiver = if i % 2 == 0 { &receiving } else { &replica };
        receiver.log_out(&token)
    });
    let responses = futures_util::future::join_all(sent).await;
    let won = responses.iter().filter(|it| it.status() == 200).count();
    let lost = responses.iter().filter(|it| it.status() == 400).count();
    assert_eq!((won, lost), (1, 19));
    receiving.store.only();
}

/// A token that is refused must not use up the identifier of the real one.
#[tokio::test]
async fn refused_token_takes_no_identifier() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = || logout(&idp, "alice").claim("jti", "j-1");
    let foreign = TestKey::generate(TestAlg::Es256);
    for wrong in [
        token().sign_with(&foreign),
        token().claim("nonce", "n"),
        token().claim("aud", "other"),
    ] {
        bad(&receiving.log_out(&wrong.mint()).await);
    }
    assert!(receiving.store.revoked().is_empty());
    assert_eq!(receiving.log_out(&token().mint()).await.status(), 200);
}

#[tokio::test]
async fn identifier_is_scoped_by_issuer() {
    let one = FakeIssuer::new().await;
    let other = FakeIssuer::named("https://other.example").await;
    let server = ResourceServer::builder("service-a")
        .trust(Trust::new(one.known()))
        .trust(Trust::new(other.known()));
    let receiving = Receiving::with(server);
    for idp in [&one, &other] {
        let token = logout(idp, "alice").claim("jti", "j-1").mint();
        assert_eq!(receiving.log_out(&token).await.status(), 200);
    }
    let issuers = receiving.store.revoked();
    let issuers: Vec<_> = issuers.iter().map(|mark| mark.issuer.clone()).collect();
    assert_eq!(issuers, [one.id(), other.id()]);
    // The key of one issuer signs no logouts of the other.
    let forged = logout(&one, "alice").issuer("https://other.example").mint();
    bad(&receiving.log_out(&forged).await);
}

#[tokio::test]
async fn wrong_logout_tokens_are_refused() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = || logout(&idp, "alice");
    let foreign = TestKey::generate(TestAlg::Es256);
    for (wrong, description) in [
        (
            token().claim("nonce", "n"),
            "a logout token must not have a nonce",
        ),
        (
            token().without("events"),
            "the claim events is missing or malformed",
        ),
        (
            token().without("jti"),
            "the claim jti is missing or malformed",
        ),
        (
            token().without("sub"),
            "the token names neither a user nor a session",
        ),
        (
            token().claim("aud", "service-a"),
            "the token is addressed to another audience",
        ),
        (token().issued_at(3600), "the token is of the future"),
        (token().expires_in(-3600), "the token has expired"),
        (
            token().header("crit", "x"),
            "a member of the header is not supported",
        ),
        (token().sign_with(&foreign), "the signature does not verify"),
        (
            token().kid(Some("unknown")),
            "no key of the issuer fits the token",
        ),
        (
            token().typ(Some("at+jwt")),
            "the typ of the header is of another kind of token",
        ),
        (
            token().header("alg", "none"),
            "the signature algorithm is not accepted",
        ),
    ] {
        assert_eq!(bad(&receiving.log_out(&wrong.mint()).await), description);
    }
    for text in ["", "x", "a.b.c", "a.b.c.d.e"] {
        bad(&receiving.log_out(text).await);
    }
    assert!(receiving.store.revoked().is_empty());
}

/// RFC 8725 section 3.8
#[tokio::test]
async fn unknown_issuer_causes_no_io() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let other = logout(&idp, "alice").issuer("https://evil.example").mint();
    let without = logout(&idp, "alice").without("iss").mint();
    for token in [other, without] {
        bad(&receiving.log_out(&token).await);
    }
    assert_eq!(idp.requests(), Vec::<String>::new());
}

/// JW-22
#[tokio::test]
async fn rotated_key_is_fetched() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = logout(&idp, "alice").mint();
    assert_eq!(receiving.log_out(&token).await.status(), 200);
    idp.rotate("k2");
    let token = logout(&idp, "alice").mint();
    assert_eq!(receiving.log_out(&token).await.status(), 200);
    assert_eq!(idp.fetches(), 2);
}

#[tokio::test]
async fn missing_keys_are_503() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    idp.reply(JWKS, Reply::Status(500));
    let token = logout(&idp, "alice").mint();
    for _ in 0..2 {
        let response = receiving.log_out(&token).await;
        assert_eq!(response.status(), 503);
        assert!(header(&response, "retry-after").parse::<u64>().unwrap() > 0);
        assert_eq!(header(&response, "cache-control"), "no-store");
    }
}

/// While the store is away a logout is refused, and the same token takes effect later.
#[tokio::test]
async fn lost_store_takes_nothing() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = logout(&idp, "alice").mint();
    receiving.store.set_away(true);
    let response = receiving.log_out(&token).await;
    assert_eq!(response.status(), 503);
    assert_eq!(header(&response, "retry-after"), "1");
    receiving.store.set_away(false);
    assert_eq!(receiving.log_out(&token).await.status(), 200);
    assert_eq!(receiving.store.only(), Revoked::Subject("alice".into()));
}

#[tokio::test]
async fn only_posted_forms_are_read() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = logout(&idp, "alice").mint();
    for method in ["GET", "HEAD", "PUT", "OPTIONS"] {
        let mut request = form(&[("logout_token", &token)]);
        *request.method_mut() = method.parse().unwrap();
        let response = send(&receiving.logout, request).await;
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(header(&response, "allow"), "POST");
    }
    for media_type in ["application/json", "text/plain", "application/jwt", ""] {
        let request = post(media_type, format!("logout_token={token}"));
        let response = send(&receiving.logout, request).await;
        assert_eq!(response.status(), 415, "{media_type}");
    }
    let charset = "application/x-www-form-urlencoded;charset=utf-8";
    let request = post(charset, format!("logout_token={token}"));
    assert_eq!(send(&receiving.logout, request).await.status(), 200);
}

#[tokio::test]
async fn form_has_one_logout_token() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let token = logout(&idp, "alice").mint();
    let twice = [("logout_token", &*token), ("logout_token", &token)];
    for (pairs, description) in [
        (&twice[..], "logout_token occurs twice"),
        (&[], "logout_token is missing"),
        (&[("token", &token)], "logout_token is missing"),
    ] {
        let response = send(&receiving.logout, form(pairs)).await;
        assert_eq!(bad(&response), description);
    }
    // Section 2.5: other values are ignored.
    let more = [("state", "x"), ("logout_token", &token), ("state", "y")];
    assert_eq!(send(&receiving.logout, form(&more)).await.status(), 200);
}

#[tokio::test]
async fn long_body_is_413() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let long = "x".repeat(64 * 1024);
    let known = form(&[("logout_token", &long)]);
    assert_eq!(send(&receiving.logout, known).await.status(), 413);
    let chunk = || Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[b'x'; 1024])));
    let endless = StreamBody::new(futures_util::stream::repeat_with(chunk));
    let endless = form(&[]).map(|_| endless);
    assert_eq!(send(&receiving.logout, endless).await.status(), 413);
    let short = format!("{}&x=", "x".repeat(60 * 1024));
    let token = logout(&idp, "alice").mint();
    let fits = form(&[(&*short, ""), ("logout_token", &token)]);
    assert_eq!(send(&receiving.logout, fits).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn slow_body_is_408() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let pending = futures_util::stream::pending::<Result<Frame<Bytes>, std::io::Error>>();
    let slow = form(&[]).map(|_| StreamBody::new(pending));
    let start = tokio::time::Instant::now();
    assert_eq!(send(&receiving.logout, slow).await.status(), 408);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test]
async fn broken_body_is_400() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let broken = async { Err::<Frame<Bytes>, _>(std::io::Error::other("reset")) };
    let broken = StreamBody::new(futures_util::stream::once(Box::pin(broken)));
    let broken = form(&[]).map(|_| broken);
    bad(&send(&receiving.logout, broken).await);
}

/// The response tells nothing of whether the user has tokens here.
#[tokio::test]
async fn unknown_user_is_like_known_one() {
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    let known = receiving.log_out(&logout(&idp, "alice").mint()).await;
    let unknown = receiving.log_out(&logout(&idp, "nobody").mint()).await;
    assert_eq!(known.status(), unknown.status());
    assert_eq!(known.headers(), unknown.headers());
    assert_eq!(known.body(), unknown.body());
}

#[tokio::test]
async fn logout_error_names_its_field() {
    let idp = FakeIssuer::new().await;
    let server = ResourceServer::builder("service-a").trust(idp.known());
    let (server, fleet) = (server.build().unwrap(), Fleet::builder().build().unwrap());
    let error = BackchannelLogout::new(&server, &fleet, "").unwrap_err();
    assert_eq!(error.field(), "audience");
}

/// Over a socket, as an authorization server sends it.
#[tokio::test]
async fn testkit_sends_logouts() {
    let idp = TestIdp::start().await;
    let server = ResourceServer::builder("service-a").trust(idp.issuer());
    let receiving = Receiving::with(server);
    let app = axum::Router::new()
        .route_service("/backchannel-logout", receiving.logout.clone())
        .route_service("/ssf", receiving.events.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let url = format!("http://{address}/backchannel-logout");
    let token = idp.logout_token("alice", CLIENT).mint();
    assert_eq!(idp.send_logout(&url, &token).await.status(), 200);
    bad(&idp.send_logout(&url, &token).await);
    let url = format!("http://{address}/ssf");
    let token = idp
        .security_event("session-revoked", "bob")
        .audience(CLIENT);
    let response = idp.send_security_event(&url, &token.mint()).await;
    assert_eq!(response.status(), 202, "{}", response.body());
    let revoked: Vec<_> = (receiving.store.revoked().into_iter())
        .map(|mark| mark.of)
        .collect();
    let user = |name: &str| Revoked::Subject(name.to_owned());
    assert_eq!(revoked, [user("alice"), user("bob")]);
}

/// As of axum, of hyper, and of tests.
#[tokio::test]
async fn any_body_is_accepted() {
    fn accepts<S, B>(_: &S)
    where
        S: tower::Service<Request<B>, Response = Response<Full<Bytes>>>,
    {
    }
    let idp = FakeIssuer::new().await;
    let receiving = Receiving::from(&idp);
    accepts::<_, axum::body::Body>(&receiving.logout);
    accepts::<_, Full<Bytes>>(&receiving.logout);
    accepts::<_, String>(&receiving.logout);
    accepts::<_, axum::body::Body>(&receiving.events);
}
