//! The thefts of tokens that are bound to keys (DPoP).

use obo_testkit::{TestAlg, TestKey, TestProof};

use super::Stolen;
use super::hop::Hop;
use super::theft::{Connection, Source, Theft};
use crate::BoxError;
use crate::chain::binding::{Headers, Holder, as_bearer, with_proof};

/// How far the time of a proof may be off, in seconds, and one more.
const TOO_OLD: i64 = 61;

pub(super) static OF_KEYS: [Theft; 8] = [
    Theft {
        from: Source::Log,
        sends: "the token as a bearer token",
        errors: [Some("invalid_token"); 3],
        connection: Connection::Plain,
        headers: |it| Ok(as_bearer(it.token())),
    },
    Theft {
        from: Source::Log,
        sends: "the token without a proof",
        errors: [Some("invalid_dpop_proof"); 3],
        connection: Connection::Plain,
        headers: |it| Ok(vec![("authorization", format!("DPoP {}", it.token()))]),
    },
    Theft {
        from: Source::Service,
        sends: "a proof by the thief's own key",
        errors: [Some("invalid_token"); 3],
        connection: Connection::Plain,
        headers: |it| {
            let Hop { method, url, .. } = &it.hop;
            Ok(it.with(&TestProof::new(&new_key(), method, url)))
        },
    },
    Theft {
        from: Source::Service,
        sends: "the owner's public key, another signature",
        errors: [Some("invalid_dpop_proof"); 3],
        connection: Connection::Plain,
        headers: |it| Ok(it.with(&it.own(it.hop.method, "")?.sign_with(&new_key()))),
    },
    Theft {
        from: Source::Proxy,
        sends: "the same proof again",
        errors: [Some("invalid_dpop_proof"); 3],
        connection: Connection::Plain,
        headers: |it| {
            let proof = it.copied.proof.clone().ok_or("no proof was copied")?;
            Ok(with_proof(it.token(), proof))
        },
    },
    Theft {
        from: Source::Proxy,
        sends: "a proof for another path",
        errors: [Some("invalid_dpop_proof"); 3],
        connection: Connection::Plain,
        headers: |it| Ok(it.with(&it.own(it.hop.method, "/other")?)),
    },
    Theft {
        from: Source::Proxy,
        sends: "a proof for another method",
        errors: [Some("invalid_dpop_proof"); 3],
        connection: Connection::Plain,
        headers: |it| Ok(it.with(&it.own("DELETE", "")?)),
    },
    Theft {
        from: Source::Proxy,
        sends: "a proof of 61 seconds ago",
        errors: [Some("invalid_dpop_proof"); 3],
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
