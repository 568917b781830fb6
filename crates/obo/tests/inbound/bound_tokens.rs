//! Tokens that are bound to a key or a certificate, from the request to the caller.

use std::time::Duration;

use futures_util::future::join_all;
use http::{HeaderMap, Method, Request, Response, header};
use obo::binding::{
    BoundTokens, CertificateHeader, ClientCertificate, OriginalTarget, PeerAddress,
};
use obo::client::SigningKey;
use obo::fleet::{Fleet, InProcess, KeyRing, RingKey};
use obo::policy::Algorithm;
use obo::time::{Clock, TestClock, UnixTime};
use obo::{BearerAuthLayer, Rejection, ResourceServer, Rule, Secret};
use obo_core::binding::dpop::{NewProof, ProofKey};
use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde_json::json;

use crate::guarded::{Guarded, challenges};

const BASE: &str = "https://a.example";
const ALGS: &str = r#"algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA""#;

struct Bound {
    idp: TestIdp,
    key: ProofKey,
    wall: TestClock,
}

/// How a request differs from a good one.
#[derive(Clone, Debug)]
struct Sent {
    method: Method,
    path: &'static str,
    scheme: &'static str,
    proofs: Vec<String>,
}

impl Bound {
    async fn start() -> Self {
        let idp = TestIdp::builder().signing(TestAlg::Es256).start().await;
        Self {
            idp,
            key: key(),
            wall: TestClock::new(Clock::system().now()),
        }
    }

    fn server(&self, tokens: BoundTokens) -> ResourceServer {
        let server = ResourceServer::builder("service-a").trust(self.idp.issuer());
        let server = server.bound_tokens(tokens).clock(self.wall.clone());
        server.build().unwrap()
    }

    fn guarded(&self, tokens: BoundTokens) -> Guarded {
        Guarded::new(BearerAuthLayer::new(self.server(tokens)))
    }

    fn token(&self, confirmation: serde_json::Value) -> String {
        let token = self.idp.user("alice").audience("service-a");
        token.claim("cnf", confirmation).mint()
    }

    /// A token that is bound to the key.
    fn bound(&self) -> String {
        self.token(json!({ "jkt": self.key.thumbprint().to_string() }))
    }

    fn plain(&self) -> String {
        self.idp.user("alice").audience("service-a").mint()
    }

    fn proof<'p>(
        &self,
        token: &'p str,
        jti: &'p str,
        change: impl FnOnce(&mut NewProof<'p>),
    ) -> String {
        let mut proof = NewProof {
            method: "GET",
            uri: "https://a.example/orders",
            token: Some(token),
            nonce: None,
            jti,
            now: self.wall.now(),
        };
        change(&mut proof);
        self.key.sign(&proof).unwrap().expose().to_owned()
    }
}

fn key() -> ProofKey {
    let pem = TestKey::generate(TestAlg::Es256).private_pem();
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(pem)).unwrap();
    ProofKey::new(key).unwrap()
}

fn dpop() -> BoundTokens {
    BoundTokens::new().dpop(BASE)
}

fn request(token: &str, sent: &Sent) -> Request<()> {
    let mut request = Request::builder().method(&sent.method).uri(sent.path);
    request = request.header(header::AUTHORIZATION, format!("{} {token}", sent.scheme));
    for proof in &sent.proofs {
        request = request.header("dpop", proof);
    }
    request.body(()).unwrap()
}

fn good(proof: String) -> Sent {
    Sent {
        method: Method::GET,
        path: "/orders",
        scheme: "DPoP",
        proofs: vec![proof],
    }
}

fn assert_refused(response: &Response<String>, error: &str, what: &str) {
    assert_eq!(response.status(), 401, "{what}");
    let expected = format!("DPoP error=\"{error}\", {ALGS}");
    assert_eq!(challenges(response), [expected], "{what}");
}

/// DP-10, DP-04, DP-05, DP-08, DP-09
#[tokio::test]
async fn good_proof_is_admitted() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop()), bound.bound());
    for (i, scheme) in ["DPoP", "dpop", "DPOP"].into_iter().enumerate() {
        let jti = format!("jti-{i}");
        let sent = Sent {
            scheme,
            path: "/orders?id=7",
            ..good(bound.proof(&token, &jti, |_| {}))
        };
        let response = guarded.send(request(&token, &sent)).await;
        assert_eq!(response.status(), 200, "{scheme}");
    }
    let caller = guarded.last().unwrap();
    assert_eq!(caller.binding().jkt.as_ref(), Some(bound.key.thumbprint()));
    // A plain token needs none.
    assert_eq!(guarded.status(&bound.plain()).await, 200);
}

