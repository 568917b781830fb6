//! Services that accept bound tokens, and the holder of such a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use obo::binding::{BoundTokens, CertificateHeader};
use obo::time::{Clock, TestClock};
use obo::{Introspection, ResourceServer, Trust};
use obo_test_support::{Draft, Signer};
use obo_testkit::TestIdp;
use obo_tests::expected::{INVALID, PROOF, Refusal, Schemes};
use obo_tests::servers::CALL;

use super::draft::{Proof, thumbprint};
use crate::case::{Case, Sent};
use crate::forge::{AUDIENCE, Forge};
use crate::introspection_endpoint::{IntrospectionEndpoint, IntrospectionResponse};
use crate::key_sets::KeySetKind;
use crate::places::{Places, Way};
use crate::score::Score;
use crate::signer::Keys;
use crate::trap::Trap;
use crate::world::{CLIENT, client};

/// How far the time of a proof may be off, in seconds. Longer than any test.
pub(crate) const WINDOW: i64 = 300;

/// What a service accepts.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) base_url: &'static str,
    pub(crate) dpop: Dpop,
    pub(crate) nonce: bool,
    /// The header, and the network of its proxy.
    pub(crate) certificate: Option<(CertificateHeader, &'static str)>,
    /// The leeway of the issuer, in seconds.
    pub(crate) leeway: u64,
    /// Whether tokens are opaque and introspected.
    pub(crate) is_opaque: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dpop {
    Off,
    Accept,
    Require,
}

impl Settings {
    pub(crate) const ACCEPT: Self = Self {
        base_url: "https://a.example",
        dpop: Dpop::Accept,
        nonce: false,
        certificate: None,
        leeway: 60,
        is_opaque: false,
    };

    fn tokens(self) -> BoundTokens {
        let mut tokens = BoundTokens::new();
        if self.dpop != Dpop::Off {
            let window = Duration::from_secs(WINDOW.cast_unsigned());
            tokens = tokens.dpop(self.base_url).window(window);
        }
        if self.dpop == Dpop::Require {
            tokens = tokens.require_dpop();
        }
        if self.nonce {
            tokens = tokens.demand_nonce();
        }
        match self.certificate {
            Some((header, from)) => tokens.certificate_header(header, [from]),
            None => tokens,
        }
    }

    pub(crate) fn server(self, issuer: &str, endpoint: &str, clock: TestClock) -> ResourceServer {
        let trust = Trust::new(issuer).leeway(Duration::from_secs(self.leeway));
        let trust = match self.is_opaque {
            true => trust.introspect(Introspection::new(client()).endpoint(endpoint)),
            false => trust,
        };
        let server = ResourceServer::builder(AUDIENCE).trust(trust);
        let server = server.bound_tokens(self.tokens()).clock(clock);
        server.build().unwrap()
    }

    /// The same as a configuration file.
    fn file(self, issuer: &str, endpoint: &str) -> String {
        let dpop = match self.dpop {
            Dpop::Off => "off",
            Dpop::Accept => "accept",
            Dpop::Require => "require",
        };
        let introspection = match self.is_opaque {
            true => format!("introspection = {{ endpoint = {endpoint:?}, {CLIENT} }}"),
            false => String::new(),
        };
        let certificate = match self.certificate {
            Some((header, from)) => {
                format!("certificate = {{ header = \"{header}\", from = [{from:?}] }}")
            }
            None => String::new(),
        };
        format!(
            "[headers]\nidentity = \"danger_pass\"\n\
             [binding]\nbase_url = {:?}\ndpop = {dpop:?}\nnonce = {}\nwindow = \"{WINDOW}s\"\n\
             {certificate}\n\
             [resource_server]\naudiences = [{AUDIENCE:?}]\n[[resource_server.issuers]]\n\
             issuer = {issuer:?}\nleeway = \"{}s\"\n{introspection}\n",
            self.base_url, self.nonce, self.leeway
        )
    }

    /// The URL of a path as clients see it.
    pub(crate) fn url(self, path: &str) -> String {
        format!("{}{path}", self.base_url.trim_end_matches('/'))
    }
}

pub(crate) struct BoundWorld {
    pub(crate) settings: Settings,
    pub(crate) at: Forge,
    pub(crate) places: Places,
    /// The time of the layers. The gateway has the real time.
    pub(crate) clock: TestClock,
    /// The keys of the rightful holder.
    pub(crate) own: Keys,
    pub(crate) thief: Keys,
    endpoint: IntrospectionEndpoint,
    tokens: AtomicUsize,
}

impl BoundWorld {
    pub(crate) async fn start(settings: Settings) -> Self {
        let (keys, thief) = (Arc::new(Keys::generate()), Keys::generate());
        let (idp, trap) = (TestIdp::start().await, Trap::set().await);
        idp.replace_jwks(Some(KeySetKind::Clean.document(&keys, &thief, &trap.url)));
        let (endpoint, url) = IntrospectionEndpoint::start().await;
        let clock = TestClock::new(Clock::system().now());
        let server = settings.server(idp.issuer(), &url, clock.clone());
        let file = settings.file(idp.issuer(), &url);
        let mut places = Places::start(server, &file, &idp, trap).await;
        if let Some((header, _)) = settings.certificate {
            places.hidden_from_upstream.push(header.name());
        }
        Self {
            settings,
            at: Forge {
                idp,
                keys,
                audience: AUDIENCE,
                is_lenient: false,
            },
            places,
            clock,
            own: Keys::generate(),
            thief,
            endpoint,
            tokens: AtomicUsize::new(0),
        }
    }

    pub(crate) fn holder(&self, way: Way) -> Holder<'_> {
        let now = match way.is_gateway() {
            true => self.at.now(),
            false => self.now(),
        };
        Holder {
            world: self,
            way,
            now,
        }
    }

    /// The time of the layers.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_secs().cast_signed()
    }

    pub(crate) async fn run(
        &self,
        family: &'static str,
        cases: impl Fn(&Holder<'_>) -> Vec<Case>,
        score: &mut Score,
    ) {
        score.family(family);
        let cases = |way| cases(&self.holder(way));
        self.places.run_each(cases, score).await;
    }

    /// A valid token before it is signed or introspected. It outlives each move of the clock.
    pub(crate) fn draft(&self) -> Draft {
        let now = self.now();
        let draft = self.at.draft().claim("iat", &now.to_string());
        let draft = draft.claim("nbf", &now.to_string());
        draft.claim("exp", &(now + 7200).to_string())
    }

    pub(crate) fn token(&self, draft: &Draft) -> String {
        if !self.settings.is_opaque {
            return self.at.sign(draft);
        }
        let number = self.tokens.fetch_add(1, Ordering::Relaxed);
        let token = format!("opaque-token-{number}");
        self.introspect_as(&token, draft);
        token
    }

    /// Makes the issuer say this of an opaque token.
    pub(crate) fn introspect_as(&self, token: &str, draft: &Draft) {
        let claims = draft.claims.json().replacen('{', r#"{"active":true,"#, 1);
        self.endpoint
            .respond_to(token, IntrospectionResponse::json(claims));
    }

    /// A token whose `cnf` is this JSON text.
    pub(crate) fn confirmed(&self, cnf: &str) -> String {
        self.token(&self.draft().claim("cnf", cnf))
    }

    pub(crate) fn plain(&self) -> String {
        self.token(&self.draft())
    }

    /// A token that is bound to this key.
    pub(crate) fn bound_to(&self, key: &Signer) -> String {
        self.confirmed(&format!("{{\"jkt\":{:?}}}", thumbprint(key)))
    }
}

/// The holder of a bound token, who sends requests in one way.
pub(crate) struct Holder<'w> {
    pub(crate) world: &'w BoundWorld,
    pub(crate) way: Way,
    /// The time of the service.
    pub(crate) now: i64,
}

