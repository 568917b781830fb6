//! Callers, rules, and refusals as statuses, without a socket to the service.

use obo::error::TokenError;
use obo::{BearerAuthLayer, Caller, Rejection, ResourceServer, Rule, Scope, Trust};
use obo_testkit::TestIdp;
use serde::Deserialize;
use tonic::service::Interceptor as _;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::whoami::{accepts, token};

#[derive(Deserialize)]
struct Tenant {
    tenant: String,
}

async fn of(server: ResourceServer, token: &str) -> Request<()> {
    let mut request = Request::new(());
    let caller = server.validate(token).await.unwrap();
    request.extensions_mut().insert(caller);
    request
}

/// A request that the layer has admitted without a token.
async fn let_in_without_token(idp: &TestIdp) -> Request<()> {
    let layer = BearerAuthLayer::new(accepts(idp, "service-b")).allow_anonymous();
    let inner = service_fn(|request: http::Request<()>| async {
        let mut response = http::Response::new(());
        *response.extensions_mut() = request.into_parts().0.extensions;
        Ok::<_, std::convert::Infallible>(response)
    });
    let behind = layer.layer(inner).oneshot(http::Request::new(())).await;
    let mut request = Request::new(());
    *request.extensions_mut() = behind.unwrap().into_parts().0.extensions;
    request
}

fn challenge(status: &Status) -> Option<&str> {
    let value = status.metadata().get("www-authenticate")?;
    Some(value.to_str().unwrap())
}

/// GR-11
#[tokio::test]
async fn method_sees_validated_caller() {
    let idp = TestIdp::start().await;
    let request = of(accepts(&idp, "service-b"), &token(&idp).mint()).await;
    assert_eq!(obo_tonic::caller(&request).unwrap().subject(), "alice");
}

/// GR-02
#[tokio::test]
async fn missing_caller_is_unauthenticated() {
    let idp = TestIdp::start().await;
    let anonymous = let_in_without_token(&idp).await;
    let by_accessor = obo_tonic::caller(&anonymous).unwrap_err();
    let with_claims = obo_tonic::caller_with_claims::<Tenant, _>(&anonymous)
        .err()
        .unwrap();
    let by_rule = obo_tonic::require(Rule::user())
        .unwrap()
        .call(anonymous)
        .unwrap_err();
    for status in [by_accessor, with_claims, by_rule] {
        assert_eq!(status.code(), Code::Unauthenticated);
        assert_eq!(challenge(&status), Some("Bearer"));
    }
}

/// GR-02
#[test]
fn missing_layer_is_internal() {
    let request = || Request::new(());
    let by_accessor = obo_tonic::caller(&request()).unwrap_err();
    let with_claims = obo_tonic::caller_with_claims::<Tenant, _>(&request());
    let by_rule = obo_tonic::require(Rule::user()).unwrap().call(request());
    for status in [
        by_accessor,
        with_claims.err().unwrap(),
        by_rule.unwrap_err(),
    ] {
        assert_eq!((status.code(), challenge(&status)), (Code::Internal, None));
    }
}

#[tokio::test]
async fn typed_claims_are_extracted() {
    let idp = TestIdp::start().await;
    let trust = Trust::new(idp.issuer()).claims::<Tenant>();
    let reads = ResourceServer::builder("service-b").trust(trust);
    let reads = reads.build().unwrap();
    let token = token(&idp).claim("tenant", "t1").mint();
    let typed: Caller<Tenant> = obo_tonic::caller_with_claims(&of(reads, &token).await).unwrap();
    assert_eq!((typed.subject(), &*typed.claims().tenant), ("alice", "t1"));

    let unread = of(accepts(&idp, "service-b"), &token).await;
    let status = obo_tonic::caller_with_claims::<Tenant, _>(&unread)
        .err()
        .unwrap();
    assert_eq!((status.code(), challenge(&status)), (Code::Internal, None));
    assert!(obo_tonic::caller_with_claims::<(), _>(&unread).is_ok());
}

