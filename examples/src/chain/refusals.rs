//! What the chain must refuse, each checked against the running services.

use obo::Audience;
use obo::error::ExchangeErrorKind;
use tonic::Code;

use super::calls::get;
use super::{Chain, Report};
use crate::BoxError;

/// A token for ServiceA is of no use at ServiceB: neither to call it nor for ServiceB to exchange.
///
/// # Errors
///
/// When a service does not answer at all; so for all functions here.
pub async fn wrong_audience(chain: &Chain, report: &mut Report) -> Result<(), BoxError> {
    let token = chain.token_of("alice");
    let status = chain.level_from_b(&token).await?;
    let challenge = status.metadata().get("www-authenticate");
    report.expect(
        "alice's token for service-a, sent straight to service-b: gRPC 16, invalid_token",
        status.code() == Code::Unauthenticated
            && challenge.is_some_and(|c| c == r#"Bearer error="invalid_token""#),
        &format!("{:?}: {}", status.code(), status.message()),
    );

    // Nothing but a token that was validated can be offered, so ServiceB's client is given one that ServiceA validated.
    let caller = chain.server_of_a.validate(&token).await?;
    let to_c = Audience::new("service-c")?;
    let refused = chain.exchange_of_b.token(&caller, to_c).await.err();
    report.expect(
        "alice's token for service-a, offered for exchange by service-b: refused by the server",
        refused
            .as_ref()
            .is_some_and(|error| error.kind() == ExchangeErrorKind::SubjectInvalid),
        &refused.map(|error| error.to_string()).unwrap_or_default(),
    );
    Ok(())
}

/// A route that wants one of its actors takes neither a user's own token nor another service's.
pub async fn wrong_actor(chain: &Chain, report: &mut Report) -> Result<(), BoxError> {
    let to = |audience: &str| chain.idp.user("alice").audience(audience);
    let cases = [
        ("alice herself", to("service-b"), to("service-c")),
        (
            "a service that is not on the list",
            to("service-b").actor("service-x"),
            to("service-c").actor("service-x"),
        ),
        (
            "a listed service that acted before another one",
            to("service-b").actor("service-a").actor("service-x"),
            to("service-c").actor("service-b").actor("service-x"),
        ),
    ];
    for (who, for_b, for_c) in cases {
        let status = chain.level_from_b(&chain.mint(&for_b)).await?;
        report.expect(
            &format!("{who} calls service-b: gRPC 7"),
            status.code() == Code::PermissionDenied,
            "",
        );
        let got = get(&format!("http://{}/ledger", chain.c), &chain.mint(&for_c)).await?;
        report.expect(
            &format!("{who} calls service-c: 403"),
            got.status == 403,
            "",
        );
    }
    Ok(())
}

/// ServiceA may not reach ServiceC, so its call is not made.
pub async fn unreachable_target(chain: &Chain, report: &mut Report) -> Result<(), BoxError> {
    let before = chain.requests_to_c();
    let token = chain.token_of("alice");
    let got = get(&format!("http://{}/ledger", chain.a), &token).await?;
    let reason = got.header("x-reason");
    report.expect(
        "service-a calls service-c, which the server does not let it reach: 403, service-c receives nothing",
        got.status == 403 && reason.contains("service-c") && chain.requests_to_c() == before,
        reason,
    );
    Ok(())
}

/// A token that is revoked is of no use where it is asked about.
pub async fn revoked(chain: &Chain, report: &mut Report) -> Result<(), BoxError> {
    let token = chain.token_of("carol");
    chain.idp.revoke(&token);
    let (status, _) = chain.orders(&token).await?;
    report.expect("carol, whose token was revoked: 401", status == 401, "");
    Ok(())
}

/// Without the authorization server, what was exchanged goes on and what was not is 503.
pub async fn server_down(chain: &Chain, token: &str, report: &mut Report) -> Result<(), BoxError> {
    let fresh = chain.token_of("bob");
    chain.idp.stop();
    let (status, _) = chain.orders(token).await?;
    report.expect("alice, whose tokens are cached: goes on", status == 200, "");
    let before = chain.requests_to_c();
    let (status, _) = chain.orders(&fresh).await?;
    report.expect(
        "bob, for whom nothing is cached: 503 at service-a, no call goes on",
        status == 503 && chain.requests_to_c() == before,
        "",
    );
    Ok(())
}
