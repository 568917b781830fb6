//! A user's token crosses three services, each call on behalf of the user. Then come the refusals.
//!
//! With `--opaque` the tokens are opaque, and each service introspects them.
//!
//! Exits with a failure if anything is not as expected.

use std::env;

use obo_examples::BoxError;
use obo_examples::chain::{Chain, Tokens, refusals};
use obo_examples::stock::Availability;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let tokens = match env::args().nth(1).as_deref() {
        None => Tokens::Jwts,
        Some("--opaque") => Tokens::Opaque,
        Some(other) => return Err(format!("unknown argument {other}, expected --opaque").into()),
    };
    let chain = Chain::start_with(tokens).await?;
    println!("authorization server {}", chain.idp.issuer());
    println!(
        "service-a {} (axum)  service-b {} (tonic)  service-c {} (axum)",
        chain.a, chain.b, chain.c
    );

    println!("\nalice's app has a token for service-a; each service exchanges what it received");
    let token = chain.token_of("alice");
    let first = chain.orders(&token).await?;
    walk("first call", first, "exchanged")?;
    let second = chain.orders(&token).await?;
    walk("second call, the same token", second, "cached")?;

    println!("\nwhat is refused");
    refusals::wrong_audience(&chain).await?;
    refusals::wrong_actor(&chain).await?;
    refusals::unreachable_target(&chain).await?;
    if tokens == Tokens::Opaque {
        refusals::revoked(&chain).await?;
    }

    println!("\nthe authorization server goes down");
    refusals::server_down(&chain, &token).await?;

    Ok(())
}

fn walk(
    title: &str,
    (status, orders): (u16, Option<Availability>),
    token: &str,
) -> Result<(), BoxError> {
    println!("\n{title}");
    let [call, audience, acting] = ["call", "audience", "acting (before: prior)"];
    println!("{}time", row(call, audience, "subject", acting, "token"));
    let mut seen = Vec::new();
    for hop in orders.map(|orders| orders.hops).unwrap_or_default() {
        let call = format!("{} -> {}", hop.from, hop.to);
        let acting = match &*hop.actors {
            [] => "none".to_owned(),
            [current] => current.clone(),
            [current, prior @ ..] => format!("{current} (before: {})", prior.join(", ")),
        };
        let row = row(&call, &hop.audience, &hop.subject, &acting, &hop.token);
        println!("{row}{:.1} ms", hop.micros as f64 / 1000.0);
        seen.push(row);
    }
    let [a, b, c] = ["service-a", "service-b", "service-c"];
    let expected = [
        row("alice's app -> service-a", a, "alice", "none", "received"),
        row("service-a -> service-b", b, "alice", a, token),
        row(
            "service-b -> service-c",
            c,
            "alice",
            "service-b (before: service-a)",
            token,
        ),
    ];
    refusals::expect(
        "every service knows alice, and who acts for her",
        status == 200 && seen == expected,
        "",
    )
}

fn row(call: &str, audience: &str, subject: &str, acting: &str, token: &str) -> String {
    format!("  {call:<27}{audience:<12}{subject:<9}{acting:<31}{token:<11}")
}
