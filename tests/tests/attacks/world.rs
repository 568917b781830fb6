//! Trusted issuers with key sets.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use obo::authorization_server::KeyRefresh;
use obo::{Client, ClientSecretBasic, Introspection, Profile, ResourceServer, Trust};
use obo_test_support::Log;
use obo_testkit::TestIdp;
use serde_json::{Map, Value};

use crate::case::{Attack, Case, Cases, Sent};
use crate::forge::{AUDIENCE, Forge};
use crate::gateway::GatewayServer;
use crate::introspection_endpoint::{IntrospectionEndpoint, IntrospectionResponse};
use crate::key_sets::KeySetKind;
use crate::places::Places;
use crate::score::Score;
use crate::signer::Keys;
use crate::target::Target;
use crate::trap::Trap;

/// The audience for tokens of the other issuer.
pub(crate) const OTHER_AUDIENCE: &str = "service-a-of-the-others";

pub(crate) struct World {
    /// The issuer with the RFC 9068 profile.
    strict: Forge,
    lenient: Forge,
    /// Another trusted issuer, with its own keys under the same names, and another audience.
    other: Forge,
    attacker: Keys,
    places: Places,
    endpoint: IntrospectionEndpoint,
    /// The tokens so far whose signature their issuer's keys verify.
    validly_signed: BTreeSet<String>,
    started: Instant,
    warnings: Log,
}

/// Which tokens of the strict issuer are introspected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum IntrospectedTokens {
    None,
    /// Tokens that are not JWTs.
    Opaque,
    /// Tokens whose signature the keys verify.
    ForRevocation,
}

impl World {
    pub(crate) async fn start(kind: KeySetKind, tokens: IntrospectedTokens) -> Self {
        let warnings = Log::of_warnings();
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
        if tokens == IntrospectedTokens::ForRevocation {
            // A server that introspected before it verified would admit everything.
            let claims = strict.draft().claims.json();
            let active = claims.replacen('{', r#"{"active":true,"#, 1);
            endpoint.respond_to_all(IntrospectionResponse::json(active));
        }
        let introspection = (tokens, &*url);
        let server = trusting(&forges, introspection);
        let file = configured(&forges, introspection);
        let places = Places::start(server, &file, &strict.idp, trap).await;
        Self {
            strict,
            lenient,
            other,
            attacker,
            places,
            endpoint,
            validly_signed: BTreeSet::new(),
            started: Instant::now(),
            warnings,
        }
    }

    pub(crate) fn gateway(&self) -> &GatewayServer {
        &self.places.gateway
    }

    /// A valid token.
    pub(crate) fn good(&self) -> String {
        self.strict.good()
    }

    /// A token that expires this many seconds from now.
    pub(crate) fn expiring_in(&self, seconds: i64) -> String {
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
        self.validly_signed.extend(good.map(str::to_owned));
        self.places.run(&cases, score).await;
    }

    /// Each of the two resource servers fetches the keys once, three times more for all forged
    /// names and signatures together, and then at most once in a third of the cooldown. A fetch
    /// that fails, on a machine that stalls for seconds, is tried again once its pause has passed.
    pub(crate) fn check_fetches(&self, score: &mut Score) {
        let refilled = self.started.elapsed().as_secs() / 600;
        let most = 2 * (1 + 3 + usize::try_from(refilled).unwrap());
        for (name, forge) in [
            ("key sets of strict", &self.strict),
            ("key sets of lenient", &self.lenient),
            ("key sets of the other", &self.other),
        ] {
            let failed = self.warnings.lines("key set not available");
            let failed = failed.iter().filter(|line| line.contains(forge.issuer()));
            let most = most + failed.count();
            let fetches = forge.idp.jwks_requests();
            score.expect(name, fetches.min(most), fetches);
        }
        let fetches = self.strict.idp.jwks_requests();
        score.expect("key sets of strict", fetches.max(2), fetches);
    }

    /// No JWT is introspected before its issuer's keys verify it.
    pub(crate) fn check_introspected(&self, score: &mut Score) {
        let introspected = self.endpoint.introspected();
        let jwts = introspected
            .iter()
            .filter(|token| issuer_in(token).is_some());
        let forged = jwts.filter(|token| !self.validly_signed.contains(*token));
        score.expect("forged tokens that were introspected", 0, forged.count());
        score.expect(
            "endpoints that introspected nothing",
            0,
            usize::from(introspected.is_empty()),
        );
    }
}

/// The issuer in a well-formed JWT; the last one of two.
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

/// This service as a client of its authorization server.
pub(crate) fn client() -> Client {
    Client::new("service-a", ClientSecretBasic::new("s3cret"))
}

fn trusting(forges: &[&Forge], (tokens, url): (IntrospectedTokens, &str)) -> ResourceServer {
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
        server = server.trust(match (i, tokens) {
            (0, IntrospectedTokens::Opaque) => trust.introspect(introspection.for_opaque_tokens()),
            (0, IntrospectedTokens::ForRevocation) => {
                trust.introspect(introspection.for_revocation())
            }
            _ => trust,
        });
    }
    server.build().unwrap()
}

/// The same as a configuration file.
fn configured(forges: &[&Forge], (tokens, url): (IntrospectedTokens, &str)) -> String {
    let mut purpose = match tokens {
        IntrospectedTokens::None => None,
        IntrospectedTokens::Opaque => Some("opaque_tokens"),
        IntrospectedTokens::ForRevocation => Some("revocation"),
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