/// DP-01, DP-03, DP-04, DP-05, DP-07, DP-08, DP-14
#[tokio::test]
async fn wrong_proof_is_refused() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop()), bound.bound());
    let other = bound.plain();
    let one = |change: fn(&mut NewProof<'_>)| vec![bound.proof(&token, "jti", change)];
    let late = |now: UnixTime, by: u64| UnixTime::from_secs(now.as_secs() - by);
    let proof = bound.proof(&token, "jti", |_| {});
    let cases: Vec<(&str, Vec<String>)> = vec![
        ("no proof", vec![]),
        (
            "two proofs",
            vec![proof.clone(), bound.proof(&token, "2", |_| {})],
        ),
        ("joined proofs", vec![format!("{proof},{proof}")]),
        ("no JWS", vec!["proof".to_owned()]),
        ("cut off", vec![proof[..proof.len() - 2].to_owned()]),
        ("another method", one(|proof| proof.method = "POST")),
        ("a method in lower case", one(|proof| proof.method = "get")),
        (
            "another path",
            one(|proof| proof.uri = "https://a.example/order"),
        ),
        (
            "another host",
            one(|proof| proof.uri = "https://b.example/orders"),
        ),
        (
            "another scheme",
            one(|proof| proof.uri = "http://a.example/orders"),
        ),
        ("no token", one(|proof| proof.token = None)),
        (
            "another token",
            vec![bound.proof(&token, "jti", |proof| proof.token = Some(&other))],
        ),
        (
            "too old",
            vec![bound.proof(&token, "jti", |proof| proof.now = late(proof.now, 61))],
        ),
        (
            "too early",
            vec![bound.proof(&token, "jti", |proof| {
                proof.now = proof.now.saturating_add(Duration::from_secs(61));
            })],
        ),
    ];
    for (what, proofs) in cases {
        let sent = Sent {
            proofs,
            ..good(String::new())
        };
        let response = guarded.send(request(&token, &sent)).await;
        assert_refused(&response, "invalid_dpop_proof", what);
    }
    assert_eq!(guarded.admitted(), 0);
    // Nothing of this was recorded as used (DP-13), and both ends of the window are in it.
    for (jti, by) in [("jti", 60), ("jti-2", 0)] {
        let proof = bound.proof(&token, jti, |proof| proof.now = late(proof.now, by));
        let response = guarded.send(request(&token, &good(proof))).await;
        assert_eq!(response.status(), 200);
    }
}

/// DP-09, DP-11
#[tokio::test]
async fn binding_and_scheme_must_fit() {
    let bound = Bound::start().await;
    let guarded = bound.guarded(dpop());
    let (token, plain) = (bound.bound(), bound.plain());
    let another = bound.token(json!({ "jkt": key().thumbprint().to_string() }));
    for (token, what) in [(&plain, "a plain token"), (&another, "another key")] {
        let proof = bound.proof(token, what, |_| {});
        let response = guarded.send(request(token, &good(proof))).await;
        assert_refused(&response, "invalid_token", what);
    }
    let sent = Sent {
        scheme: "Bearer",
        ..good(bound.proof(&token, "jti", |_| {}))
    };
    let response = guarded.send(request(&token, &sent)).await;
    assert_eq!(response.status(), 401);
    let offered = format!("DPoP {ALGS}");
    assert_eq!(
        challenges(&response),
        [r#"Bearer error="invalid_token""#, &*offered]
    );
    let unknown = bound.token(json!({ "jkt": bound.key.thumbprint().to_string(), "jwe": "x" }));
    let proof = bound.proof(&unknown, "unknown", |_| {});
    let response = guarded.send(request(&unknown, &good(proof))).await;
    assert_refused(&response, "invalid_token", "an unknown method");
}

/// DP-12, DP-13
#[tokio::test]
async fn proof_is_used_once() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop()), bound.bound());
    let sent = good(bound.proof(&token, "jti", |_| {}));
    let at_once = join_all((0..20).map(|_| guarded.send(request(&token, &sent)))).await;
    let admitted = at_once.iter().filter(|response| response.status() == 200);
    assert_eq!(admitted.count(), 1);
    let again = guarded.send(request(&token, &sent)).await;
    assert_refused(&again, "invalid_dpop_proof", "a replay");
    // The same `jti` of another key is another proof.
    let other = Bound {
        idp: bound.idp.clone(),
        key: key(),
        wall: bound.wall.clone(),
    };
    let (token, proof) = (other.bound(), |token: &str| {
        other.proof(token, "jti", |_| {})
    });
    let response = guarded.send(request(&token, &good(proof(&token)))).await;
    assert_eq!(response.status(), 200);
}

