//! What a caller may do.

use http::{Method, Request, header};
use obo::caller::ActorId;
use obo::require::Principal;
use obo::{BearerAuthLayer, Caller, Issuer, Rejection, Rule, RuleTable};
use serde_json::json;

use crate::guarded::{Guarded, INSUFFICIENT, assert_refused, builder_a};
use crate::issuer::FakeIssuer;

async fn requiring(rule: Rule) -> (FakeIssuer, Guarded) {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known()).requires(rule);
    (idp, guarded)
}

/// BT-13
#[tokio::test]
async fn missing_scope_is_named() {
    let rule = Rule::scopes(["orders:write", "orders:read"]);
    let (idp, guarded) = requiring(rule).await;
    let needed = r#"Bearer error="insufficient_scope", scope="orders:read orders:write""#;
    guarded.denies(&idp.token().mint(), needed).await;
    for almost in [
        "orders",
        "orders:read orders:WRITE",
        "orders:read,orders:write",
        "",
    ] {
        guarded
            .denies(&idp.token().claim("scope", almost).mint(), needed)
            .await;
    }
    guarded
        .denies(&idp.token().without("scope").mint(), needed)
        .await;
    for enough in ["orders:write orders:read", "a orders:read b orders:write"] {
        let token = idp.token().claim("scope", enough).mint();
        assert_eq!(guarded.status(&token).await, 200, "{enough}");
    }
}

/// TX-28
#[tokio::test]
async fn actor_is_issuer_and_subject() {
    let (idp, _) = requiring(Rule::user()).await;
    let of = |issuer: Option<&str>| {
        let act = match issuer {
            Some(issuer) => json!({ "iss": issuer, "sub": "service-b" }),
            None => json!({ "sub": "service-b" }),
        };
        idp.token().claim("act", act).mint()
    };
    let own = idp.id();
    let bare = Rule::actors(["service-b"]);
    let qualified = Rule::actors([ActorId::new(own.as_str(), "service-b")]);
    for rule in [bare, qualified] {
        let guarded = Guarded::by(idp.known()).requires(rule);
        assert_eq!(guarded.status(&of(None)).await, 200);
        assert_eq!(guarded.status(&of(Some(own.as_str()))).await, 200);
        guarded
            .denies(&of(Some("https://idp.example/")), INSUFFICIENT)
            .await;
        guarded
            .denies(&of(Some("https://evil.example")), INSUFFICIENT)
            .await;
    }
    let foreign = ActorId::new("https://partner.example", "service-b");
    let rule = Rule::actors([foreign]).and(Rule::issuers([own]));
    let guarded = Guarded::by(idp.known()).requires(rule);
    assert_eq!(
        guarded.status(&of(Some("https://partner.example"))).await,
        200
    );
    guarded.denies(&of(None), INSUFFICIENT).await;
}

/// TX-32
#[tokio::test]
async fn actors_may_be_of_several_issuers() {
    let partner = Principal::from(ActorId::new("https://partner.example", "service-p"));
    let rule = Rule::actors([Principal::from("service-b"), partner]);
    let idp = FakeIssuer::new().await;
    let rule = Rule::issuers([idp.id()]).and(rule);
    let guarded = Guarded::by(idp.known()).requires(rule);
    assert_eq!(
        guarded.status(&idp.token().actor("service-b").mint()).await,
        200
    );
    guarded
        .denies(&idp.token().actor("service-p").mint(), INSUFFICIENT)
        .await;
    let act = json!({ "iss": "https://partner.example", "sub": "service-p" });
    assert_eq!(
        guarded.status(&idp.token().claim("act", act).mint()).await,
        200
    );
}

/// TX-28, TX-32
#[tokio::test]
async fn foreign_actor_needs_a_named_issuer() {
    let idp = FakeIssuer::new().await;
    let partner = "https://partner.example";
    let act = json!({ "iss": partner, "sub": "service-b" });
    let foreign = idp.token().claim("act", act).mint();
    let own = idp.token().actor("service-b").mint();
    let listed = || Rule::actors([ActorId::new(partner, "service-b")]);
    let named = || Rule::issuers([idp.id()]);
    let other = || Rule::issuers([Issuer::new(partner).unwrap()]);
    let any_of = |rules| Rule::any_of(rules);
    for (rule, foreign_status, own_status) in [
        (listed(), 403, 403),
        (Rule::any_actor(), 403, 200),
        (any_of([listed(), Rule::any_actor()]), 403, 200),
        (Rule::no_actor(), 403, 403),
        (named().and(listed()), 200, 403),
        (named().and(Rule::any_actor()), 200, 200),
        (Rule::any_actor().and(named()), 200, 200),
        (named().and(any_of([listed(), Rule::no_actor()])), 200, 403),
        (any_of([Rule::service(), named().and(listed())]), 200, 403),
        // Named only in an alternative, or another issuer than the token's.
        (listed().and(any_of([named(), Rule::user()])), 403, 403),
        (any_of([named().and(Rule::service()), listed()]), 403, 403),
        (other().and(Rule::any_actor()), 403, 403),
        (any_of([other(), Rule::any_actor()]), 403, 200),
    ] {
        let why = format!("{rule:?}");
        let guarded = Guarded::by(idp.known()).requires(rule);
        assert_eq!(guarded.status(&foreign).await, foreign_status, "{why}");
        assert_eq!(guarded.status(&own).await, own_status, "{why}");
    }
}

