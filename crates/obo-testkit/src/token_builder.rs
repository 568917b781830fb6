use std::fmt;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::alg::TestAlg;
use crate::jwt::{self, Object};
use crate::random;
use crate::signing_key::TestKey;
use crate::state::State;

/// A token in the making: complete by default, wrong only where asked to be.
///
/// An access token has every claim RFC 9068 §2.2 requires. Times are offsets in seconds from the
/// server's clock at the moment of [`mint`](Self::mint).
#[derive(Clone)]
#[must_use = "a builder does nothing until minted"]
pub struct TokenBuilder {
    state: Arc<State>,
    claims: Object,
    audiences: Vec<String>,
    scopes: Vec<String>,
    expires_in: i64,
    issued_at: i64,
    not_before: Option<i64>,
    /// Whether each token gets a `jti` of its own.
    jti: bool,
    /// Claims set (or, with nothing, removed) by name, last one wins.
    edits: Vec<(String, Option<Value>)>,
    alg: Option<TestAlg>,
    foreign: Option<TestKey>,
    /// Header members set (or, with nothing, removed) by name, last one wins.
    header_edits: Vec<(String, Option<Value>)>,
}

/// Where it starts.
impl TokenBuilder {
    pub(crate) fn access_token(state: Arc<State>, sub: &str, client_id: &str) -> Self {
        let claims = json!({ "sub": sub, "client_id": client_id });
        Self::new(state, &claims).typ(Some("at+jwt"))
    }

    pub(crate) fn id_token(state: Arc<State>, sub: &str, client_id: &str) -> Self {
        let builder = Self::new(state, &json!({ "sub": sub }))
            .typ(Some("JWT"))
            .audience(client_id);
        Self {
            jti: false,
            ..builder
        }
    }

    fn new(state: Arc<State>, claims: &Value) -> Self {
        Self {
            state,
            claims: claims.as_object().cloned().unwrap_or_default(),
            audiences: Vec::new(),
            scopes: Vec::new(),
            expires_in: 300,
            issued_at: 0,
            not_before: None,
            jti: true,
            edits: Vec::new(),
            alg: None,
            foreign: None,
            header_edits: Vec::new(),
        }
    }
}

/// Claims.
impl TokenBuilder {
    /// Adds an audience; `aud` becomes an array with the second, and is the issuer without any.
    pub fn audience(mut self, audience: &str) -> Self {
        self.audiences.push(audience.to_owned());
        self
    }

    /// Adds one scope, or several separated by spaces.
    pub fn scope(mut self, scope: &str) -> Self {
        self.scopes.push(scope.to_owned());
        self
    }

    /// Names the client the token was issued to.
    pub fn client_id(self, client_id: &str) -> Self {
        self.claim("client_id", client_id)
    }

    /// Names another issuer.
    pub fn issuer(self, issuer: &str) -> Self {
        self.claim("iss", issuer)
    }

    /// Sets `exp`, in seconds from now; the default is 300, negative means already expired.
    pub fn expires_in(mut self, seconds: i64) -> Self {
        self.expires_in = seconds;
        self
    }

    /// Sets `iat`, in seconds from now; the default is 0.
    pub fn issued_at(mut self, seconds: i64) -> Self {
        self.issued_at = seconds;
        self
    }

    /// Sets `nbf`, in seconds from now; the default is no `nbf`.
    pub fn not_before(mut self, seconds: i64) -> Self {
        self.not_before = Some(seconds);
        self
    }

    /// Puts an actor outermost; the one named before becomes its prior actor (RFC 8693 §4.1).
    pub fn actor(mut self, sub: &str) -> Self {
        let mut act = json!({ "sub": sub });
        if let Some(prior) = self.claims.remove("act") {
            act["act"] = prior;
        }
        self.claims.insert("act".to_owned(), act);
        self
    }

    /// Says who may act for the subject (RFC 8693 §4.4).
    pub fn may_act(self, party: Value) -> Self {
        self.claim("may_act", party)
    }

    /// Sets any claim to any value, whatever it would have been.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.edits.push((name.to_owned(), Some(value.into())));
        self
    }

    /// Leaves a claim out.
    pub fn without(mut self, name: &str) -> Self {
        self.edits.push((name.to_owned(), None));
        self
    }

    /// The claims as a token minted now would carry them; `jti` is new each time.
    pub fn claims(&self) -> Value {
        Value::Object(self.claim_set())
    }

    fn claim_set(&self) -> Object {
        let now = self.state.now();
        let mut claims = self.claims.clone();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("iss", self.state.issuer.as_str().into());
        set(
            "aud",
            audience_claim(&self.audiences).unwrap_or_else(|| self.state.issuer.as_str().into()),
        );
        set("iat", (now + self.issued_at).into());
        set("exp", (now + self.expires_in).into());
        if let Some(seconds) = self.not_before {
            set("nbf", (now + seconds).into());
        }
        if self.jti {
            set("jti", random::jti().into());
        }
        if !self.scopes.is_empty() {
            set("scope", self.scopes.join(" ").into());
        }
        apply(&mut claims, &self.edits);
        claims
    }
}

/// Header and signature.
impl TokenBuilder {
    /// Sets the `typ` header; `None` leaves it out. The default is `at+jwt`, for an ID token `JWT`.
    pub fn typ(mut self, typ: Option<&str>) -> Self {
        self.header_edits
            .push(("typ".to_owned(), typ.map(Value::from)));
        self
    }

    /// Sets the `kid` header; `None` leaves it out. The default is the kid of the server's newest key.
    pub fn kid(mut self, kid: Option<&str>) -> Self {
        self.header_edits
            .push(("kid".to_owned(), kid.map(Value::from)));
        self
    }

    /// Sets any header member to any value, `alg` included: the signature does not follow it.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header_edits
            .push((name.to_owned(), Some(value.into())));
        self
    }

    /// Signs with the server's key for this algorithm, which is made and published if there is none.
    pub fn alg(mut self, alg: TestAlg) -> Self {
        self.alg = Some(alg);
        self
    }

    /// Signs with a key that is not the server's; `kid` goes on naming the server's.
    pub fn sign_with(mut self, key: &TestKey) -> Self {
        self.foreign = Some(key.clone());
        self
    }

    /// Issues an opaque token with these claims: a random text, of which the introspection endpoint knows them.
    pub fn mint_opaque(&self) -> String {
        self.state.tokens().issue(self.claim_set())
    }

    /// Signs the token: the compact form that goes after `Bearer`.
    pub fn mint(&self) -> String {
        let foreign_alg = self.foreign.as_ref().map(TestKey::alg);
        let alg = self.alg.or(foreign_alg).unwrap_or(self.state.signing);
        let own = self.state.keys().current(alg);
        let key = self.foreign.as_ref().unwrap_or(&own.key);
        let mut header = Object::new();
        header.insert("alg".to_owned(), key.alg().as_str().into());
        header.insert("kid".to_owned(), own.kid.into());
        apply(&mut header, &self.header_edits);
        jwt::encode(&header, &self.claim_set(), key)
    }
}

impl fmt::Debug for TokenBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenBuilder")
            .field("claims", &self.claims())
            .finish_non_exhaustive()
    }
}

/// One audience is a string, several are an array, none is nothing.
pub(crate) fn audience_claim(audiences: &[String]) -> Option<Value> {
    match audiences {
        [] => None,
        [one] => Some(one.as_str().into()),
        many => Some(many.into()),
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