/// DP-12
#[tokio::test]
async fn replicas_share_used_proofs() {
    let bound = Bound::start().await;
    let store = std::sync::Arc::new(InProcess::new());
    let replica = || {
        let ring = RingKey::parse("k1", &Secret::new("A".repeat(43))).unwrap();
        let fleet = Fleet::builder().store(Shared(store.clone()), KeyRing::new([ring]).unwrap());
        let server = ResourceServer::builder("service-a").trust(bound.idp.issuer());
        let server = server.bound_tokens(dpop()).clock(bound.wall.clone());
        let server = server.fleet(fleet.build().unwrap()).build().unwrap();
        Guarded::new(BearerAuthLayer::new(server))
    };
    let (one, other, token) = (replica(), replica(), bound.bound());
    let sent = good(bound.proof(&token, "jti", |_| {}));
    assert_eq!(one.send(request(&token, &sent)).await.status(), 200);
    let replayed = other.send(request(&token, &sent)).await;
    assert_refused(
        &replayed,
        "invalid_dpop_proof",
        "a replay at another replica",
    );
}

/// DP-16, DP-14
#[tokio::test]
async fn demanded_nonce_is_repeated() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop().demand_nonce()), bound.bound());
    let send = async |nonce: Option<&String>, jti: &'static str| {
        let nonce = nonce.cloned();
        let nonce = nonce.as_deref();
        let proof = bound.proof(&token, jti, |proof| proof.nonce = nonce);
        guarded.send(request(&token, &good(proof))).await
    };
    let nonce = |response: &Response<String>| {
        assert_refused(response, "use_dpop_nonce", "a nonce is demanded");
        response.headers()["dpop-nonce"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    let first = nonce(&send(None, "1").await);
    assert_eq!(send(Some(&first), "1").await.status(), 200);
    assert_eq!(send(Some(&first), "2").await.status(), 200);
    // Good for the next period too, then no more.
    bound.wall.advance(Duration::from_secs(60));
    assert_eq!(send(Some(&first), "3").await.status(), 200);
    bound.wall.advance(Duration::from_secs(60));
    let next = nonce(&send(Some(&first), "4").await);
    assert_ne!(next, first);
    nonce(&send(Some(&"a-nonce-of-another-service".to_owned()), "5").await);
    assert_eq!(send(Some(&next), "6").await.status(), 200);
}

/// DP-15, MT-03
#[tokio::test]
async fn schemes_are_offered_as_configured() {
    let bound = Bound::start().await;
    let (both, only) = (format!("DPoP {ALGS}"), format!("DPoP {ALGS}"));
    let bare = || Request::get("/orders").body(()).unwrap();
    let response = bound.guarded(dpop()).send(bare()).await;
    assert_eq!(challenges(&response), ["Bearer", &*both]);
    let required = bound.guarded(dpop().require_dpop());
    let response = required.send(bare()).await;
    assert_eq!(challenges(&response), [&*only]);
    let response = required.with(format!("Bearer {}", bound.plain())).await;
    assert_refused(&response, "invalid_token", "a plain token");

    // Without DPoP nothing is offered, and a bound token is refused with either scheme.
    let off = Guarded::new(BearerAuthLayer::new(
        ResourceServer::builder("service-a")
            .trust(bound.idp.issuer())
            .build()
            .unwrap(),
    ));
    let response = off.send(bare()).await;
    assert_eq!(challenges(&response), ["Bearer"]);
    let token = bound.bound();
    off.refuses(&token, "a bound token").await;
    let sent = good(bound.proof(&token, "jti", |_| {}));
    let response = off.send(request(&token, &sent)).await;
    assert_eq!(
        (response.status().as_u16(), challenges(&response)),
        (401, vec!["Bearer"])
    );
}

/// BC-02
#[tokio::test]
async fn bound_token_can_be_demanded() {
    let bound = Bound::start().await;
    let guarded = bound.guarded(dpop()).requires(Rule::bound());
    let token = bound.bound();
    let sent = good(bound.proof(&token, "jti", |_| {}));
    assert_eq!(guarded.send(request(&token, &sent)).await.status(), 200);
    let response = guarded.with(format!("Bearer {}", bound.plain())).await;
    assert_eq!(response.status(), 401);
    let offered = format!("DPoP {ALGS}");
    assert_eq!(
        challenges(&response),
        [r#"Bearer error="invalid_token""#, &*offered]
    );

    let trust = obo::Trust::new(bound.idp.issuer()).require_bound();
    let server = ResourceServer::builder("service-a")
        .trust(trust)
        .bound_tokens(dpop());
    let server = server.clock(bound.wall.clone()).build().unwrap();
    let guarded = Guarded::new(BearerAuthLayer::new(server.clone()));
    assert_eq!(guarded.status(&bound.plain()).await, 401);
    let sent = good(bound.proof(&token, "jti-2", |_| {}));
    assert_eq!(guarded.send(request(&token, &sent)).await.status(), 200);
    // Without a request nothing is proven.
    server.validate(&token).await.unwrap_err();
}

/// DP-06
#[tokio::test]
async fn original_target_counts() {
    let bound = Bound::start().await;
    let guarded = bound.guarded(BoundTokens::new().dpop("https://A.example:443/api/"));
    let token = bound.bound();
    let uri = "https://a.example/api/v1/orders";
    let proof = bound.proof(&token, "jti", |proof| proof.uri = uri);
    let mut nested = request(&token, &good(proof));
    nested
        .headers_mut()
        .insert("x-forwarded-host", "evil.example".parse().unwrap());
    nested
        .headers_mut()
        .insert(header::HOST, "evil.example".parse().unwrap());
    let target = OriginalTarget("/v1/orders?id=1".parse().unwrap());
    nested.extensions_mut().insert(target);
    assert_eq!(guarded.send(nested).await.status(), 200);
    let proof = bound.proof(&token, "jti-2", |proof| proof.uri = uri);
    let response = guarded.send(request(&token, &good(proof))).await;
    assert_refused(&response, "invalid_dpop_proof", "the path of the router");
}

/// GR-01, DP-14
#[tokio::test]
async fn grpc_refusal_has_the_challenge() {
    let bound = Bound::start().await;
    let (guarded, token) = (bound.guarded(dpop()), bound.bound());
    let post = |proof: String| {
        let sent = Sent {
            method: Method::POST,
            ..good(proof)
        };
        let mut request = request(&token, &sent);
        let kind = "application/grpc".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, kind);
        request
    };
    let proof = bound.proof(&token, "jti", |proof| proof.method = "POST");
    assert_eq!(
        guarded.send(post(proof)).await.headers().get("grpc-status"),
        None
    );
    let response = guarded
        .send(post(bound.proof(&token, "jti-2", |_| {})))
        .await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "16");
    let expected = format!("DPoP error=\"invalid_dpop_proof\", {ALGS}");
    assert_eq!(challenges(&response), [expected]);
}

