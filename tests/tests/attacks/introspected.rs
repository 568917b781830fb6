//! Tokens that their issuer is asked about.

use std::collections::BTreeSet;
use std::sync::Arc;

use obo::{Introspection, Profile, ResourceServer, Trust};
use obo_testkit::TestIdp;
use obo_tests::expected::{ACTOR, INVALID, SCOPE, UNINTROSPECTED};
use serde::de::IgnoredAny;

use crate::case::{Attack, Case, Expected, Sent};
use crate::forge::{AUDIENCE, Forge};
use crate::places::Places;
use crate::score::Score;
use crate::signer::Keys;
use crate::target::Target;
use crate::told::{IntrospectionEndpoint, Told};
use crate::trap::Trap;
use crate::validated::FAMILIES;
use crate::world::{CLIENT, client, issuer_in};
use crate::{answers, header_forms};

struct World {
    at: Forge,
    /// Not trusted here.
    other: Forge,
    attacker: Keys,
    endpoint: IntrospectionEndpoint,
    places: Places,
    /// How many tokens there were, each of another name.
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
        let (server, file) = (asking(&at, &url), configured(&at, &url));
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

    /// A token that its issuer will tell this of.
    fn opaque(&mut self, told: Told) -> String {
        self.tokens += 1;
        let token = name(self.tokens);
        self.endpoint.will_tell(&token, told);
        token
    }

    /// The case where the claims are told, and not signed: the issuer knows of no other token.
    fn told(&mut self, case: Case) -> (Case, Sent) {
        match &case.attack {
            Attack::Request(sent) => (case.clone(), sent.clone()),
            Attack::Token(token) => {
                let sent = Sent::token(token);
                let expected = case.expected.unwrap_or(INVALID);
                (case.expecting(Some(expected)), sent)
            }
            Attack::Claims(claims) => {
                let said = claims.replacen('{', r#"{"active":true,"#, 1);
                let sent = Sent::token(&self.opaque(Told::json(said.clone())));
                // What is no JSON is no answer about the token.
                let is_json = serde_json::from_str::<IgnoredAny>(&said).is_ok();
                let expected = self.without_null(&case);
                match is_json {
                    true => (case.expecting(expected), sent),
                    false => (case.expecting(Some(UNINTROSPECTED)), sent),
                }
            }
        }
    }

    /// What is expected of a response in which a null member is absent (RFC 7662 leaves it open, and servers write so).
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
        let cases: Vec<_> = cases.into_iter().map(|case| self.told(case)).collect();
        self.places.run(&cases, score).await;
    }

    /// Nobody is asked about what is no token, or a token that names another issuer (IN-08).
    fn check_asked(&self, score: &mut Score) {
        let asked = self.endpoint.asked();
        let of_others = asked.iter().filter(|token| {
            let iss = issuer_in(token);
            iss.is_some_and(|iss| iss != self.at.issuer())
        });
        score.expect(
            "tokens of others that were asked about",
            0,
            of_others.count(),
        );
        let made: BTreeSet<_> = (1..=self.tokens).map(name).collect();
        let missing = made.difference(&asked).count();
        score.expect("opaque tokens that were not asked about", 0, missing);
        score.expect("key sets", 0, self.at.idp.jwks_requests());
    }
}

/// An opaque token, which may have dots.
fn name(number: usize) -> String {
    format!("opaque.{number}.token")
}

fn asking(at: &Forge, url: &str) -> ResourceServer {
    let asked = Introspection::new(client()).endpoint(url);
    let trust = Trust::new(at.issuer()).introspect(asked);
    let trust = match at.is_lenient {
        true => trust.profile(Profile::LENIENT),
        false => trust,
    };
    let server = ResourceServer::builder(AUDIENCE).trust(trust);
    server.build().unwrap()
}

/// The same as a configuration file has it.
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
    let good = world.opaque(Told::json(good));
    world.run(header_forms::cases(&good), &mut score).await;
    score.family("answers");
    let answers = answers::answers(&world.target());
    let mut cases = Vec::new();
    for (name, told, expected) in answers {
        let sent = Sent::token(&world.opaque(told));
        cases.push(Case::request(name, sent, expected));
    }
    world.run(cases, &mut score).await;
    world.check_asked(&mut score);
    score.settle();
}

/// What depends on claims, and on the form of tokens that the issuer does not know.
const ALL: [&str; 7] = [
    "times",
    "claims",
    "actors",
    "issuers",
    "duplicates",
    "sizes",
    "encodings",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_03_in_05_in_08_hostile_tokens_that_the_issuer_is_asked_about() {
    attack("introspected", false, &ALL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_05_claims_that_the_issuer_tells_are_judged_leniently() {
    attack("introspected leniently", true, &ALL[..3]).await;
}
