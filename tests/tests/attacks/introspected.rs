//! Tokens that are introspected at their issuer.

use std::collections::BTreeSet;
use std::sync::Arc;

use obo::{Introspection, Profile, ResourceServer, Trust};
use obo_testkit::TestIdp;
use obo_tests::expected::{ACTOR, INVALID, SCOPE, UNINTROSPECTED};
use serde::de::IgnoredAny;

use crate::case::{Attack, Case, Expected, Sent};
use crate::forge::{AUDIENCE, Forge};
use crate::introspection_endpoint::{IntrospectionEndpoint, IntrospectionResponse};
use crate::places::Places;
use crate::score::Score;
use crate::signer::Keys;
use crate::target::Target;
use crate::trap::Trap;
use crate::validated::FAMILIES;
use crate::world::{CLIENT, client, issuer_in};
use crate::{header_forms, introspection_responses};

struct World {
    at: Forge,
    /// An issuer that is not trusted.
    other: Forge,
    attacker: Keys,
    endpoint: IntrospectionEndpoint,
    places: Places,
    /// The number of opaque tokens so far, each with its own name.
    tokens: usize,
}

impl World {
    async fn start(is_lenient: bool) -> Self {
        let forge = async || Forge {
            idp: TestIdp::start().await,
            keys: Arc::new(Keys::generate()),
            audience: AUDIENCE,
            is_lenient,
        };
        let (at, other) = (forge().await, forge().await);
        let (endpoint, url) = IntrospectionEndpoint::start().await;
        let (server, file) = (introspecting(&at, &url), configured(&at, &url));
        let places = Places::start(server, &file, &at.idp, Trap::set().await).await;
        Self {
            at,
            other,
            attacker: Keys::generate(),
            endpoint,
            places,
            tokens: 0,
        }
    }

    fn target(&self) -> Target<'_> {
        Target {
            at: &self.at,
            other: &self.other,
            attacker: &self.attacker,
            trap: &self.places.trap.url,
        }
    }

    /// An opaque token with this introspection response.
    fn opaque(&mut self, response: IntrospectionResponse) -> String {
        self.tokens += 1;
        let token = name(self.tokens);
        self.endpoint.respond_to(&token, response);
        token
    }

    /// The same case with introspected claims. The issuer does not know other tokens.
    fn introspected(&mut self, case: Case) -> (Case, Sent) {
        match &case.attack {
            Attack::Request(sent) => (case.clone(), sent.clone()),
            Attack::Token(token) => {
                let sent = Sent::token(token);
                let expected = case.expected.unwrap_or(INVALID);
                (case.expecting(Some(expected)), sent)
            }
            Attack::Claims(claims) => {
                let document = claims.replacen('{', r#"{"active":true,"#, 1);
                let sent = Sent::token(&self.opaque(IntrospectionResponse::json(document.clone())));
                // A response that is not JSON does not decide about the token.
                let is_json = serde_json::from_str::<IgnoredAny>(&document).is_ok();
                let expected = self.without_null(&case);
                match is_json {
                    true => (case.expecting(expected), sent),
                    false => (case.expecting(Some(UNINTROSPECTED)), sent),
                }
            }
        }
    }

    /// The expected outcome if a null member counts as absent. RFC 7662 leaves that open, and
    /// servers write null members.
    fn without_null(&self, case: &Case) -> Expected {
        let required = match self.at.is_lenient {
            true => None,
            false => Some(INVALID),
        };
        match &*case.name {
            "scope null" => Some(SCOPE),
            "act null" => Some(ACTOR),
            "iat null" | "jti null" | "client_id null" => required,
            "nbf null" | "auth_time null" | "acr null" | "nonce null" | "cnf null" | "iss null"
            | "typ null" => None,
            r#"act {"sub":"service-b","iss":null}"# | r#"act {"sub":"service-b","act":null}"# => {
                None
            }
            _ => case.expected,
        }
    }

    async fn run(&mut self, cases: Vec<Case>, score: &mut Score) {
        let cases: Vec<_> = cases
            .into_iter()
            .map(|case| self.introspected(case))
            .collect();
        self.places.run(&cases, score).await;
    }

    /// Malformed tokens and tokens that name another issuer are not introspected (IN-08).
    fn check_introspected(&self, score: &mut Score) {
        let introspected = self.endpoint.introspected();
        let of_others = introspected.iter().filter(|token| {
            let iss = issuer_in(token);
            iss.is_some_and(|iss| iss != self.at.issuer())
        });
        score.expect(
            "tokens of others that were introspected",
            0,
            of_others.count(),
        );
        let made: BTreeSet<_> = (1..=self.tokens).map(name).collect();
        let missing = made.difference(&introspected).count();
        score.expect("opaque tokens that were not introspected", 0, missing);
        score.expect("key sets", 0, self.at.idp.jwks_requests());
    }
}

/// An opaque token, which may contain dots.
fn name(number: usize) -> String {
    format!("opaque.{number}.token")
}

fn introspecting(at: &Forge, url: &str) -> ResourceServer {
    let introspection = Introspection::new(client()).endpoint(url);
    let trust = Trust::new(at.issuer()).introspect(introspection);
    let trust = match at.is_lenient {
        true => trust.profile(Profile::LENIENT),
        false => trust,
    };
    let server = ResourceServer::builder(AUDIENCE).trust(trust);
    server.build().unwrap()
}

/// The same as a configuration file.
fn configured(at: &Forge, url: &str) -> String {
    format!(
        "[resource_server]\naudiences = [{AUDIENCE:?}]\n[[resource_server.issuers]]\nissuer = {:?}\n\
         profile = {:?}\nintrospection = {{ endpoint = {url:?}, {CLIENT} }}\n",
        at.issuer(),
        at.profile()
    )
}

async fn attack(name: &'static str, is_lenient: bool, families: &[&'static str]) {
    let mut world = World::start(is_lenient).await;
    let mut score = Score::of(name);
    for family in families {
        score.family(family);
        let (_, cases) = FAMILIES
            .into_iter()
            .find(|(name, _)| name == family)
            .unwrap();
        let cases = cases(&world.target());
        world.run(cases, &mut score).await;
    }
    score.family("header forms");
    let good = world.at.draft().claims.json();
    let good = good.replacen('{', r#"{"active":true,"#, 1);
    let good = world.opaque(IntrospectionResponse::json(good));
    world.run(header_forms::cases(&good), &mut score).await;
    score.family("responses");
    let responses = introspection_responses::responses(&world.target());
    let mut cases = Vec::new();
    for (name, response, expected) in responses {
        let sent = Sent::token(&world.opaque(response));
        cases.push(Case::request(name, sent, expected));
    }
    world.run(cases, &mut score).await;
    world.check_introspected(&mut score);
    score.settle();
}

/// Families that depend on claims, or on the form of tokens that the issuer does not know.
const ALL: [&str; 7] = [
    "times",
    "claims",
    "actors",
    "issuers",
    "duplicates",
    "sizes",
    "encodings",
];

/// IN-03, IN-05, IN-08
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_introspected_tokens_fail() {
    attack("introspected", false, &ALL).await;
}

/// IN-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_tokens_fail_under_lenient() {
    attack("introspected leniently", true, &ALL[..3]).await;
}