/// DP-25
#[tokio::test]
async fn introspected_token_is_bound_too() {
    let bound = Bound::start().await;
    bound
        .idp
        .client("service-a")
        .secret("s3cret")
        .may_introspect("service-a");
    let client = obo::Client::new("service-a", obo::ClientSecretBasic::new("s3cret"));
    let trust = obo::Trust::new(bound.idp.issuer()).introspect(obo::Introspection::new(client));
    let server = ResourceServer::builder("service-a")
        .trust(trust)
        .bound_tokens(dpop());
    let server = server.clock(bound.wall.clone()).build().unwrap();
    let guarded = Guarded::new(BearerAuthLayer::new(server));
    let opaque = |confirmation: serde_json::Value| {
        let token = bound.idp.user("alice").audience("service-a");
        token.claim("cnf", confirmation).mint_opaque()
    };
    let token = opaque(json!({ "jkt": bound.key.thumbprint().to_string() }));
    for jti in ["1", "2"] {
        let sent = good(bound.proof(&token, jti, |_| {}));
        assert_eq!(guarded.send(request(&token, &sent)).await.status(), 200);
    }
    assert_eq!(guarded.status(&token).await, 401);
    let another = opaque(json!({ "jkt": key().thumbprint().to_string() }));
    let sent = good(bound.proof(&another, "3", |_| {}));
    let response = guarded.send(request(&another, &sent)).await;
    assert_refused(&response, "invalid_token", "another key");
}

