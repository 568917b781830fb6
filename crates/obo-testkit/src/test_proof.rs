use std::fmt;

use serde_json::{Value, json};

use crate::state::wall_clock;
use crate::test_key::TestKey;
use crate::thumbprint::sha256;
use crate::token_builder::apply;
use crate::{jwt, random};

/// Builds one DPoP proof (RFC 9449 §4.2): right by default, wrong only where a test makes it so.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof};
///
/// let idp = TestIdp::start().await;
/// let key = TestKey::generate(TestAlg::Es256);
/// let token = idp.user("alice").audience("service-a").bound_to(&key).mint();
///
/// // `Authorization: DPoP {token}` and `DPoP: {proof}`
/// let right = TestProof::new(&key, "GET", "https://a.example/orders").token(&token);
/// let old = right.clone().issued_at(-3600).make();
/// let unsigned = right.clone().header("alg", "none").make();
/// # assert!(old != right.make() && unsigned != right.make());
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `make` is called"]
pub struct TestProof {
    key: TestKey,
    signer: TestKey,
    claims: Value,
    /// In seconds from now.
    issued_at: i64,
    /// Claims set (or, with `None`, removed) by name; the last one wins.
    edits: Vec<(String, Option<Value>)>,
    /// Header members set (or, with `None`, removed) by name; the last one wins.
    header_edits: Vec<(String, Option<Value>)>,
}

impl TestProof {
    /// A proof of this key for one request.
    pub fn new(key: &TestKey, method: &str, url: &str) -> Self {
        Self {
            key: key.clone(),
            signer: key.clone(),
            claims: json!({ "htm": method, "htu": url }),
            issued_at: 0,
            edits: Vec::new(),
            header_edits: Vec::new(),
        }
    }

    /// Sets `ath`, the hash of the token that the request carries.
    pub fn token(self, token: &str) -> Self {
        self.claim("ath", sha256(token.as_bytes()))
    }

    /// Sets `nonce`.
    pub fn nonce(self, nonce: &str) -> Self {
        self.claim("nonce", nonce)
    }

    /// Sets `iat`, in seconds from now. The default is 0.
    pub fn issued_at(mut self, seconds: i64) -> Self {
        self.issued_at = seconds;
        self
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

    /// Sets any header member to any value. Another `alg` or `jwk` does not change the signature.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header_edits
            .push((name.to_owned(), Some(value.into())));
        self
    }

    /// Removes a header member.
    pub fn without_header(mut self, name: &str) -> Self {
        self.header_edits.push((name.to_owned(), None));
        self
    }

    /// Signs with another key. `jwk` stays the first one.
    pub fn sign_with(mut self, key: &TestKey) -> Self {
        self.signer = key.clone();
        self
    }

    /// Signs the proof, the value of a `DPoP` header. `jti` is new each time.
    pub fn make(&self) -> String {
        let mut jwk = self.key.public_jwk("");
        for name in ["kid", "alg", "use"] {
            jwk.as_object_mut().expect("an object").remove(name);
        }
        let mut header = json!({ "typ": "dpop+jwt", "alg": self.key.alg().as_str(), "jwk": jwk });
        apply(&mut header, &self.header_edits);
        let mut claims = self.claims.clone();
        claims["jti"] = random::text::<16>().into();
        claims["iat"] = (wall_clock() + self.issued_at).into();
        apply(&mut claims, &self.edits);
        jwt::encode(&header, &claims, &self.signer)
    }
}

impl fmt::Debug for TestProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TestProof").field(&self.claims).finish()
    }
}
