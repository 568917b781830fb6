//! The four servers, each in two protocols, and the servers that they must not call.

use futures_util::{StreamExt as _, stream};
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
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Layer(Kind),
    Gateway,
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
        }
    }

    /// Sends the cases to every server in both protocols, concurrently, and records the outcomes.
    pub(crate) async fn run(&self, cases: &[(Case, Sent)], score: &mut Score) {
        score.cases(cases.iter().map(|(case, _)| case));
        let mut requests = Vec::new();
        for (case, sent) in cases {
            for place in Kind::ALL
                .map(Place::Layer)
                .into_iter()
                .chain([Place::Gateway])
            {
                let is_gateway = matches!(place, Place::Gateway);
                if case.at_gateway || !is_gateway {
                    let over = PROTOCOLS.into_iter().filter(|grpc| {
                        // Only the gateway speaks HTTP/1.1, which has no gRPC.
                        case.over_http1 || !is_gateway || grpc.is_some()
                    });
                    requests.extend(over.map(|grpc| (case, sent, place, grpc)));
                }
            }
        }
        let admitted = |wanted: fn(&Place) -> bool| {
            let requests = requests.iter();
            let admitted =
                requests.filter(|(case, _, place, _)| case.expected.is_none() && wanted(place));
            admitted.count()
        };
        let at_layer = admitted(|place| matches!(place, Place::Layer(_)));
        let at_gateway = admitted(|place| matches!(place, Place::Gateway));
        let responses = requests.into_iter().map(async |(case, sent, place, grpc)| {
            let got = self.send(sent, place, grpc).await;
            let protocol = grpc.filter(|_| sent.may_be_grpc());
            (
                case,
                format!("{place:?} {}", grpc.unwrap_or("http")),
                protocol,
                got,
            )
        });
        let mut responses = stream::iter(responses).buffer_unordered(CONCURRENCY);
        while let Some((case, place, grpc, got)) = responses.next().await {
            score.response(case, &place, grpc, &got);
        }
        let reached = self.servers.take_callers();
        let reached_upstream = self.gateway.take_upstream();
        score.expect("callers that reached the service", at_layer, reached.len());
        score.expect(
            "requests without a caller",
            0,
            reached.iter().filter(|c| c.is_none()).count(),
        );
        score.expect(
            "requests that reached the upstream",
            at_gateway,
            reached_upstream.len(),
        );
        let own = format!("Bearer {EXCHANGED}");
        let forwarded = reached_upstream.iter().filter(|line| **line != own);
        score.expect("requests with another token", 0, forwarded.count());
        score.expect("connections to an attacker", 0, self.trap.connections());
        self.note_reasons(cases, score).await;
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

    async fn send(&self, sent: &Sent, place: Place, grpc: Option<&str>) -> Got {
        let request = sent.to_request(grpc);
        let got = match place {
            Place::Layer(kind) => self.servers.send(kind, request).await,
            Place::Gateway => self.gateway.send(request, grpc.is_some()).await,
        };
        // Admitted requests run concurrently, so they are counted at the end.
        Got { reached: 0, ..got }
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