/// JW-38
#[tokio::test]
async fn rule_may_require_the_issuer() {
    let (first, second) = (
        FakeIssuer::new().await,
        FakeIssuer::named("https://second.example").await,
    );
    let server = builder_a(first.known()).trust(second.known());
    let server = server.build().unwrap();
    let guarded = |issuers: &[&FakeIssuer]| {
        let rule = Rule::issuers(issuers.iter().map(|issuer| issuer.id()));
        Guarded::new(BearerAuthLayer::new(server.clone())).requires(rule)
    };
    for (issuers, of_first, of_second) in [
        (&[&first][..], 200, 403),
        (&[&second], 403, 200),
        (&[&first, &second], 200, 200),
    ] {
        let guarded = guarded(issuers);
        assert_eq!(guarded.status(&first.token().mint()).await, of_first);
        assert_eq!(guarded.status(&second.token().mint()).await, of_second);
    }
    guarded(&[&second])
        .denies(&first.token().mint(), INSUFFICIENT)
        .await;
    assert_eq!(
        Rule::issuers::<Issuer>([]).mistake().unwrap().field(),
        "issuers"
    );
}

#[tokio::test]
async fn both_rule_halves_must_hold() {
    let rule = Rule::scopes(["orders:read"]).and(Rule::any_actor());
    let (idp, guarded) = requiring(rule.and(Rule::user())).await;
    let scope = r#"Bearer error="insufficient_scope", scope="orders:read""#;
    assert_eq!(
        guarded.status(&idp.token().actor("service-b").mint()).await,
        200
    );
    guarded.denies(&idp.token().mint(), INSUFFICIENT).await;
    let without_both = idp.token().without("scope");
    guarded.denies(&without_both.mint(), scope).await;
    let a_service = idp.token().actor("service-b").client_id("alice");
    guarded.denies(&a_service.mint(), INSUFFICIENT).await;
}

/// BT-13, BT-22
#[tokio::test]
async fn each_method_has_its_own_rule() {
    let idp = FakeIssuer::new().await;
    let scope = |scope: &str| Rule::scopes([scope]);
    let table = RuleTable::builder()
        .route("GET /orders", scope("orders:read"))
        .route("POST /orders", scope("orders:write"))
        .route("HEAD /stock", scope("stock:head"))
        .route("GET /stock", scope("stock:read"))
        .route("/stock", scope("stock:write"))
        .route("/slashed/", scope("stock:write"))
        // The rule for all other paths does not apply to other methods of a listed path.
        .otherwise(Rule::user());
    let guarded = Guarded::by(idp.known()).requires_by(table.build().unwrap());
    let needed = |scope: &str| format!(r#"Bearer error="insufficient_scope", scope="{scope}""#);
    for (method, path, scope) in [
        (Method::GET, "/orders", Some("orders:read")),
        (Method::HEAD, "/orders", Some("orders:read")),
        (Method::POST, "/orders", Some("orders:write")),
        (Method::HEAD, "/stock", Some("stock:head")),
        (Method::GET, "/stock", Some("stock:read")),
        (Method::PUT, "/stock", Some("stock:write")),
        (Method::DELETE, "/orders", None),
        (Method::GET, "/orders/", None),
        (Method::PUT, "/slashed", None),
        (Method::from_bytes(b"get").unwrap(), "/orders", None),
    ] {
        let why = format!("{method} {path}");
        let send = async |scope: &str| {
            let token = idp.token().claim("scope", scope).mint();
            let request = Request::builder().method(&method).uri(path);
            let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            guarded.send(request.body(()).unwrap()).await
        };
        let challenge = scope.map_or_else(|| INSUFFICIENT.to_owned(), needed);
        assert_refused(&send("other").await, 403, &[&challenge], &why);
        let all = send("orders:read orders:write stock:head stock:read stock:write").await;
        let expected = if scope.is_some() { 200 } else { 403 };
        assert_eq!(all.status(), expected, "{why}");
        if let Some(scope) = scope {
            assert_eq!(send(scope).await.status(), 200, "{why}");
        }
    }
}

#[tokio::test]
async fn missing_actor_leads_to_client() {
    let (idp, guarded) = requiring(Rule::user()).await;
    let reason = async |token: &str| {
        let caller = guarded.caller(token).await;
        Rule::any_actor().check(&caller).unwrap_err().to_string()
    };
    let with_client = reason(&idp.token().mint()).await;
    assert!(
        with_client.contains("`Profile::allow_client_as_actor`"),
        "{with_client}"
    );
}

#[tokio::test]
async fn handler_and_layer_check_alike() {
    let (idp, guarded) = requiring(Rule::user()).await;
    let caller = guarded.caller(&idp.token().mint()).await;
    assert_eq!(Rule::user().check(&caller), Ok(()));
    assert_eq!(
        Rule::any_actor().check(&caller).unwrap_err().code(),
        "actor_refused"
    );
    assert_eq!(
        Rule::service().check(&caller).unwrap_err().code(),
        "subject_refused"
    );
    let needed = Rule::scopes(["orders:write"]);
    assert_eq!(
        needed.check(&caller).unwrap_err().code(),
        "insufficient_scope"
    );
    let no_caller: Option<&Caller> = None;
    assert_eq!(
        Rule::user().check(no_caller),
        Err(Rejection::MissingCredentials)
    );
}