/// GR-03
#[tokio::test]
async fn rule_denies_unlisted_caller() {
    let idp = TestIdp::start().await;
    let request = || async { of(accepts(&idp, "service-b"), &token(&idp).mint()).await };
    let insufficient = r#"Bearer error="insufficient_scope""#;
    for (rule, denied) in [
        (Rule::scopes(["stock:read"]).and(Rule::user()), None),
        (
            Rule::scopes(["stock:write"]),
            Some(r#"Bearer error="insufficient_scope", scope="stock:write""#),
        ),
        (Rule::actors(["service-a"]), Some(insufficient)),
        (Rule::service(), Some(insufficient)),
    ] {
        let decided = obo_tonic::require(rule).unwrap().call(request().await);
        let status = decided.err();
        assert_eq!(status.as_ref().and_then(challenge), denied);
        if let Some(status) = status {
            assert_eq!(status.code(), Code::PermissionDenied);
        }
    }
}

/// GR-06, GR-04
#[test]
fn details_name_reason_and_need() {
    let step_up = |acr_values: &[&str], max_age| Rejection::StepUp {
        acr_values: acr_values.iter().map(|&value| value.to_owned()).collect(),
        max_age,
    };
    let needed = |scope: &str| Rejection::InsufficientScope {
        needed: Scope::parse(scope).unwrap(),
    };
    let long = "a".repeat(1024);
    let longer = "a".repeat(1025);
    for (rejection, reason, metadata) in [
        (
            Rejection::MissingCredentials,
            "MISSING_CREDENTIALS",
            &[][..],
        ),
        (Rejection::InvalidRequest("x"), "INVALID_REQUEST", &[]),
        (TokenError::Signature.into(), "INVALID_TOKEN", &[]),
        (Rejection::NoRule, "NO_RULE", &[]),
        (Rejection::Actor("x"), "ACTOR_REFUSED", &[]),
        (needed("b a"), "INSUFFICIENT_SCOPE", &[("scope", "a b")]),
        (
            step_up(&["gold", "silver"], Some(300)),
            "STEP_UP",
            &[("acr_values", "gold silver"), ("max_age", "300")],
        ),
        (needed(&long), "INSUFFICIENT_SCOPE", &[("scope", &*long)]),
        (needed(&longer), "INSUFFICIENT_SCOPE", &[]),
    ] {
        let status = obo_tonic::status(&rejection.response());
        let info = status.get_details_error_info().unwrap();
        assert_eq!((&*info.reason, &*info.domain), (reason, "obo"));
        let metadata = metadata
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(info.metadata, metadata.collect());
        // The text for logs is not in them either.
        assert!(status.details().len() < 1400);
        assert!(!String::from_utf8_lossy(status.details()).contains("refused: x"));
    }
}

/// GR-04, GR-06
#[test]
fn each_refusal_has_code_and_challenge() {
    let step_up = Rejection::StepUp {
        acr_values: vec!["gold".to_owned()],
        max_age: None,
    };
    let unavailable = Rejection::Unavailable {
        problem: "the key endpoint is down".to_owned(),
        retry_after: std::time::Duration::from_millis(1500),
    };
    let needed = Scope::parse("a").unwrap();
    for (rejection, code) in [
        (Rejection::MissingCredentials, Code::Unauthenticated),
        (Rejection::InvalidRequest("x"), Code::Unauthenticated),
        (
            TokenError::Expired {
                ago: std::time::Duration::from_secs(61),
                leeway: std::time::Duration::from_secs(60),
            }
            .into(),
            Code::Unauthenticated,
        ),
        (step_up, Code::Unauthenticated),
        (
            Rejection::InsufficientScope { needed },
            Code::PermissionDenied,
        ),
        (Rejection::Actor("x"), Code::PermissionDenied),
        (Rejection::Subject("x"), Code::PermissionDenied),
        (Rejection::Misconfigured("x"), Code::Internal),
        (unavailable, Code::Unavailable),
    ] {
        let refusal = rejection.response();
        let status = obo_tonic::status(&refusal);
        assert_eq!((status.code(), status.message()), (code, refusal.message()));
        let expected = refusal.challenge();
        assert_eq!(
            challenge(&status),
            expected.as_ref().map(|value| value.to_str().unwrap())
        );
        let retry_after = status
            .metadata()
            .get("retry-after")
            .map(|value| value.to_str().unwrap());
        assert_eq!(retry_after, (code == Code::Unavailable).then_some("2"));
        assert!(!status.message().contains("key endpoint"));
    }
}
