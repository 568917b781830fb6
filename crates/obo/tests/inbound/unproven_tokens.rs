//! Bound tokens outside of a request, where nothing proves their binding.

use obo::binding::BoundTokens;
use obo::{ResourceServer, Rule, Trust};
use obo_testkit::{TestAlg, TestIdp, TestKey};

/// The codes of the layer's validation, and of that without a proof.
async fn codes(server: &ResourceServer, token: &str) -> [&'static str; 2] {
    let code = |outcome: Result<obo::Caller, obo::Rejection>| match outcome {
        Ok(caller) => {
            assert_eq!(caller.subject(), "alice");
            "ok"
        }
        Err(rejection) => rejection.code(),
    };
    let whole = code(server.validate(token).await);
    [
        whole,
        code(server.danger_validate_without_proof(token).await),
    ]
}

/// MT-03: only the missing proof is passed over.
#[tokio::test]
async fn only_missing_proof_is_passed_over() {
    let idp = TestIdp::start().await;
    let key = TestKey::generate(TestAlg::Es256);
    let user = || idp.user("alice").audience("service-a");
    let plain = user().mint();
    let to_key = user().bound_to(&key).mint();
    let to_certificate = user().bound_to_certificate(b"certificate").mint();
    let late = user().bound_to(&key).expires_in(-600).mint();
    let server = |tokens: Option<BoundTokens>, trust: fn(Trust) -> Trust| {
        let trust = trust(Trust::new(idp.issuer()));
        let server = ResourceServer::builder("service-a").trust(trust);
        let server = match tokens {
            Some(tokens) => server.bound_tokens(tokens),
            None => server,
        };
        server.build().unwrap()
    };
    let dpop = || BoundTokens::new().dpop("https://a.example");
    let any: fn(Trust) -> Trust = |trust| trust;
    let (binding, not_bound) = ("binding_not_checked", "not_bound");

    let accepts = server(Some(dpop().certificates()), any);
    assert_eq!(codes(&accepts, &plain).await, ["ok", "ok"]);
    assert_eq!(codes(&accepts, &to_key).await, [binding, "ok"]);
    assert_eq!(codes(&accepts, &to_certificate).await, [binding, "ok"]);
    assert_eq!(codes(&accepts, &late).await, ["expired"; 2]);

    let requires = server(Some(dpop().certificates().require_dpop()), any);
    assert_eq!(codes(&requires, &plain).await, [not_bound; 2]);
    assert_eq!(codes(&requires, &to_key).await, [binding, "ok"]);
    assert_eq!(codes(&requires, &to_certificate).await, [not_bound; 2]);

    let of_issuer = server(Some(dpop()), Trust::require_bound);
    assert_eq!(of_issuer.bound_issuers().count(), 1);
    assert_eq!(codes(&of_issuer, &plain).await, [not_bound; 2]);
    assert_eq!(codes(&of_issuer, &to_certificate).await, [binding; 2]);

    let refuses = server(None, any);
    assert_eq!(refuses.bound_issuers().count(), 0);
    assert_eq!(codes(&refuses, &to_key).await, [binding; 2]);
}

#[test]
fn rule_says_whether_it_requires_binding() {
    let bound = Rule::bound;
    let user = Rule::user;
    assert!(bound().and(user()).requires_bound());
    assert!(Rule::any_of([bound(), user().and(bound())]).requires_bound());
    assert!(!Rule::any_of([bound(), user()]).requires_bound());
    assert!(!user().requires_bound());
}
