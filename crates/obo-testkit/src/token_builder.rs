use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::act;
use crate::alg::TestAlg;
use crate::jwt;
use crate::random;
use crate::state::State;
use crate::test_key::TestKey;
use crate::thumbprint::sha256;

/// The event of a logout token. It starts with `http`, not `https`.
const LOGOUT: &str = "http://schemas.openid.net/event/backchannel-logout";
/// The start of the events of CAEP.
const CAEP: &str = "https://schemas.openid.net/secevent/caep/event-type/";

/// Builds one token: complete by default, wrong only where a test makes it so.
///
/// An access token has every claim that RFC 9068 §2.2 requires. Times are offsets in seconds from
/// the server's clock when [`mint`](Self::mint) is called.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let idp = obo_testkit::TestIdp::start().await;
/// let alice = idp.user("alice").audience("service-a").scope("orders:read");
/// let valid = alice.clone().mint();
/// let expired = alice.clone().expires_in(-1).mint();
/// let unsigned = alice.header("alg", "none").mint();
/// # assert!(valid != expired && expired != unsigned);
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `mint` is called"]
pub struct TokenBuilder {
    state: Arc<State>,
    claims: Value,
    audiences: Vec<String>,
    scopes: Vec<String>,
    /// Times by claim, in seconds from now.
    times: BTreeMap<&'static str, i64>,
    /// Claims set (or, with `None`, removed) by name; the last one wins.
    edits: Vec<(String, Option<Value>)>,
    alg: Option<TestAlg>,
    foreign: Option<TestKey>,
    /// Header members set (or, with `None`, removed) by name; the last one wins.
    header_edits: Vec<(String, Option<Value>)>,
}

impl TokenBuilder {
    pub(crate) fn access_token(state: Arc<State>, sub: &str, client_id: &str) -> Self {
        let token = Self::new(state, sub).typ(Some("at+jwt"));
        token.client_id(client_id)
    }

    pub(crate) fn id_token(state: Arc<State>, sub: &str, client_id: &str) -> Self {
        let token = Self::new(state, sub).typ(Some("JWT"));
        let token = token.audience(client_id).without("jti");
        token.claim("nonce", random::text::<16>())
    }

    pub(crate) fn logout_token(state: Arc<State>, sub: &str, client_id: &str) -> Self {
        let token = Self::new(state, sub).typ(Some("logout+jwt"));
        let mut token = token.audience(client_id).expires_in(120);
        token.claims["events"] = json!({ LOGOUT: {} });
        token
    }

    pub(crate) fn security_event(state: Arc<State>, event: &str, sub: &str) -> Self {
        let event = match event.contains("://") {
            true => event.to_owned(),
            false => format!("{CAEP}{event}"),
        };
        let subject = json!({ "format": "iss_sub", "iss": &*state.issuer, "sub": sub });
        let mut token = Self::new(state, sub).typ(Some("secevent+jwt"));
        token.claims = json!({ "sub_id": subject, "events": { event: {} } });
        // It has no `exp`, unless a test sets one.
        token.times.remove("exp");
        token
    }

    fn new(state: Arc<State>, sub: &str) -> Self {
        Self {
            state,
            claims: json!({ "sub": sub }),
            audiences: Vec::new(),
            scopes: Vec::new(),
            times: BTreeMap::from([("iat", 0), ("exp", 300)]),
            edits: Vec::new(),
            alg: None,
            foreign: None,
            header_edits: Vec::new(),
        }
    }
}

