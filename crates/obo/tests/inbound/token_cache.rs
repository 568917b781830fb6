//! The memory of the cache of verified tokens, measured.

use obo::Trust;
use obo_testkit::TokenBuilder;
use serde::Deserialize;
use serde_json::json;

use crate::guarded::builder_a;
use crate::issuer::FakeIssuer;

const BYTES: u64 = 2 * 1024 * 1024;

/// Typed claims as large as their JSON.
#[derive(Deserialize)]
struct Note {
    #[serde(rename = "note")]
    _note: String,
}

/// The memory of the cache after twice as many tokens as it has room for.
fn held(trust: fn(Trust) -> Trust, edit: impl Fn(TokenBuilder) -> TokenBuilder) -> i64 {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_all().build().unwrap();
    let idp = runtime.block_on(FakeIssuer::new());
    let token = |n: usize| edit(idp.token().claim("jti", format!("{n:08}"))).mint();
    let first = token(0);
    let weight = 768 + 2 * first.len();
    let tokens: Vec<_> = (1..2 * BYTES as usize / weight).map(token).collect();
    let server = builder_a(trust(Trust::new(idp.known()))).token_cache_bytes(BYTES);
    let server = server.build().unwrap();
    runtime.block_on(server.validate(&first)).unwrap();
    let fill = || {
        for token in &tokens {
            drop(runtime.block_on(server.validate(token)).unwrap());
        }
    };
    allocation_counter::measure(fill).bytes_current
}

#[test]
fn token_cache_memory_matches_size() {
    let same = |trust| trust;
    let small = |token: TokenBuilder| token;
    let roles = |token: TokenBuilder| {
        let names = |of: &str| Vec::from_iter((0..20).map(|n| format!("{of}-{n}")));
        token
            .claim("roles", names("role"))
            .claim("groups", names("group"))
            .claim("scope", names("orders:read").join(" "))
    };
    let actors = |token: TokenBuilder| {
        let act = |n: u32, inner| json!({ "sub": format!("service-{n}"), "act": inner });
        let inner = json!({ "sub": "service-0" });
        token.claim("act", (1..4).fold(inner, |inner, n| act(n, inner)))
    };
    let large = |token: TokenBuilder| token.claim("note", "x".repeat(4000));
    for (name, held) in [
        ("small", held(same, small)),
        ("roles", held(same, roles)),
        ("actors", held(same, actors)),
        ("large", held(same, large)),
        ("typed", held(Trust::claims::<Note>, large)),
    ] {
        let share = held as f64 / BYTES as f64;
        assert!(
            (0.4..=1.0).contains(&share),
            "{name}: {share:.2} of the size"
        );
    }
}