/// DP-25
#[tokio::test]
async fn confirmed_jwt_is_bound_too() {
    let bound = Bound::start().await;
    bound
        .idp
        .client("service-a")
        .secret("s3cret")
        .may_introspect("service-a");
    for is_confirmed in [true, false] {
        let client = obo::Client::new("service-a", obo::ClientSecretBasic::new("s3cret"));
        let introspection = obo::Introspection::new(client);
        let introspection = match is_confirmed {
            true => introspection.for_revocation(),
            false => introspection,
        };
        let trust = obo::Trust::new(bound.idp.issuer()).introspect(introspection);
        let server = ResourceServer::builder("service-a")
            .trust(trust)
            .bound_tokens(dpop())
            .clock(bound.wall.clone())
            .build()
            .unwrap();
        let guarded = Guarded::new(BearerAuthLayer::new(server));
        let token = bound.bound();
        for (jti, status) in [("1", 200), ("2", 200), ("2", 401)] {
            let sent = good(bound.proof(&token, jti, |_| {}));
            let response = guarded.send(request(&token, &sent)).await;
            assert_eq!(response.status(), status, "{is_confirmed} {jti}");
        }
        assert_eq!(guarded.status(&token).await, 401);
    }
}

/// MT-01, MT-02
#[tokio::test]
async fn certificate_of_connection_must_fit() {
    let bound = Bound::start().await;
    let guarded = bound.guarded(BoundTokens::new().certificates());
    let (own, other) = (
        ClientCertificate::from_der(b"own"),
        ClientCertificate::from_der(b"other"),
    );
    let token = bound.token(json!({ "x5t#S256": base64url(own.thumbprint()) }));
    let send = async |certificate: Option<ClientCertificate>| {
        let mut request = crate::guarded::with_line(format!("Bearer {token}"));
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        guarded.send(request).await
    };
    assert_eq!(send(Some(own)).await.status(), 200);
    for wrong in [Some(other), None] {
        let response = send(wrong).await;
        assert_eq!(response.status(), 401, "{wrong:?}");
        assert_eq!(challenges(&response), [r#"Bearer error="invalid_token""#]);
    }
    // A plain token that came over mutual TLS stays a plain one.
    let mut plain = crate::guarded::with_line(format!("Bearer {}", bound.plain()));
    plain.extensions_mut().insert(own);
    assert_eq!(guarded.send(plain).await.status(), 200);
    assert!(!guarded.last().unwrap().binding().is_bound());
}

/// MT-04, MT-05
#[tokio::test]
async fn header_counts_from_listed_proxies() {
    let bound = Bound::start().await;
    let der = [0x30, 0x03, 0x02, 0x01, 0x05];
    let certificate = ClientCertificate::from_der(&der);
    let token = bound.token(json!({ "x5t#S256": base64url(certificate.thumbprint()) }));
    let header = CertificateHeader::ClientCert;
    let tokens = BoundTokens::new().certificate_header(header, ["10.1.0.0/16", "::1"]);
    let guarded = bound.guarded(tokens);
    let value = format!(
        ":{}:",
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der)
    );
    let send = async |from: Option<&str>, lines: &[&str]| {
        let mut request = crate::guarded::with_line(format!("Bearer {token}"));
        for line in lines {
            request
                .headers_mut()
                .append("client-cert", line.parse().unwrap());
        }
        if let Some(from) = from {
            request
                .extensions_mut()
                .insert(PeerAddress(from.parse().unwrap()));
        }
        guarded.send(request).await.status().as_u16()
    };
    for from in ["10.1.2.3", "::1", "::ffff:10.1.2.3"] {
        assert_eq!(send(Some(from), &[&value]).await, 200, "{from}");
    }
    for from in [Some("10.2.0.1"), Some("::2"), None] {
        assert_eq!(send(from, &[&value]).await, 401, "{from:?}");
    }
    assert_eq!(send(Some("::1"), &[]).await, 401);
    assert_eq!(send(Some("::1"), &[&value, &value]).await, 400);
    assert_eq!(send(Some("::1"), &["%3A"]).await, 400);
}

/// MT-04
#[test]
fn networks_of_proxies_are_checked() {
    let header = CertificateHeader::ClientCert;
    let build = |tokens: BoundTokens| {
        let server = ResourceServer::builder("service-a").trust("https://idp.example");
        server.bound_tokens(tokens).build()
    };
    for (wrong, problem) in [
        (vec!["10.1.0.0/33"], "is no network"),
        (vec!["::ffff:10.0.0.0/129"], "is no network"),
        (vec![""], "is no network"),
        (vec![], "is empty"),
        (vec!["0.0.0.0/0"], "every address (0.0.0.0/0)"),
        (vec!["10.1.2.3/0"], "every address (0.0.0.0/0)"),
        (vec!["::1", "::/0"], "every address (::/0)"),
        (vec!["::ffff:0:0/96"], "every address (0.0.0.0/0)"),
        (
            vec!["128.0.0.0/1", "0.0.0.0/1"],
            "every address (0.0.0.0/0)",
        ),
    ] {
        let tokens = BoundTokens::new().certificate_header(header, &wrong);
        let error = build(tokens).unwrap_err();
        assert_eq!(error.field(), "bound_tokens.from");
        assert!(error.problem().contains(problem), "{wrong:?}: {error}");
    }
    build(BoundTokens::new().danger_certificate_header_from_anywhere(header)).unwrap();
}

/// MT-04
#[tokio::test]
async fn mapped_addresses_are_those_of_ipv4() {
    let bound = Bound::start().await;
    let der = [0x30, 0x03, 0x02, 0x01, 0x05];
    let own = ClientCertificate::from_der(&der);
    let token = bound.token(json!({ "x5t#S256": base64url(own.thumbprint()) }));
    let header = CertificateHeader::ClientCert;
    let send = async |tokens: BoundTokens, peer: Option<&str>| {
        let mut request = crate::guarded::with_line(format!("Bearer {token}"));
        let line = ":MAMCAQU=:".parse().unwrap();
        request.headers_mut().insert("client-cert", line);
        let peer = peer.map(|peer| PeerAddress(peer.parse().unwrap()));
        if let Some(peer) = peer {
            request.extensions_mut().insert(peer);
        }
        bound.guarded(tokens).send(request).await.status().as_u16()
    };
    for network in ["10.0.0.0/8", "::ffff:10.0.0.0/104", "::ffff:a00:0/104"] {
        let from = |peer| {
            let tokens = BoundTokens::new().certificate_header(header, [network]);
            send(tokens, Some(peer))
        };
        for peer in ["10.1.2.3", "::ffff:10.1.2.3"] {
            assert_eq!(from(peer).await, 200, "{peer} in {network}");
        }
        for peer in [
            "11.1.2.3",
            "::ffff:11.1.2.3",
            "::10.1.2.3",
            "64:ff9b::a01:203",
        ] {
            assert_eq!(from(peer).await, 401, "{peer} in {network}");
        }
    }
    let single = BoundTokens::new().certificate_header(header, ["::ffff:10.1.2.3"]);
    assert_eq!(send(single.clone(), Some("10.1.2.3")).await, 200);
    assert_eq!(send(single, Some("10.1.2.4")).await, 401);
    let anywhere = BoundTokens::new().danger_certificate_header_from_anywhere(header);
    for peer in [Some("10.1.2.3"), Some("2001:db8::1"), None] {
        assert_eq!(send(anywhere.clone(), peer).await, 200, "{peer:?}");
    }
}

/// MT-04
#[tokio::test]
async fn spoofed_header_goes_no_further() {
    let bound = Bound::start().await;
    let tokens = BoundTokens::new().certificate_header(CertificateHeader::ClientCert, ["::1"]);
    let server = bound.server(tokens);
    let seen = |from: &'static str| {
        let layer = BearerAuthLayer::new(server.clone()).allow_anonymous();
        async move {
            let inner = tower::service_fn(|request: Request<()>| async move {
                let headers: &HeaderMap = request.headers();
                let has = headers.contains_key("client-cert").to_string();
                Ok::<_, std::convert::Infallible>(Response::new(has))
            });
            let mut request = Request::get("/")
                .header("client-cert", ":MAMCAQU=:")
                .body(())
                .unwrap();
            request
                .extensions_mut()
                .insert(PeerAddress(from.parse().unwrap()));
            let service = tower::ServiceBuilder::new().layer(layer).service(inner);
            tower::ServiceExt::oneshot(service, request)
                .await
                .unwrap()
                .into_body()
        }
    };
    assert_eq!(seen("::1").await, "true");
    assert_eq!(seen("::2").await, "false");
}

