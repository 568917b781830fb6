//! An authorization server, the service that trusts it in three kinds of server, and tokens.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::Full;
use obo::{
    BearerAuthLayer, Caller, Client, ClientSecretBasic, Introspection, RequireLayer,
    ResourceServer, Rule, Trust,
};
use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde::Deserialize;
use serde_json::json;

use obo_test_support::{Draft, Members};
use obo_tests::expected::Refusal;
use obo_tests::servers::{CALL, Kind, Servers};

/// The protocols of a request: plain HTTP and gRPC.
const PROTOCOLS: [Option<&str>; 2] = [None, Some("application/grpc+proto")];

/// The maximum age of a token.
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// The service's own claims.
#[derive(Deserialize)]
struct Tenancy {
    #[serde(rename = "tenant")]
    _tenant: Option<String>,
}

pub(crate) struct World {
    pub(crate) idp: TestIdp,
    pub(crate) key: TestKey,
    pub(crate) server: ResourceServer,
    pub(crate) rule: Rule,
    servers: Servers,
}

impl World {
    /// Requires one rule for every request.
    pub(crate) async fn start() -> Self {
        Self::guarded(|bearer, rule| (bearer, RequireLayer::new(rule).unwrap())).await
    }

    /// The same with introspection.
    pub(crate) async fn introspecting() -> Self {
        let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
        let introspection = Introspection::new(client);
        let introspects = |trust: Trust| trust.introspect(introspection);
        let world = Self::of(introspects, |bearer, rule| {
            (bearer, RequireLayer::new(rule).unwrap())
        })
        .await;
        world.idp.client("service-a").secret("s3cret");
        world
    }

    /// The same with layers that are derived from the usual ones.
    pub(crate) async fn guarded(
        layers: impl FnOnce(BearerAuthLayer, Rule) -> (BearerAuthLayer, RequireLayer),
    ) -> Self {
        Self::of(|trust| trust, layers).await
    }

    async fn of(
        trusting: impl FnOnce(Trust) -> Trust,
        layers: impl FnOnce(BearerAuthLayer, Rule) -> (BearerAuthLayer, RequireLayer),
    ) -> Self {
        let idp = TestIdp::start().await;
        let key = TestKey::generate(TestAlg::Es256);
        // One key that signs, and two of one type that only a `kid` tells apart.
        let alike =
            ["k-ed-1", "k-ed-2"].map(|kid| TestKey::generate(TestAlg::EdDsa).public_jwk(kid));
        let keys = json!({ "keys": [key.public_jwk("k-es"), alike[0], alike[1]] });
        idp.replace_jwks(Some(keys.to_string()));
        let trust = Trust::new(idp.issuer());
        let trust = trusting(trust.claims::<Tenancy>().max_token_age(YEAR));
        let server = ResourceServer::builder("service-a").trust(trust);
        let server = server.build().unwrap();
        let rule = Rule::scopes(["stock:read"])
            .and(Rule::actors(["service-b"]))
            .and(Rule::user())
            .and(Rule::acr(["gold"]));
        let (bearer, require) = layers(BearerAuthLayer::new(server.clone()), rule.clone());
        let servers = Servers::start(bearer, require).await;
        Self {
            idp,
            key,
            server,
            rule,
            servers,
        }
    }

    /// A token that meets every requirement.
    pub(crate) fn draft(&self) -> Draft {
        let token = self.idp.user("alice").audience("service-a");
        let token = token.scope("stock:read").actor("service-b");
        let claims = token.claim("acr", "gold").not_before(0).claims();
        let header = json!({ "alg": "ES256", "kid": "k-es", "typ": "at+jwt" });
        Draft {
            header: Members::of(&header),
            claims: Members::of(&claims),
        }
    }

    pub(crate) fn sign(&self, draft: &Draft) -> String {
        draft.sign(&self.key.private_pem())
    }

    /// Sends the request to each server in each protocol. Each must respond with this refusal, and
    /// not call the service.
    pub(crate) async fn refuses(&self, sent: &Sent, refusal: Refusal, why: &str) {
        for kind in Kind::ALL {
            for grpc in PROTOCOLS {
                let got = self.servers.send(kind, sent.request(grpc)).await;
                assert_eq!(got, refusal.response(grpc), "{why}: {kind:?}, {grpc:?}");
            }
        }
    }

    /// Sends the request to each server in each protocol. Each must admit it. Returns the caller.
    pub(crate) async fn admits(&self, sent: &Sent, why: &str) -> Option<Caller> {
        let mut caller = None;
        for kind in Kind::ALL {
            for grpc in PROTOCOLS {
                let got = self.servers.send(kind, sent.request(grpc)).await;
                let seen = (got.status, got.reached);
                assert_eq!(seen, (200, 1), "{why}: {kind:?}, {grpc:?}: {got:?}");
                caller = self.servers.take_callers().pop();
            }
        }
        caller.unwrap()
    }
}

/// A request to send.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) uri: String,
    pub(crate) authorization: Vec<String>,
}

impl Sent {
    /// A request with these `Authorization` lines.
    pub(crate) fn lines<const N: usize>(lines: [&str; N]) -> Self {
        Self {
            uri: CALL.to_owned(),
            authorization: lines.map(str::to_owned).to_vec(),
        }
    }

    pub(crate) fn token(token: &str) -> Self {
        Self::lines([&format!("Bearer {token}")])
    }

    pub(crate) fn to(self, uri: &str) -> Self {
        Self {
            uri: uri.to_owned(),
            ..self
        }
    }

    fn request(&self, grpc: Option<&str>) -> Request<Full<Bytes>> {
        let mut request = Request::post(&self.uri).header("te", "trailers");
        if let Some(content_type) = grpc {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        for line in &self.authorization {
            request = request.header(header::AUTHORIZATION, line);
        }
        // One empty gRPC message.
        let body = Full::new(Bytes::from_static(&[0; 5]));
        request.body(body).unwrap()
    }
}
