//! The four servers, each in two protocols, and the servers that they must not call.

use std::fmt;

use futures_util::{StreamExt as _, stream};
use http::HeaderMap;
use obo::{BearerAuthLayer, RequireLayer, ResourceServer, Rule};
use obo_testkit::{Endpoint, Fault, TestIdp};
use obo_tests::expected::Got;
use obo_tests::servers::{Kind, Servers};
use serde_json::json;

use crate::case::{Attack, Case, Sent};
use crate::gateway::{EXCHANGED, GatewayServer};
use crate::score::Score;
use crate::trap::Trap;

/// The protocols of a request: plain HTTP and gRPC.
const PROTOCOLS: [Option<&str>; 2] = [None, Some("application/grpc+proto")];
/// How many requests run at the same time.
const CONCURRENCY: usize = 24;

pub(crate) struct Places {
    server: ResourceServer,
    servers: Servers,
    pub(crate) gateway: GatewayServer,
    pub(crate) trap: Trap,
    /// Headers that no upstream receives.
    pub(crate) hidden_from_upstream: Vec<&'static str>,
    /// A header that the service itself does not receive.
    pub(crate) hidden_from_service: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Layer(Kind),
    Gateway,
}

/// A server and a protocol: plain HTTP, or gRPC of this content type.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) place: Place,
    pub(crate) grpc: Option<&'static str>,
}

impl Way {
    /// All servers and protocols.
    pub(crate) fn all() -> Vec<Self> {
        let places = Kind::ALL.map(Place::Layer).into_iter();
        let places = places.chain([Place::Gateway]);
        let ways = places.flat_map(|place| PROTOCOLS.map(|grpc| Self { place, grpc }));
        ways.collect()
    }

    pub(crate) fn is_gateway(self) -> bool {
        matches!(self.place, Place::Gateway)
    }

    fn can(self, case: &Case) -> bool {
        let is_gateway = self.is_gateway();
        // Only the gateway speaks HTTP/1.1, which has no gRPC.
        let over_http1 = is_gateway && self.grpc.is_none();
        (case.at_gateway || !is_gateway) && (case.over_http1 || !over_http1)
    }
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.place, self.grpc.unwrap_or("http"))
    }
}

impl Places {
    /// Three servers around `server`, and a gateway that this part of a file configures likewise.
    pub(crate) async fn start(
        server: ResourceServer,
        configured: &str,
        idp: &TestIdp,
        trap: Trap,
    ) -> Self {
        exchange_at(idp);
        let layer = BearerAuthLayer::new(server.clone());
        Self {
            server,
            servers: Servers::start(layer, RequireLayer::new(rule()).unwrap()).await,
            gateway: GatewayServer::start(configured, idp.issuer()).await,
            trap,
            hidden_from_upstream: vec!["dpop"],
            hidden_from_service: None,
        }
    }

    /// Sends the cases to every server in both protocols, concurrently, and records the outcomes.
    pub(crate) async fn run(&self, cases: &[(Case, Sent)], score: &mut Score) {
        score.cases(cases.iter().map(|(case, _)| case));
        let ways = Way::all();
        let pairs = cases
            .iter()
            .flat_map(|pair| ways.iter().map(move |way| (pair, *way)));
        self.send_all(pairs.collect(), score).await;
        self.note_reasons(cases, score).await;
    }

    /// As [`run`](Self::run), with requests of their own for each server and protocol.
    pub(crate) async fn run_each(&self, cases: impl Fn(Way) -> Vec<Case>, score: &mut Score) {
        let sent = |case: Case| match case.attack.clone() {
            Attack::Request(sent) => (case, sent),
            Attack::Token(_) | Attack::Claims(_) => panic!("{} is no request", case.name),
        };
        for (i, way) in Way::all().into_iter().enumerate() {
            // Just before they are sent: proofs have a time.
            let cases = Vec::from_iter(cases(way).into_iter().map(sent));
            if i == 0 {
                score.cases(cases.iter().map(|(case, _)| case));
            }
            let pairs = cases.iter().map(|pair| (pair, way));
            self.send_all(pairs.collect(), score).await;
        }
    }