#[tokio::test]
async fn both_bindings_need_both_proofs() {
    let bound = Bound::start().await;
    let own = ClientCertificate::from_der(b"own");
    let confirmation = json!({
        "jkt": bound.key.thumbprint().to_string(),
        "x5t#S256": base64url(own.thumbprint()),
    });
    let token = bound.token(confirmation);
    let send = async |tokens: BoundTokens, certificate: Option<ClientCertificate>, jti: &str| {
        let mut request = request(&token, &good(bound.proof(&token, jti, |_| {})));
        if let Some(certificate) = certificate {
            request.extensions_mut().insert(certificate);
        }
        bound.guarded(tokens).send(request).await.status().as_u16()
    };
    assert_eq!(send(dpop().certificates(), Some(own), "1").await, 200);
    assert_eq!(send(dpop().certificates(), None, "2").await, 401);
    // One of them is not checked at all.
    assert_eq!(send(dpop(), Some(own), "3").await, 401);
}

#[test]
fn mistakes_of_the_settings_are_named() {
    let built = |tokens: BoundTokens| {
        let server = ResourceServer::builder("service-a").trust("https://idp.example");
        server
            .bound_tokens(tokens)
            .build()
            .unwrap_err()
            .field()
            .to_owned()
    };
    for (tokens, field) in [
        (BoundTokens::new().dpop("http://a.example"), "base_url"),
        (BoundTokens::new().dpop("a.example"), "base_url"),
        (BoundTokens::new().window(Duration::from_secs(60)), "window"),
        (BoundTokens::new().demand_nonce(), "demand_nonce"),
    ] {
        assert_eq!(built(tokens), format!("bound_tokens.{field}"));
    }
    let rejection = Rejection::ProofNotRecorded;
    assert_eq!(rejection.response().status(), 503);
}

