//! What the chain must refuse, each checked against the running services.

use obo::error::ExchangeErrorKind;
use obo::time::{Clock, UnixTime};
use obo::{Audience, Issuer};
use tonic::Code;

use super::Chain;
use crate::BoxError;

/// What was expected of the services, and what they did.
#[derive(Debug)]
pub struct Expectation {
    /// What was expected.
    pub what: String,
    /// Whether it happened.
    pub is_met: bool,
    /// What was seen; may be empty.
    pub seen: String,
    /// Whether it does harm although it was expected: a thief succeeds.
    pub is_harm: bool,
}

impl Expectation {
    /// Whether `what` happened, and what was seen.
    pub fn new(what: impl Into<String>, is_met: bool, seen: impl Into<String>) -> Self {
        let (what, seen) = (what.into(), seen.into());
        Self {
            what,
            is_met,
            seen,
            is_harm: false,
        }
    }

    /// Prints the expectation that was met, and what was seen if that is not empty.
    ///
    /// # Errors
    ///
    /// If it was not met.
    pub fn print(&self) -> Result<(), BoxError> {
        let Self {
            what, is_met, seen, ..
        } = self;
        if !is_met {
            return Err(format!("expected, but not seen: {what}; seen: {seen:?}").into());
        }
        println!("  ok     {what}");
        if !seen.is_empty() {
            println!("         {seen}");
        }
        Ok(())
    }
}

/// A token for ServiceA cannot be used to call ServiceB.
///
/// # Errors
///
/// If a service does not respond; so for all functions here.
pub async fn replayed(chain: &Chain, token: &str) -> Result<Expectation, BoxError> {
    let status = chain.level_from_b(token).await?;
    let challenge = status.metadata().get("www-authenticate");
    let challenge = challenge.and_then(|challenge| challenge.to_str().ok());
    let expected = chain.binding.challenge("invalid_token");
    Ok(Expectation::new(
        "alice's token for service-a, sent straight to service-b: gRPC 16, invalid_token",
        status.code() == Code::Unauthenticated && challenge == Some(expected.as_str()),
        format!("{:?}: {}", status.code(), status.message()),
    ))
}

/// ServiceB cannot exchange a token for ServiceA.
pub async fn offered(chain: &Chain, token: &str) -> Result<Expectation, BoxError> {
    // Only a validated token can be exchanged, so ServiceB's client gets one that ServiceA
    // validated.
    let caller = chain.server_of_a.validate(token).await?;
    let to_c = Audience::new("service-c")?;
    let refused = chain.exchange_of_b.token(&caller, to_c).await.err();
    let kind = refused.as_ref().map(|error| error.kind());
    Ok(Expectation::new(
        "alice's token for service-a, offered for exchange by service-b: refused by the server",
        kind == Some(ExchangeErrorKind::SubjectInvalid),
        refused.map(|error| error.to_string()).unwrap_or_default(),
    ))
}

/// A user without the service that ServiceB and ServiceC require.
pub const NO_ACTOR: (&str, &[&str]) = ("alice herself", &[]);
/// A service that neither of them lists.
pub const UNLISTED: (&str, &[&str]) = ("a service that is not listed", &["service-x"]);
/// The same, after the listed services have acted for the user.
pub const LISTED_BEFORE: (&str, &[&str]) = (
    "another service after the listed ones",
    &["service-a", "service-b", "service-x"],
);

/// A route for one actor accepts neither a user's own token nor another service's.
pub async fn wrong_actor(
    chain: &Chain,
    (who, actors): (&str, &[&str]),
) -> Result<[Expectation; 2], BoxError> {
    let token = |audience| {
        let token = chain.idp.user("alice").audience(audience);
        chain.mint(&actors.iter().fold(token, |token, actor| token.actor(actor)))
    };
    let status = chain.level_from_b(&token("service-b")).await?;
    let denied = status.code() == Code::PermissionDenied;
    let of_b = Expectation::new(format!("{who} calls service-b: gRPC 7"), denied, "");
    let ledger = format!("{}/ledger", chain.binding.url(chain.c));
    let response = chain.get(&ledger, &token("service-c")).await?;
    let denied = response.status() == 403;
    let of_c = Expectation::new(format!("{who} calls service-c: 403"), denied, "");
    Ok([of_b, of_c])
}

/// ServiceA may not reach ServiceC, so its call is not made.
pub async fn unreachable_target(chain: &Chain, token: &str) -> Result<Expectation, BoxError> {
    let before = chain.requests_to_c();
    let response = chain
        .get(&format!("{}/ledger", chain.binding.url(chain.a)), token)
        .await?;
    let reason = response.headers().get("x-reason");
    let reason = reason.map_or("", |reason| reason.to_str().unwrap_or_default());
    Ok(Expectation::new(
        "service-a calls service-c, which the server does not allow: 403, service-c receives nothing",
        response.status() == 403 && reason.contains("service-c") && chain.requests_to_c() == before,
        reason,
    ))
}

/// A revoked token cannot be used, once the services know of it: by introspection, or by a logout
/// notification.
pub async fn revoked(chain: &Chain, user: &str, token: &str) -> Result<Expectation, BoxError> {
    chain.idp.revoke(token);
    let issuer = Issuer::new(chain.idp.issuer())?;
    let now: UnixTime = Clock::default().now();
    chain.server_of_a.forget(&issuer, user);
    for exchange in [&chain.exchange_of_a, &chain.exchange_of_b] {
        exchange.revoke(&issuer, user, now);
    }
    let (status, _) = chain.orders(token).await?;
    let what = format!("{user}, whose token was revoked: 401");
    Ok(Expectation::new(what, status == 401, ""))
}

/// Without the authorization server, cached tokens keep working and new ones are 503.
pub async fn server_down(chain: &Chain, token: &str) -> Result<[Expectation; 2], BoxError> {
    let fresh = chain.token_of("bob");
    chain.idp.stop();
    let (status, _) = chain.orders(token).await?;
    let of_alice = Expectation::new("alice, whose tokens are cached: 200", status == 200, "");
    let before = chain.requests_to_c();
    let (status, _) = chain.orders(&fresh).await?;
    let of_bob = Expectation::new(
        "bob, whose tokens are not cached: 503 at service-a, service-c receives nothing",
        status == 503 && chain.requests_to_c() == before,
        "",
    );
    Ok([of_alice, of_bob])
}
