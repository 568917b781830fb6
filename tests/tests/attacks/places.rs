//! The four servers, each in two protocols, and who may not be called by them.

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

/// As what a request is sent: plain HTTP, and gRPC.
const PROTOCOLS: [Option<&str>; 2] = [None, Some("application/grpc+proto")];
/// How many requests are under way at the same time.
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
    /// Three servers around `server`, and a gateway that this part of a file makes the same resource server.
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

    /// Holds the cases against every server in both protocols, all at the same time; what went otherwise than expected.
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
                        // Of the four servers, one speaks HTTP/1.1, where no gRPC is.
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
        let answers = requests.into_iter().map(async |(case, sent, place, grpc)| {
            let got = self.send(sent, place, grpc).await;
            let answered_as = grpc.filter(|_| sent.may_be_grpc());
            (
                case,
                format!("{place:?} {}", grpc.unwrap_or("http")),
                answered_as,
                got,
            )
        });
        let mut answers = stream::iter(answers).buffer_unordered(CONCURRENCY);
        while let Some((case, place, grpc, got)) = answers.next().await {
            score.answer(case, &place, grpc, &got);
        }
        let reached = self.servers.take_callers();
        let reached_upstream = self.gateway.take_upstream();
        score.expect("callers that reached the service", at_layer, reached.len());
        score.expect(
            "callers without a name",
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

    /// Why tokens are refused, which no answer says.
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
        // Requests that are let in are under way at the same time; they are counted in the end.
        Got { reached: 0, ..got }
    }
}

/// An exchange succeeds whatever is exchanged: that is for other tests to judge.
fn exchange_at(idp: &TestIdp) {
    let answer = json!({
        "access_token": EXCHANGED,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 60,
    });
    idp.fault(Endpoint::Token, Fault::Body(answer.to_string()));
}

fn rule() -> Rule {
    let actors = Rule::actors(["service-b"]);
    Rule::scopes(["stock:read"]).and(actors)
}
