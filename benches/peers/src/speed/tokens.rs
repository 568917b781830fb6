//! Different tokens, each with 23 claims and about 900 bytes of JSON.

use obo_testkit::{TestIdp, TestKey, TokenBuilder};

use crate::peers::{AUDIENCE, SCOPE};

pub(super) const KID: &str = "bench";

/// This many values of the `Authorization` header.
pub(super) fn lines(idp: &TestIdp, key: &TestKey, count: usize) -> Vec<String> {
    (0..count)
        .map(|i| format!("Bearer {}", token(idp, key, i)))
        .collect()
}

/// A token that is bound to the key `own`.
pub(super) fn bound(idp: &TestIdp, key: &TestKey, own: &TestKey) -> String {
    draft(idp, 0)
        .bound_to(own)
        .sign_with(key)
        .kid(Some(KID))
        .mint()
}

fn token(idp: &TestIdp, key: &TestKey, i: usize) -> String {
    draft(idp, i).sign_with(key).kid(Some(KID)).mint()
}

fn draft(idp: &TestIdp, i: usize) -> TokenBuilder {
    let mut token = idp
        .user(&format!("user-{i:05}"))
        .audience(AUDIENCE)
        .scope(SCOPE)
        .expires_in(3600)
        .claim("tenant", "corp")
        .claim("roles", vec!["buyer", "approver", "auditor"]);
    for n in 0..15 {
        token = token.claim(
            &format!("extension_{n:02}"),
            format!("value {n} of some length"),
        );
    }
    token
}