/// Claims.
impl TokenBuilder {
    /// Adds an audience. The default is the issuer.
    ///
    /// `aud` is a string for one audience, and an array for several.
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// Adds one scope, or several separated by spaces.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.push(scope.to_owned());
        self
    }

    /// Sets `client_id`, the client that the token was issued to.
    pub fn client_id(self, client_id: &str) -> Self {
        self.claim("client_id", client_id)
    }

    /// Sets `sid`, the session of the user at the server.
    pub fn session(self, sid: &str) -> Self {
        self.claim("sid", sid)
    }

    /// Sets `iss`. The default is the server's issuer.
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// Sets `exp`, in seconds from now. The default is 300; a negative value has expired.
    pub fn expires_in(self, seconds: i64) -> Self {
        self.time("exp", seconds)
    }

    /// Sets `iat`, in seconds from now. The default is 0.
    pub fn issued_at(self, seconds: i64) -> Self {
        self.time("iat", seconds)
    }

    /// Sets `nbf`, in seconds from now. The default is a token without it.
    pub fn not_before(self, seconds: i64) -> Self {
        self.time("nbf", seconds)
    }

    /// Sets the current actor; an earlier one becomes its prior actor (RFC 8693 §4.1).
    pub fn actor(mut self, sub: &str) -> Self {
        let prior = self.claims.get("act");
        self.claims["act"] = act::delegate(sub, prior);
        self
    }

    /// Binds the token to a key (`cnf.jkt`, RFC 9449 §6.1). [`TestProof`](crate::TestProof) makes
    /// the proofs.
    pub fn bound_to(self, key: &TestKey) -> Self {
        self.bound_to_thumbprint("jkt", &key.thumbprint())
    }

    pub(crate) fn bound_to_thumbprint(mut self, method: &str, thumbprint: &str) -> Self {
        self.claims["cnf"][method] = thumbprint.into();
        self
    }

    /// Binds the token to a certificate, given in DER (`cnf` with `x5t#S256`, RFC 8705 §3.1).
    pub fn bound_to_certificate(self, der: &[u8]) -> Self {
        self.bound_to_thumbprint("x5t#S256", &sha256(der))
    }

    /// Sets `may_act`, the party that may act for the subject (RFC 8693 §4.4).
    pub fn may_act(self, party: Value) -> Self {
        self.claim("may_act", party)
    }

    /// Sets any claim to any value; the last call wins.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.edits.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Removes a claim.
    pub fn without(mut self, name: &str) -> Self {
        self.edits.push((name.to_owned(), None));
        self
    }

    fn time(mut self, claim: &'static str, seconds: i64) -> Self {
        self.times.insert(claim, seconds);
        self
    }

    /// The claims of a token that is minted now. `jti` is new each time.
    pub fn claims(&self) -> Value {
        let mut claims = self.claims.clone();
        let issuer = self.state.issuer.as_str();
        claims["iss"] = issuer.into();
        claims["aud"] = match &*self.audiences {
            [] => issuer.into(),
            [one] => one.as_str().into(),
            many => many.into(),
        };
        let now = self.state.now();
        for (claim, seconds) in &self.times {
            claims[claim] = (now + seconds).into();
        }
        claims["jti"] = random::text::<16>().into();
        if !self.scopes.is_empty() {
            claims["scope"] = self.scopes.join(" ").into();
        }
        apply(&mut claims, &self.edits);
        claims
    }
}

/// Header and signature.
impl TokenBuilder {
    /// Sets the `typ` header; `None` removes it. The default is that of the kind of token.
    pub fn typ(self, typ: Option<&str>) -> Self {
        self.edit_header("typ", typ.map(Value::from))
    }

    /// Sets the `kid` header; `None` removes it. The default is that of the server's newest key.
    pub fn kid(self, kid: Option<&str>) -> Self {
        self.edit_header("kid", kid.map(Value::from))
    }

    /// Sets any header member to any value. Another `alg` does not change the signature.
    pub fn header(self, name: &str, value: impl Into<Value>) -> Self {
        self.edit_header(name, Some(value.into()))
    }

    fn edit_header(mut self, name: &str, value: Option<Value>) -> Self {
        self.header_edits.push((name.to_owned(), value));
        self
    }

    /// Signs with the server's key for this algorithm, which it generates and publishes if needed.
    pub fn alg(mut self, alg: TestAlg) -> Self {
        self.alg = Some(alg);
        self
    }

    /// Signs with a key that is not the server's. `kid` stays that of the server's key.
    pub fn sign_with(mut self, key: &TestKey) -> Self {
        self.foreign = Some(key.clone());
        self
    }

    /// Issues an opaque token: a random text whose claims the introspection endpoint returns.
    pub fn mint_opaque(&self) -> String {
        let token = random::text::<32>();
        let claims = self.claims();
        self.state.opaque.lock().insert(token.clone(), claims);
        token
    }

    /// Signs the token and returns its compact form, which follows `Bearer`.
    pub fn mint(&self) -> String {
        let foreign_alg = self.foreign.as_ref().map(TestKey::alg);
        let alg = self.alg.or(foreign_alg).unwrap_or(self.state.signing);
        let own = self.state.keys.lock().current(alg);
        let key = self.foreign.as_ref().unwrap_or(&own.key);
        let mut header = json!({ "alg": key.alg().as_str(), "kid": own.kid });
        apply(&mut header, &self.header_edits);
        jwt::encode(&header, &self.claims(), key)
    }
}

impl fmt::Debug for TokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenBuilder").field(&self.claims()).finish()
    }
}

pub(crate) fn apply(object: &mut Value, edits: &[(String, Option<Value>)]) {
    let members = object.as_object_mut().expect("an object");
    for (name, value) in edits {
        match value {
            Some(value) => members.insert(name.clone(), value.clone()),
            None => members.remove(name),
        };
    }
}