/// DP-07
#[test]
fn window_has_bounds() {
    let build = |window| {
        let server = ResourceServer::builder("service-a").trust("https://idp.example");
        server.bound_tokens(dpop().window(window)).build()
    };
    for (window, seen) in [
        (Duration::ZERO, "0ns"),
        (Duration::from_nanos(1), "1ns"),
        (Duration::from_millis(999), "999ms"),
        (Duration::from_millis(600_001), "600.001s"),
        (Duration::MAX, "18446744073709551615.999999999s"),
    ] {
        let error = build(window).unwrap_err();
        assert_eq!(error.field(), "bound_tokens.window");
        let problem = format!("{seen} is not between 1 s and 10 min");
        assert_eq!(error.problem(), problem);
    }
    for window in [Duration::from_secs(1), Duration::from_secs(600)] {
        build(window).unwrap();
    }
}

fn base64url(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)
}

/// The same store for several fleets.
#[derive(Debug)]
struct Shared(std::sync::Arc<InProcess>);

impl obo::fleet::Store for Shared {
    fn get<'s>(
        &'s self,
        names: &'s [obo::fleet::StoreKey],
    ) -> obo::fleet::StoreFuture<'s, Vec<Option<bytes::Bytes>>> {
        self.0.get(names)
    }

    fn put<'s>(
        &'s self,
        name: &'s obo::fleet::StoreKey,
        value: bytes::Bytes,
        lifetime: Duration,
    ) -> obo::fleet::StoreFuture<'s, ()> {
        self.0.put(name, value, lifetime)
    }

    fn take<'s>(
        &'s self,
        names: &'s [obo::fleet::StoreKey],
        lifetime: Duration,
    ) -> obo::fleet::StoreFuture<'s, bool> {
        self.0.take(names, lifetime)
    }

    fn remove<'s>(&'s self, names: &'s [obo::fleet::StoreKey]) -> obo::fleet::StoreFuture<'s, ()> {
        self.0.remove(names)
    }

    fn append<'s>(
        &'s self,
        record: bytes::Bytes,
        once: &'s [obo::fleet::StoreKey],
        retention: Duration,
    ) -> obo::fleet::StoreFuture<'s, bool> {
        self.0.append(record, once, retention)
    }

    fn read<'s>(&'s self, after: Option<&'s str>) -> obo::fleet::StoreFuture<'s, obo::fleet::Page> {
        self.0.read(after)
    }

    fn watch<'s>(&'s self, announce: obo::fleet::Announce<'s>) -> obo::fleet::StoreFuture<'s, ()> {
        self.0.watch(announce)
    }
}
