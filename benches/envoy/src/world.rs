//! The authorization server, the tokens and the upstream: the same for all candidates.

use obo_testkit::{TestAlg, TestIdp};

use crate::{load, upstream};

pub(crate) const TOKENS: usize = 10_000;
pub(crate) const AUDIENCE: &str = "gateway";

pub(crate) struct World {
    pub(crate) idp: TestIdp,
    /// The key set as JSON, for Envoy.
    pub(crate) key_set: String,
    /// Values of `Authorization`, each with 20 claims and about 900 bytes of JSON.
    pub(crate) lines: Vec<String>,
    /// The port of the upstream.
    pub(crate) upstream: u16,
}

impl World {
    pub(crate) async fn start() -> Self {
        let idp = TestIdp::builder().signing(TestAlg::Rs256).start().await;
        idp.client("gateway")
            .secret("s3cret")
            .may_exchange_to("upstream");
        let lines = (0..TOKENS).map(|n| format!("Bearer {}", token(&idp, n)));
        Self {
            lines: lines.collect(),
            key_set: load::text(&idp.jwks_uri()).await,
            upstream: upstream::start().await,
            idp,
        }
    }
}

fn token(idp: &TestIdp, n: usize) -> String {
    let mut token = idp
        .user(&format!("user-{n:05}"))
        .audience(AUDIENCE)
        .scope("orders:read orders:write stock:read")
        .expires_in(4 * 3600);
    for n in 0..15 {
        token = token.claim(
            &format!("extension_{n:02}"),
            format!("value {n} of some length"),
        );
    }
    token.mint()
}