    async fn send_all(&self, requests: Vec<(&(Case, Sent), Way)>, score: &mut Score) {
        let requests: Vec<_> = requests
            .into_iter()
            .filter(|((case, _), way)| way.can(case))
            .collect();
        let admitted = |at_gateway: bool| {
            let admitted = requests.iter().filter(|((case, _), way)| {
                case.expected.is_none() && way.is_gateway() == at_gateway
            });
            admitted.count()
        };
        let (at_layer, at_gateway) = (admitted(false), admitted(true));
        let responses = requests.into_iter().map(async |((case, sent), way)| {
            let got = self.send(sent, way).await;
            (case, way, way.grpc.filter(|_| sent.may_be_grpc()), got)
        });
        let mut responses = stream::iter(responses).buffer_unordered(CONCURRENCY);
        while let Some((case, way, grpc, got)) = responses.next().await {
            score.response(case, &way.to_string(), grpc, got);
        }
        self.check_reached(at_layer, at_gateway, score);
    }

    /// Expects these counts of requests at the service and at the upstream since the last call.
    pub(crate) fn check_reached(&self, at_layer: usize, at_gateway: usize, score: &mut Score) {
        let reached = self.servers.take_reached();
        let upstream = self.gateway.take_upstream();
        score.expect("callers that reached the service", at_layer, reached.len());
        score.expect(
            "requests without a caller",
            0,
            reached
                .iter()
                .filter(|(caller, _)| caller.is_none())
                .count(),
        );
        score.expect(
            "requests that reached the upstream",
            at_gateway,
            upstream.len(),
        );
        let own = format!("Bearer {EXCHANGED}");
        let is_other = |fields: &&HeaderMap| fields["authorization"] != *own;
        let forwarded = upstream.iter().filter(is_other);
        score.expect("requests with another token", 0, forwarded.count());
        let hidden = |fields: &&HeaderMap| {
            let mut hidden = self.hidden_from_upstream.iter();
            hidden.any(|name| fields.contains_key(*name))
        };
        let shown = upstream.iter().filter(hidden).count();
        score.expect("upstream requests with a proof", 0, shown);
        let of_service = |(_, fields): &&(_, HeaderMap)| {
            (self.hidden_from_service).is_some_and(|name| fields.contains_key(name))
        };
        let shown = reached.iter().filter(of_service).count();
        score.expect("requests with a spoofed header", 0, shown);
        score.expect("connections to an attacker", 0, self.trap.connections());
    }

    /// Records why tokens are rejected, which no response reveals.
    async fn note_reasons(&self, cases: &[(Case, Sent)], score: &mut Score) {
        for (case, sent) in cases {
            if let (Attack::Token(_) | Attack::Claims(_), Some(token)) =
                (&case.attack, sent.bearer())
            {
                let refused = self.server.validate(token).await.err();
                score.reason(case, refused.map(|rejection| rejection.code()));
            }
        }
    }

    /// Sends one request. The code of the rejection is known where there is no socket between.
    pub(crate) async fn send(&self, sent: &Sent, way: Way) -> (Got, Option<&'static str>) {
        let request = sent.to_request(way.grpc);
        let (got, code) = match way.place {
            Place::Layer(kind) => self.servers.send_for_reason(kind, request).await,
            Place::Gateway => (self.gateway.send(request, way.grpc.is_some()).await, None),
        };
        // Admitted requests run concurrently, so they are counted at the end.
        (Got { reached: 0, ..got }, code)
    }
}

/// Every exchange succeeds: other tests check exchanges.
fn exchange_at(idp: &TestIdp) {
    let response = json!({
        "access_token": EXCHANGED,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 60,
    });
    idp.fault(Endpoint::Token, Fault::Body(response.to_string()));
}

fn rule() -> Rule {
    let actors = Rule::actors(["service-b"]);
    Rule::scopes(["stock:read"]).and(actors)
}
