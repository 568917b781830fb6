//! Tokens of one issuer, complete by default, and modified by a case.

use std::sync::Arc;

use obo_test_support::{Draft, Members};
use obo_testkit::TestIdp;
use serde_json::json;

use crate::signer::{Keys, Signer, base64url};

/// The audience of the resource server.
pub(crate) const AUDIENCE: &str = "service-a";

/// A trusted issuer, and its keys to sign anything.
pub(crate) struct Forge {
    pub(crate) idp: TestIdp,
    pub(crate) keys: Arc<Keys>,
    pub(crate) audience: &'static str,
    /// Whether its profile is lenient: `typ` may be `JWT` or absent, and claims that only RFC 9068
    /// requires may be missing.
    pub(crate) is_lenient: bool,
}

impl Forge {
    /// A valid token before it is signed.
    pub(crate) fn draft(&self) -> Draft {
        let token = self.idp.user("alice").audience(self.audience);
        let token = token.scope("stock:read").actor("service-b");
        let claims = token.client_id("alices-app").not_before(0).claims();
        let typ = if self.is_lenient { "JWT" } else { "at+jwt" };
        let header = json!({ "alg": "ES256", "kid": "k-es", "typ": typ });
        Draft {
            header: Members::of(&header),
            claims: Members::of(&claims),
        }
    }

    pub(crate) fn issuer(&self) -> &str {
        self.idp.issuer()
    }

    /// The profile's name in a configuration file.
    pub(crate) fn profile(&self) -> &'static str {
        if self.is_lenient {
            "lenient"
        } else {
            "rfc9068"
        }
    }

    /// Seconds since the epoch.
    pub(crate) fn now(&self) -> i64 {
        self.draft().claims.text("iat").parse().unwrap()
    }

    /// A valid token.
    pub(crate) fn good(&self) -> String {
        self.sign(&self.draft())
    }

    pub(crate) fn sign(&self, draft: &Draft) -> String {
        self.sign_texts(&draft.header.json(), &draft.claims.json())
    }

    /// Signs with ES256, whatever algorithm the header names.
    pub(crate) fn sign_texts(&self, header: &str, claims: &str) -> String {
        signed(&self.keys.es, "ES256", header.as_bytes(), claims.as_bytes())
    }

    /// Signs these claims under the usual header.
    pub(crate) fn sign_claims(&self, claims: impl AsRef<[u8]>) -> String {
        let header = self.draft().header.json();
        signed(&self.keys.es, "ES256", header.as_bytes(), claims.as_ref())
    }

    /// Signs the usual claims under this header.
    pub(crate) fn sign_header(&self, header: impl AsRef<[u8]>) -> String {
        let claims = self.draft().claims.json();
        signed(&self.keys.es, "ES256", header.as_ref(), claims.as_bytes())
    }
}

/// Signs any two texts and returns the compact form.
pub(crate) fn signed(signer: &Signer, alg: &str, header: &[u8], payload: &[u8]) -> String {
    signed_segments(signer, alg, &base64url(header), &base64url(payload))
}

/// Signs two segments as they are.
pub(crate) fn signed_segments(signer: &Signer, alg: &str, header: &str, payload: &str) -> String {
    let message = format!("{header}.{payload}");
    let signature = base64url(signer.sign(alg, &message));
    format!("{message}.{signature}")
}
