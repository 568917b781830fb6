//! Profiles: a token that one profile accepts is refused with 401 by another.

use obo::policy::ScopeClaim;
use obo::{Profile, Rule, Trust};
use obo_testkit::{TestIdp, TokenBuilder};
use serde_json::json;

use crate::guarded::{Guarded, INSUFFICIENT};

fn under(idp: &TestIdp, profile: Profile) -> Guarded {
    Guarded::by(Trust::new(idp.issuer()).profile(profile))
}

fn alice(idp: &TestIdp) -> TokenBuilder {
    idp.user("alice").audience("service-a")
}

/// TX-34
#[tokio::test]
async fn scope_array_needs_the_profile() {
    let idp = TestIdp::start().await;
    let reads = Rule::scopes(["orders:read"]);
    let array = alice(&idp).claim("scope", json!(["orders:read"])).mint();
    for profile in [Profile::RFC9068, Profile::LENIENT] {
        under(&idp, profile).refuses(&array, "an array").await;
    }
    let arrays = Profile::RFC9068.scope_from([ScopeClaim::array("scope")]);
    let guarded = under(&idp, arrays).requires(reads.clone());
    assert_eq!(guarded.status(&array).await, 200);
    let other = alice(&idp).claim("scope", json!(["orders"])).mint();
    assert_eq!(guarded.status(&other).await, 403);
    // The scope claim of another server grants nothing.
    let elsewhere = alice(&idp).claim("scp", "orders:read").mint();
    let strict = under(&idp, Profile::RFC9068).requires(reads);
    assert_eq!(strict.status(&elsewhere).await, 403);
}

/// TX-33
#[tokio::test]
async fn actor_rule_sees_mapped_client_only() {
    let idp = TestIdp::start().await;
    let by_b = || Rule::actors(["service-b"]);
    let token = alice(&idp).claim("client_id", "service-b").mint();
    let plain = under(&idp, Profile::RFC9068).requires(by_b());
    plain.denies(&token, INSUFFICIENT).await;
    let mapped = under(&idp, Profile::RFC9068.allow_client_as_actor()).requires(by_b());
    assert_eq!(mapped.status(&token).await, 200);
    let by_x = alice(&idp)
        .claim("client_id", "service-b")
        .actor("service-x");
    mapped.denies(&by_x.mint(), INSUFFICIENT).await;
}