impl<'w> Holder<'w> {
    pub(crate) fn key(&self) -> &'w Signer {
        self.world.own.es.raw()
    }

    /// A token that is bound to the holder's key.
    pub(crate) fn token(&self) -> String {
        self.world.bound_to(self.key())
    }

    pub(crate) fn url(&self) -> String {
        self.world.settings.url(CALL)
    }

    /// The right proof for a call with this token.
    pub(crate) fn proof(&self, token: &str) -> Proof<'w> {
        self.proof_by(self.key(), "ES256", token)
    }

    pub(crate) fn proof_by<'k>(&self, key: &'k Signer, alg: &str, token: &str) -> Proof<'k> {
        Proof::new(key, alg, &self.url(), token, self.now)
    }

    /// A refusal of a request with this scheme.
    pub(crate) fn under(&self, refusal: Refusal, scheme: &str) -> Refusal {
        let schemes = match self.world.settings.dpop {
            Dpop::Off => Schemes::Bearer,
            Dpop::Require => Schemes::Dpop,
            Dpop::Accept if scheme.eq_ignore_ascii_case("dpop") => Schemes::Dpop,
            Dpop::Accept if refusal.status == 403 => Schemes::Bearer,
            Dpop::Accept => Schemes::Both,
        };
        refusal.with(schemes)
    }

    /// A case with this proof and a token that fits it otherwise. `code` is why the proof is
    /// refused.
    pub(crate) fn case(
        &self,
        name: impl Into<String>,
        token: &str,
        proof: impl AsRef<[u8]>,
        code: Option<&'static str>,
    ) -> Case {
        let sent = proven(token, proof);
        match code {
            Some(code) => Case::request(name, sent, Some(PROOF)).because(code),
            None => Case::request(name, sent, None),
        }
    }

    /// As [`case`](Self::case), with a changed proof of the holder.
    pub(crate) fn changed(
        &self,
        name: impl Into<String>,
        change: impl FnOnce(Proof<'w>) -> Proof<'w>,
        code: Option<&'static str>,
    ) -> Case {
        let token = self.token();
        let proof = change(self.proof(&token)).text();
        self.case(name, &token, proof, code)
    }

    /// A token that is refused although the proof itself is right.
    pub(crate) fn unbound(
        &self,
        name: impl Into<String>,
        token: &str,
        proof: impl AsRef<[u8]>,
        code: &'static str,
    ) -> Case {
        let refusal = self.under(INVALID, "DPoP");
        Case::request(name, proven(token, proof), Some(refusal)).because(code)
    }
}

/// A request with a proof.
pub(crate) fn proven(token: &str, proof: impl AsRef<[u8]>) -> Sent {
    Sent::line(format!("DPoP {token}")).field("dpop", proof)
}
