//! What the chain must refuse, each checked against the running services.

use obo::Audience;
use obo::error::ExchangeErrorKind;
use tonic::Code;

use super::Chain;
use super::calls::get;
use crate::BoxError;

/// Prints one expectation that was met, and what was seen if that is not empty.
///
/// # Errors
///
/// If it was not met.
pub fn expect(what: &str, is_met: bool, seen: &str) -> Result<(), BoxError> {
    if !is_met {
        return Err(format!("expected, but not seen: {what}; seen: {seen:?}").into());
    }
    println!("  ok     {what}");
    if !seen.is_empty() {
        println!("         {seen}");
    }
    Ok(())
}

/// A token for ServiceA cannot be used at ServiceB: neither to call it nor for ServiceB to
/// exchange.
///
/// # Errors
///
/// If a service does not respond, or not as expected; so for all functions here.
pub async fn wrong_audience(chain: &Chain) -> Result<(), BoxError> {
    let token = chain.token_of("alice");
    let status = chain.level_from_b(&token).await?;
    let challenge = status.metadata().get("www-authenticate");
    expect(
        "alice's token for service-a, sent straight to service-b: gRPC 16, invalid_token",
        status.code() == Code::Unauthenticated
            && challenge.is_some_and(|c| c == r#"Bearer error="invalid_token""#),
        &format!("{:?}: {}", status.code(), status.message()),
    )?;

    // Only a validated token can be exchanged, so ServiceB's client gets one that ServiceA
    // validated.
    let caller = chain.server_of_a.validate(&token).await?;
    let to_c = Audience::new("service-c")?;
    let refused = chain.exchange_of_b.token(&caller, to_c).await.err();
    let kind = refused.as_ref().map(|error| error.kind());
    expect(
        "alice's token for service-a, offered for exchange by service-b: refused by the server",
        kind == Some(ExchangeErrorKind::SubjectInvalid),
        &refused.map(|error| error.to_string()).unwrap_or_default(),
    )
}

/// A route for one actor accepts neither a user's own token nor another service's.
pub async fn wrong_actor(chain: &Chain) -> Result<(), BoxError> {
    let ledger = format!("http://{}/ledger", chain.c);
    for (who, actors) in [
        ("alice herself", &[][..]),
        ("a service that is not listed", &["service-x"]),
        (
            "another service after the listed ones",
            &["service-a", "service-b", "service-x"],
        ),
    ] {
        let token = |audience| {
            let token = chain.idp.user("alice").audience(audience);
            chain.mint(&actors.iter().fold(token, |token, actor| token.actor(actor)))
        };
        let status = chain.level_from_b(&token("service-b")).await?;
        let denied = status.code() == Code::PermissionDenied;
        expect(&format!("{who} calls service-b: gRPC 7"), denied, "")?;
        let response = get(&ledger, &token("service-c")).await?;
        let denied = response.status() == 403;
        expect(&format!("{who} calls service-c: 403"), denied, "")?;
    }
    Ok(())
}

/// ServiceA may not reach ServiceC, so its call is not made.
pub async fn unreachable_target(chain: &Chain) -> Result<(), BoxError> {
    let before = chain.requests_to_c();
    let token = chain.token_of("alice");
    let response = get(&format!("http://{}/ledger", chain.a), &token).await?;
    let reason = response.headers().get("x-reason");
    let reason = reason.map_or("", |reason| reason.to_str().unwrap_or_default());
    expect(
        "service-a calls service-c, which the server does not allow: 403, service-c receives nothing",
        response.status() == 403 && reason.contains("service-c") && chain.requests_to_c() == before,
        reason,
    )
}

/// A revoked token cannot be used where services introspect.
pub async fn revoked(chain: &Chain) -> Result<(), BoxError> {
    let token = chain.token_of("carol");
    chain.idp.revoke(&token);
    let (status, _) = chain.orders(&token).await?;
    expect("carol, whose token was revoked: 401", status == 401, "")
}

/// Without the authorization server, cached tokens keep working and new ones are 503.
pub async fn server_down(chain: &Chain, token: &str) -> Result<(), BoxError> {
    let fresh = chain.token_of("bob");
    chain.idp.stop();
    let (status, _) = chain.orders(token).await?;
    expect("alice, whose tokens are cached: 200", status == 200, "")?;
    let before = chain.requests_to_c();
    let (status, _) = chain.orders(&fresh).await?;
    expect(
        "bob, whose tokens are not cached: 503 at service-a, service-c receives nothing",
        status == 503 && chain.requests_to_c() == before,
        "",
    )
}
