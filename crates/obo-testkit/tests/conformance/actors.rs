//! Actors (RFC 8693 §4.1, §4.4): the current one, prior ones, allowed ones.

use serde_json::{Value, json};

use crate::wire::{ACCESS_TOKEN, claims_of, exchange, server};

const TO_B: (&str, &str) = ("audience", "service-b");

/// TX-30
#[tokio::test]
async fn second_exchange_nests_first_actor() {
    let idp = server().await;
    idp.client("service-b")
        .secret("s3cret")
        .may_exchange_to("service-c");
    let alice = idp.user("alice").audience("service-a").mint();
    let at_b = exchange(&idp, "service-a", &alice, &[TO_B])
        .await
        .access_token();
    let at_c = exchange(&idp, "service-b", &at_b, &[("audience", "service-c")])
        .await
        .access_token();

    assert_eq!(claims_of(&at_b)["act"], json!({ "sub": "service-a" }));
    let claims = claims_of(&at_c);
    assert_eq!(
        claims["act"],
        json!({ "sub": "service-b", "act": { "sub": "service-a" } })
    );
    assert_eq!(
        (&claims["sub"], &claims["client_id"]),
        (&"alice".into(), &"service-b".into())
    );

    // Not addressed to A: A cannot exchange the token that it got for B.
    let refused = exchange(&idp, "service-a", &at_b, &[TO_B]).await;
    assert_eq!(refused.error(), (400, "invalid_request".to_owned()));
}

/// TX-29
#[tokio::test]
async fn act_has_no_times_or_audience() {
    let idp = server().await;
    let act = json!({ "sub": "x", "exp": 1, "act": { "sub": "y", "iss": "https://z", "nbf": 1, "aud": "q" } });
    let subject = idp
        .user("alice")
        .audience("service-a")
        .claim("act", act)
        .mint();
    let token = exchange(&idp, "service-a", &subject, &[TO_B])
        .await
        .access_token();
    let expected = json!({ "sub": "service-a", "act": { "sub": "x", "act": { "sub": "y", "iss": "https://z" } } });
    assert_eq!(claims_of(&token)["act"], expected);
}

/// TX-31
#[tokio::test]
async fn impersonation_has_no_act() {
    let idp = server().await;
    let alice = idp
        .user("alice")
        .audience("service-a")
        .actor("service-x")
        .mint();
    let delegated = exchange(&idp, "service-a", &alice, &[TO_B])
        .await
        .access_token();
    idp.client("service-a").impersonates();
    let impersonated = exchange(&idp, "service-a", &alice, &[TO_B])
        .await
        .access_token();

    assert_eq!(claims_of(&delegated)["act"]["sub"], "service-a");
    assert_eq!(claims_of(&impersonated).get("act"), None);
    assert_eq!(claims_of(&impersonated)["sub"], "alice");
}

/// TX-30
#[tokio::test]
async fn actor_token_names_the_actor() {
    let idp = server().await;
    let alice = idp.user("alice").audience("service-a").actor("edge").mint();
    let actor = idp.service("workload-7").audience("service-a").mint();
    let more = [
        TO_B,
        ("actor_token", actor.as_str()),
        ("actor_token_type", ACCESS_TOKEN),
    ];
    let claims = claims_of(
        &exchange(&idp, "service-a", &alice, &more)
            .await
            .access_token(),
    );
    assert_eq!(
        claims["act"],
        json!({ "sub": "workload-7", "act": { "sub": "edge" } })
    );
    assert_eq!(claims["client_id"], "service-a");

    let elsewhere = idp.service("workload-7").audience("service-x").mint();
    let more = [
        TO_B,
        ("actor_token", elsewhere.as_str()),
        ("actor_token_type", ACCESS_TOKEN),
    ];
    assert_eq!(
        exchange(&idp, "service-a", &alice, &more).await.error(),
        (400, "invalid_request".to_owned())
    );
}

/// TX-35
#[tokio::test]
async fn may_act_must_name_acting_party() {
    let idp = server().await;
    let status = async |may_act: Value| {
        let subject = idp
            .user("alice")
            .audience("service-a")
            .may_act(may_act)
            .mint();
        exchange(&idp, "service-a", &subject, &[TO_B])
            .await
            .status
            .as_u16()
    };
    for matching in [
        json!({ "sub": "service-a" }),
        json!({ "sub": "service-a", "iss": idp.issuer() }),
        json!({ "client_id": "service-a" }),
    ] {
        assert_eq!(status(matching.clone()).await, 200, "{matching}");
    }
    for other in [
        json!({ "sub": "service-x" }),
        json!({ "sub": "service-a", "iss": "https://idp.example" }),
        json!({ "iss": idp.issuer() }),
        json!({ "client_id": "service-x" }),
        json!({ "sub": "service-a", "client_id": "service-x" }),
        json!({ "sub": ["service-a"] }),
        json!({}),
        json!("service-a"),
        Value::Null,
    ] {
        assert_eq!(status(other.clone()).await, 400, "{other}");
    }
}

/// TX-35
#[tokio::test]
async fn may_act_binds_actor_token_too() {
    let idp = server().await;
    let subject = idp
        .user("alice")
        .audience("service-a")
        .may_act(json!({ "sub": "workload-7" }))
        .mint();
    let actor = idp.service("workload-7").mint();
    let more = [
        TO_B,
        ("actor_token", actor.as_str()),
        ("actor_token_type", ACCESS_TOKEN),
    ];
    assert_eq!(
        exchange(&idp, "service-a", &subject, &more).await.status,
        200
    );
    idp.client("service-a").impersonates();
    assert_eq!(
        exchange(&idp, "service-a", &subject, &[TO_B]).await.status,
        400
    );
}
