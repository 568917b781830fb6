//! Tokens that are bound to a key or a certificate, from the request to the caller.

use std::time::Duration;

use http::{Method, Request, Response, header};
use obo::binding::{BoundTokens, ClientCertificate};
use obo::client::SigningKey;
use obo::policy::Algorithm;
use obo::time::{Clock, TestClock};
use obo::{BearerAuthLayer, Rejection, ResourceServer, Rule, Secret};
use obo_core::binding::dpop::{NewProof, ProofKey};
use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde_json::json;

use crate::guarded::{Guarded, challenges};

const BASE: &str = "https://a.example";
pub(crate) const ALGS: &str = r#"algs="RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 EdDSA""#;

pub(crate) struct Bound {
    pub(crate) idp: TestIdp,
    pub(crate) key: ProofKey,
    pub(crate) wall: TestClock,
}

/// How a request differs from a good one.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) proofs: Vec<String>,
}

impl Bound {
    pub(crate) async fn start() -> Self {
        let idp = TestIdp::builder().signing(TestAlg::Es256).start().await;
        Self {
            idp,
            key: key(),
            wall: TestClock::new(Clock::system().now()),
        }
    }

    pub(crate) fn server(&self, tokens: BoundTokens) -> ResourceServer {
        let server = ResourceServer::builder("service-a").trust(self.idp.issuer());
        let server = server.bound_tokens(tokens).clock(self.wall.clone());
        server.build().unwrap()
    }

    pub(crate) fn guarded(&self, tokens: BoundTokens) -> Guarded {
        Guarded::new(BearerAuthLayer::new(self.server(tokens)))
    }

    pub(crate) fn token(&self, confirmation: serde_json::Value) -> String {
        let token = self.idp.user("alice").audience("service-a");
        token.claim("cnf", confirmation).mint()
    }

    /// A token that is bound to the key.
    pub(crate) fn bound(&self) -> String {
        self.token(json!({ "jkt": self.key.thumbprint().to_string() }))
    }

    pub(crate) fn plain(&self) -> String {
        self.idp.user("alice").audience("service-a").mint()
    }

    pub(crate) fn proof<'p>(
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

pub(crate) fn key() -> ProofKey {
    let pem = TestKey::generate(TestAlg::Es256).private_pem();
    let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(pem)).unwrap();
    ProofKey::new(key).unwrap()
}

pub(crate) fn dpop() -> BoundTokens {
    BoundTokens::new().dpop(BASE)
}

pub(crate) fn request(token: &str, sent: &Sent) -> Request<()> {
    let mut request = Request::builder().method(&sent.method).uri(sent.path);
    request = request.header(header::AUTHORIZATION, format!("{} {token}", sent.scheme));
    for proof in &sent.proofs {
        request = request.header("dpop", proof);
    }
    request.body(()).unwrap()
}

pub(crate) fn good(proof: String) -> Sent {
    Sent {
        method: Method::GET,
        path: "/orders",
        scheme: "DPoP",
        proofs: vec![proof],
    }
}

pub(crate) fn assert_refused(response: &Response<String>, error: &str, what: &str) {
    assert_eq!(response.status(), 401, "{what}");
    let expected = format!("DPoP error=\"{error}\", {ALGS}");
    assert_eq!(challenges(response), [expected], "{what}");
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
        (Duration::ZERO, "0s"),
        (Duration::from_nanos(1), "1ns"),
        (Duration::from_millis(999), "999ms"),
        (Duration::from_millis(600_001), "600.001s"),
        (Duration::MAX, "18446744073709551615.999999999s"),
    ] {
        let error = build(window).unwrap_err();
        assert_eq!(error.field(), "bound_tokens.window");
        let problem = format!("{seen} is not between 1s and 10m");
        assert_eq!(error.problem(), problem);
    }
    for window in [Duration::from_secs(1), Duration::from_secs(600)] {
        build(window).unwrap();
    }
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, bytes)
}
