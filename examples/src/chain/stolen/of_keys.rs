//! The thefts of tokens that are bound to keys (DPoP).

use obo_testkit::{TestAlg, TestKey, TestProof};

use super::hop::Hop;
use super::{Connection, Stolen, Theft};
use crate::BoxError;
use crate::chain::binding::{Headers, Holder, as_bearer, with_proof};

const LOG: &str = "from a log";
const SERVICE: &str = "from a service that was taken over";
const PROXY: &str = "from a proxy, with proofs that it has seen or held back";

/// How far the time of a proof may be off, in seconds, and one more.
const TOO_OLD: i64 = 61;

pub(super) static OF_KEYS: [Theft; 8] = [
    Theft {
        from: LOG,
        sends: "the token as a bearer token",
        error: "invalid_token",
        connection: Connection::Plain,
        headers: |it| Ok(as_bearer(it.token())),
    },
    Theft {
        from: LOG,
        sends: "the token without a proof",
        error: "invalid_dpop_proof",
        connection: Connection::Plain,
        headers: |it| Ok(vec![("authorization", format!("DPoP {}", it.token()))]),
    },
    Theft {
        from: SERVICE,
        sends: "a proof by the thief's own key",
        error: "invalid_token",
        connection: Connection::Plain,
        headers: |it| {
            let Hop { method, url, .. } = it.hop;
            Ok(it.with(&TestProof::new(&new_key(), method, url)))
        },
    },
    Theft {
        from: SERVICE,
        sends: "the owner's public key, another signature",
        error: "invalid_dpop_proof",
        connection: Connection::Plain,
        headers: |it| Ok(it.with(&it.own(it.hop.method, "")?.sign_with(&new_key()))),
    },
    Theft {
        from: PROXY,
        sends: "the same proof again",
        error: "invalid_dpop_proof",
        connection: Connection::Plain,
        headers: |it| {
            let proof = it.copied.proof.clone().ok_or("no proof was copied")?;
            Ok(with_proof(it.token(), proof))
        },
    },
    Theft {
        from: PROXY,
        sends: "a proof for another path",
        error: "invalid_dpop_proof",
        connection: Connection::Plain,
        headers: |it| Ok(it.with(&it.own(it.hop.method, "/other")?)),
    },
    Theft {
        from: PROXY,
        sends: "a proof for another method",
        error: "invalid_dpop_proof",
        connection: Connection::Plain,
        headers: |it| Ok(it.with(&it.own("DELETE", "")?)),
    },
    Theft {
        from: PROXY,
        sends: "a proof of 61 seconds ago",
        error: "invalid_dpop_proof",
        connection: Connection::Plain,
        headers: |it| Ok(it.with(&it.own(it.hop.method, "")?.issued_at(-TOO_OLD))),
    },
];

fn new_key() -> TestKey {
    TestKey::generate(TestAlg::Es256)
}

impl Stolen<'_> {
    /// A proof that the owner has made and a proxy has held back: for this method, and for a path
    /// below that of the call.
    fn own(&self, method: &str, below: &str) -> Result<TestProof, BoxError> {
        let Holder::Key(key) = self.hop.owner else {
            return Err("the owner of the token has no key".into());
        };
        let url = format!("{}{below}", self.hop.url);
        Ok(TestProof::new(key, method, &url))
    }

    fn with(&self, proof: &TestProof) -> Headers {
        let proof = proof.clone().token(self.token());
        with_proof(self.token(), proof.make())
    }
}
