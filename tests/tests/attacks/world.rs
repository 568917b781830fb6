//! Issuers that are trusted by their keys.

use std::sync::Arc;
use std::time::Duration;

use obo::{Audience, AuthorizationServer, Issuer, KeyRefresh, Policy, Profile, ResourceServer};
use obo_testkit::AuthorizationServer as Idp;

use crate::case::{Attack, Case, Sent};
use crate::forge::{AUDIENCE, Forge};
use crate::key_sets::KeySetKind;
use crate::places::Places;
use crate::score::Score;
use crate::signer::Keys;
use crate::target::Target;
use crate::trap::Trap;

/// How the second audience is called, of the issuer that has one of its own.
pub(crate) const OTHER_AUDIENCE: &str = "service-a-of-the-others";

pub(crate) struct World {
    /// Under RFC 9068.
    pub(crate) strict: Forge,
    pub(crate) lenient: Forge,
    /// Trusted too, with keys of its own under the same names, and for another audience.
    other: Forge,
    attacker: Keys,
    places: Places,
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
        let forges = [&strict, &lenient, &other];
        let (server, file) = (trusting(&forges), configured(&forges));
        let places = Places::start(server, &file, &strict.idp, trap).await;
        Self {
            strict,
            lenient,
            other,
            attacker,
            places,
        }
    }

    pub(crate) fn target<'w>(&'w self, at: &'w Forge) -> Target<'w> {
        Target {
            at,
            other: &self.other,
            attacker: &self.attacker,
            trap: &self.places.trap.url,
        }
    }

    pub(crate) async fn run(&self, of: &Forge, cases: Vec<Case>, score: &mut Score) {
        let sent = |case: &Case| match &case.attack {
            Attack::Request(sent) => sent.clone(),
            Attack::Token(token) => Sent::token(token),
            Attack::Claims(claims) => Sent::token(&of.sign_claims(claims)),
        };
        let with_request = |case| {
            let sent = sent(&case);
            (case, sent)
        };
        let cases: Vec<_> = cases.into_iter().map(with_request).collect();
        self.places.run(&cases, score).await;
    }

    /// Keys are fetched once for each of the two resource servers, and once more for all made-up names together.
    pub(crate) fn check_fetches(&self, score: &mut Score) {
        for (name, forge) in [("strict", &self.strict), ("lenient", &self.lenient)] {
            score.expect(&format!("key sets of {name}"), 4, forge.idp.jwks_requests());
        }
        score.expect("key sets of the other", 2, self.other.idp.jwks_requests());
    }
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
