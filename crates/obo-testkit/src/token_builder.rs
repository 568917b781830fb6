use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::alg::TestAlg;
use crate::jwt::{self, Object};
use crate::random;
use crate::state::State;
use crate::test_key::TestKey;

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
    claims: Object,
    audiences: Vec<String>,
    scopes: Vec<String>,
    expires_in: i64,
    issued_at: i64,
    not_before: Option<i64>,
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
        token.audience(client_id).without("jti")
    }

    fn new(state: Arc<State>, sub: &str) -> Self {
        Self {
            state,
            claims: Object::from_iter([("sub".to_owned(), sub.into())]),
            audiences: Vec::new(),
            scopes: Vec::new(),
            expires_in: 300,
            issued_at: 0,
            not_before: None,
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

    /// Sets `iss`. The default is the server's issuer.
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// Sets `exp`, in seconds from now. The default is 300; a negative value has expired.
    pub fn expires_in(mut self, seconds: i64) -> Self {
        self.expires_in = seconds;
        self
    }

    /// Sets `iat`, in seconds from now. The default is 0.
    pub fn issued_at(mut self, seconds: i64) -> Self {
        self.issued_at = seconds;
        self
    }

    /// Sets `nbf`, in seconds from now. The default is a token without it.
    pub fn not_before(mut self, seconds: i64) -> Self {
        self.not_before = Some(seconds);
        self
    }

    /// Sets the current actor; an earlier one becomes its prior actor (RFC 8693 §4.1).
    pub fn actor(mut self, sub: &str) -> Self {
        let mut act = json!({ "sub": sub });
        if let Some(prior) = self.claims.remove("act") {
            act["act"] = prior;
        }
        self.claims.insert("act".to_owned(), act);
        self
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

    /// The claims of a token that is minted now. `jti` is new each time.
    pub fn claims(&self) -> Value {
        Value::Object(self.claim_set())
    }

    fn claim_set(&self) -> Object {
        let now = self.state.now();
        let mut claims = self.claims.clone();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        let issuer = self.state.issuer.as_str();
        set("iss", issuer.into());
        set(
            "aud",
            match &*self.audiences {
                [] => issuer.into(),
                [one] => one.as_str().into(),
                many => many.into(),
            },
        );
        set("iat", (now + self.issued_at).into());
        set("exp", (now + self.expires_in).into());
        if let Some(seconds) = self.not_before {
            set("nbf", (now + seconds).into());
        }
        set("jti", random::text::<16>().into());
        if !self.scopes.is_empty() {
            set("scope", self.scopes.join(" ").into());
        }
        apply(&mut claims, &self.edits);
        claims
    }
}

/// Header and signature.
impl TokenBuilder {
    /// Sets the `typ` header; `None` removes it. The default is `at+jwt`, for an ID token `JWT`.
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
        self.state.tokens.lock().issue(self.claim_set())
    }

    /// Signs the token and returns its compact form, which follows `Bearer`.
    pub fn mint(&self) -> String {
        let foreign_alg = self.foreign.as_ref().map(TestKey::alg);
        let alg = self.alg.or(foreign_alg).unwrap_or(self.state.signing);
        let own = self.state.keys.lock().current(alg);
        let key = self.foreign.as_ref().unwrap_or(&own.key);
        let mut header = Object::new();
        header.insert("alg".to_owned(), key.alg().as_str().into());
        header.insert("kid".to_owned(), own.kid.into());
        apply(&mut header, &self.header_edits);
        jwt::encode(&header.into(), &self.claims(), key)
    }
}

impl fmt::Debug for TokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("claims", &self.claims())
            .finish_non_exhaustive()
    }
}

fn apply(members: &mut Object, edits: &[(String, Option<Value>)]) {
    for (name, value) in edits {
        match value {
            Some(value) => members.insert(name.clone(), value.clone()),
            None => members.remove(name),
        };
    }
}
