//! Issuers that are trusted by their keys.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo::authorization_server::KeyRefresh;
use obo::{Client, ClientSecretBasic, Introspection, Profile, ResourceServer, Trust};
use obo_testkit::TestIdp;
use serde_json::{Map, Value};

use crate::case::{Attack, Case, Cases, Sent};
use crate::forge::{AUDIENCE, Forge};
use crate::gateway::GatewayServer;
use crate::key_sets::KeySetKind;
use crate::places::Places;
use crate::score::Score;
use crate::signer::Keys;
use crate::target::Target;
use crate::told::{IntrospectionEndpoint, Told};
use crate::trap::Trap;

/// How the second audience is called, of the issuer that has one of its own.
pub(crate) const OTHER_AUDIENCE: &str = "service-a-of-the-others";

pub(crate) struct World {
    /// Under RFC 9068.
    strict: Forge,
    lenient: Forge,
    /// Trusted too, with keys of its own under the same names, and for another audience.
    other: Forge,
    attacker: Keys,
    places: Places,
    endpoint: IntrospectionEndpoint,
    /// The tokens so far that their issuer's keys vouch for.
    vouched_for: BTreeSet<String>,
    started: Instant,
}

/// Which tokens of the strict issuer it is asked about, too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    None,
    /// Those that are no JWTs.
    Opaque,
    /// Those that its keys vouch for.
    ForRevocation,
}

impl World {
    pub(crate) async fn start(kind: KeySetKind, asked: Asked) -> Self {
        let (keys, other_keys) = (Arc::new(Keys::generate()), Arc::new(Keys::generate()));
        let (attacker, trap) = (Keys::generate(), Trap::set().await);
        let forge = async |keys: &Arc<Keys>, audience, is_lenient| {
            let idp = TestIdp::start().await;
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
        let (endpoint, url) = IntrospectionEndpoint::start().await;
        if asked == Asked::ForRevocation {
            // Whoever asks it before the keys are asked lets everything in.
            let says = strict.draft().claims.json();
            let says = says.replacen('{', r#"{"active":true,"#, 1);
            endpoint.will_tell_of_all(Told::json(says));
        }
        let asked = (asked, &*url);
        let (server, file) = (trusting(&forges, asked), configured(&forges, asked));
        let places = Places::start(server, &file, &strict.idp, trap).await;
        Self {
            strict,
            lenient,
            other,
            attacker,
            places,
            endpoint,
            vouched_for: BTreeSet::new(),
            started: Instant::now(),
        }
    }

    pub(crate) fn gateway(&self) -> &GatewayServer {
        &self.places.gateway
    }

    /// A token that is let in.
    pub(crate) fn good(&self) -> String {
        self.strict.good()
    }

    /// One that ends so many seconds from now.
    pub(crate) fn ending(&self, seconds: i64) -> String {
        let exp = (self.strict.now() + seconds).to_string();
        self.strict.sign(&self.strict.draft().claim("exp", &exp))
    }

    fn target<'w>(&'w self, at: &'w Forge) -> Target<'w> {
        Target {
            at,
            other: &self.other,
            attacker: &self.attacker,
            trap: &self.places.trap.url,
        }
    }

    pub(crate) async fn run(&mut self, is_lenient: bool, cases: Cases, score: &mut Score) {
        let of = if is_lenient {
            &self.lenient
        } else {
            &self.strict
        };
        let cases = cases(&self.target(of));
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
        let good = cases
            .iter()
            .filter(|(case, _)| case.expected.is_none_or(|refusal| refusal.status == 403));
        let good = good.filter_map(|(_, sent)| sent.bearer());
        self.vouched_for.extend(good.map(str::to_owned));
        self.places.run(&cases, score).await;
    }

    /// Keys are fetched once for each of the two resource servers, three times more for all forged names and signatures
    /// together, and then once in a third of the cooldown at most.
    pub(crate) fn check_fetches(&self, score: &mut Score) {
        let refilled = self.started.elapsed().as_secs() / 600;
        let most = 2 * (1 + 3 + usize::try_from(refilled).unwrap());
        for (name, forge) in [
            ("key sets of strict", &self.strict),
            ("key sets of lenient", &self.lenient),
            ("key sets of the other", &self.other),
        ] {
            let fetches = forge.idp.jwks_requests();
            score.expect(name, fetches.min(most), fetches);
        }
        let fetches = self.strict.idp.jwks_requests();
        score.expect("key sets of strict", fetches.max(2), fetches);
    }

    /// Nobody is asked about a JWT before its issuer's keys vouch for it.
    pub(crate) fn check_asked(&self, score: &mut Score) {
        let asked = self.endpoint.asked();
        let jwts = asked.iter().filter(|token| issuer_in(token).is_some());
        let forged = jwts.filter(|token| !self.vouched_for.contains(*token));
        score.expect("forged tokens that were asked about", 0, forged.count());
        score.expect(
            "lack of tokens that were asked about",
            0,
            usize::from(asked.is_empty()),
        );
    }
}

/// What a well-formed JWT says of its issuer; of two, the last one.
pub(crate) fn issuer_in(token: &str) -> Option<Value> {
    let parts: Vec<_> = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part))
        .collect();
    let [Ok(header), Ok(claims), Ok(_)] = &parts[..] else {
        return None;
    };
    let object = |json: &[u8]| serde_json::from_slice::<Map<String, Value>>(json).ok();
    object(header)?;
    object(claims)?.get("iss").cloned()
}

/// Who this service is to its authorization server.
pub(crate) fn client() -> Client {
    Client::new("service-a", ClientSecretBasic::new("s3cret"))
}

fn trusting(forges: &[&Forge], (asked, url): (Asked, &str)) -> ResourceServer {
    let hour = Duration::from_secs(3600);
    let refresh = KeyRefresh::new().max_age(hour).cooldown(hour / 2);
    let mut server = ResourceServer::builder(forges[0].audience);
    for (i, forge) in forges.iter().enumerate() {
        let trust = Trust::new(forge.issuer()).audience(forge.audience);
        let trust = match forge.is_lenient {
            true => trust.profile(Profile::LENIENT),
            false => trust,
        };
        let trust = trust.key_refresh(refresh);
        let introspection = Introspection::new(client()).endpoint(url);
        server = server.trust(match (i, asked) {
            (0, Asked::Opaque) => trust.introspect(introspection.for_opaque_tokens()),
            (0, Asked::ForRevocation) => trust.introspect(introspection.for_revocation()),
            _ => trust,
        });
    }
    server.build().unwrap()
}

/// The same as a configuration file has it.
fn configured(forges: &[&Forge], (asked, url): (Asked, &str)) -> String {
    let mut purpose = match asked {
        Asked::None => None,
        Asked::Opaque => Some("opaque_tokens"),
        Asked::ForRevocation => Some("revocation"),
    };
    let issuers = forges.iter().map(|forge| {
        let introspection = purpose.take().map(|purpose| {
            format!("introspection = {{ for = {purpose:?}, endpoint = {url:?}, {CLIENT} }}")
        });
        format!(
            "[[resource_server.issuers]]\nissuer = {:?}\nprofile = {:?}\naudiences = [{:?}]\n\
             max_age = \"1h\"\ncooldown = \"30m\"\n{}\n",
            forge.issuer(),
            forge.profile(),
            forge.audience,
            introspection.unwrap_or_default(),
        )
    });
    let issuers: String = issuers.collect();
    format!("[resource_server]\naudiences = [{AUDIENCE:?}]\n{issuers}")
}

/// The client in that file.
pub(crate) const CLIENT: &str = r#"client = { id = "service-a", client_secret_basic = "s3cret" }"#;
