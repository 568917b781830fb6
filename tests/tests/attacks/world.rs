//! Issuers, four servers that trust them, and who may not be called.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use obo::{
    Audience, AuthorizationServer, BearerAuthLayer, Issuer, KeyRefresh, Policy, Profile,
    RequireLayer, ResourceServer, Rule,
};
use obo_testkit::{AuthorizationServer as Idp, Endpoint, Fault};
use obo_tests::expected::Got;
use obo_tests::servers::{Kind, Servers};
use serde_json::json;

use crate::case::{Attack, Case, Sent};
use crate::forge::{AUDIENCE, Forge};
use crate::gateway::{EXCHANGED, GatewayServer};
use crate::key_sets::KeySetKind;
use crate::score::Score;
use crate::signer::Keys;
use crate::trap::Trap;

/// As what a request is sent: plain HTTP, and gRPC.
const PROTOCOLS: [Option<&str>; 2] = [None, Some("application/grpc+proto")];
/// How many requests are under way at the same time.
const CONCURRENCY: usize = 24;

/// How the second audience is called, of the issuer that has one of its own.
pub(crate) const OTHER_AUDIENCE: &str = "service-a-of-the-others";

pub(crate) struct World {
    /// Under RFC 9068.
    pub(crate) strict: Forge,
    pub(crate) lenient: Forge,
    /// Trusted too, with keys of its own under the same names, and for another audience.
    pub(crate) other: Forge,
    pub(crate) attacker: Keys,
    pub(crate) trap: Trap,
    servers: Servers,
    gateway: GatewayServer,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Layer(Kind),
    Gateway,
}

impl World {
    pub(crate) async fn start(kind: KeySetKind) -> Self {
        let (keys, other_keys) = (Arc::new(Keys::generate()), Arc::new(Keys::generate()));
        let (attacker, trap) = (Keys::generate(), Trap::set().await);
        let forge = async |keys: &Arc<Keys>, audience, is_lenient| {
            let idp = Idp::start().await;
            idp.replace_jwks(Some(kind.document(keys, &attacker, &trap.url)));
            Forge {
                idp,
                keys: Arc::clone(keys),
                audience,
                is_lenient,
            }
        };
        let strict = forge(&keys, AUDIENCE, false).await;
        let lenient = forge(&keys, AUDIENCE, true).await;
        let other = forge(&other_keys, OTHER_AUDIENCE, false).await;
        exchange_at(&strict.idp);
        let forges = [&strict, &lenient, &other];
        let server = trusting(&forges);
        let rule = rule();
        let servers = Servers::start(BearerAuthLayer::new(server), RequireLayer::new(rule)).await;
        let gateway = GatewayServer::start(&configured(&forges), strict.issuer()).await;
        Self {
            strict,
            lenient,
            other,
            attacker,
            trap,
            servers,
            gateway,
        }
    }

    /// Holds the cases against every server in both protocols, all at the same time; what went otherwise than expected.
    pub(crate) async fn run(&self, of: &Forge, cases: Vec<Case>, score: &mut Score) {
        let cases: Vec<(Case, Sent)> = cases
            .into_iter()
            .map(|case| {
                let sent = match &case.attack {
                    Attack::Request(sent) => sent.clone(),
                    Attack::Token(token) => Sent::token(token),
                    Attack::Claims(claims) => Sent::token(&of.sign_claims(claims)),
                };
                (case, sent)
            })
            .collect();
        self.send_all(&cases, score).await;
    }

    async fn send_all(&self, cases: &[(Case, Sent)], score: &mut Score) {
        score.cases(cases.iter().map(|(case, _)| case));
        let mut requests = Vec::new();
        for (case, sent) in cases {
            for place in Kind::ALL
                .map(Place::Layer)
                .into_iter()
                .chain([Place::Gateway])
            {
                if case.at_gateway || !matches!(place, Place::Gateway) {
                    requests.extend(PROTOCOLS.map(|grpc| (case, sent, place, grpc)));
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
            (case, place, grpc, got)
        });
        let mut answers = stream::iter(answers).buffer_unordered(CONCURRENCY);
        while let Some((case, place, grpc, got)) = answers.next().await {
            score.answer(
                case,
                &format!("{place:?} {}", grpc.unwrap_or("http")),
                grpc,
                &got,
            );
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

    /// Keys are fetched once for each of the two resource servers, and once more for all made-up names together.
    pub(crate) fn check_fetches(&self, score: &mut Score) {
        for (name, forge) in [("strict", &self.strict), ("lenient", &self.lenient)] {
            score.expect(&format!("key sets of {name}"), 4, forge.idp.jwks_requests());
        }
        let others = self.other.idp.jwks_requests();
        score.expect("key sets of the other", 2.max(others.min(4)), others);
    }
}

/// An exchange succeeds whatever is exchanged: that is for other tests to judge.
fn exchange_at(idp: &Idp) {
    let answer = json!({
        "access_token": EXCHANGED,
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": 60,
    });
    idp.fault(Endpoint::Token, Fault::Body(answer.to_string()));
}

fn rule() -> Rule {
    let actors = Rule::actors(["service-b"]).unwrap();
    Rule::scopes(["stock:read"]).unwrap().and(actors)
}

fn trusting(forges: &[&Forge]) -> ResourceServer {
    let hour = Duration::from_secs(3600);
    let refresh = KeyRefresh::new().max_age(hour).cooldown(hour / 2);
    let mut server: Option<ResourceServer> = None;
    for forge in forges {
        let issuer = Issuer::new(forge.issuer()).unwrap();
        let policy = Policy::new(issuer.clone(), Audience::new(forge.audience).unwrap());
        let policy = match forge.is_lenient {
            true => policy.profile(Profile::LENIENT),
            false => policy,
        };
        let idp = AuthorizationServer::from(issuer)
            .key_refresh(refresh)
            .unwrap();
        let with_it = match server {
            None => ResourceServer::with_policy(policy, idp),
            Some(server) => server.trust(policy, idp),
        };
        server = Some(with_it.unwrap());
    }
    server.unwrap()
}

/// The same as a configuration file has it.
fn configured(forges: &[&Forge]) -> String {
    let issuers = forges.iter().map(|forge| {
        let profile = if forge.is_lenient { "lenient" } else { "rfc9068" };
        format!(
            "[[resource_server.issuers]]\nissuer = {:?}\nprofile = {profile:?}\naudiences = [{:?}]\n\
             max_age = \"1h\"\ncooldown = \"30m\"\n",
            forge.issuer(),
            forge.audience
        )
    });
    let issuers: String = issuers.collect();
    format!("[resource_server]\naudiences = [{AUDIENCE:?}]\n{issuers}")
}
