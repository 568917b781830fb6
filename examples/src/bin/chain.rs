//! A user's token crosses three services, each call on behalf of the user; then everything that must be refused is.
//!
//! With `--opaque` the tokens say nothing, and each service asks the authorization server about them.
//!
//! Exits with a failure when anything is not as expected.

use std::env;
use std::process::ExitCode;

use obo_examples::BoxError;
use obo_examples::chain::{Chain, Orders, Report, Tokens, refusals};

#[tokio::main]
async fn main() -> Result<ExitCode, BoxError> {
    let tokens = match env::args().nth(1).as_deref() {
        None => Tokens::Jwts,
        Some("--opaque") => Tokens::Opaque,
        Some(other) => return Err(format!("unknown argument {other}; known is --opaque").into()),
    };
    let chain = Chain::start_with(tokens).await?;
    let mut report = Report::default();
    println!("authorization server {}", chain.idp.issuer());
    println!(
        "service-a {} (axum)  service-b {} (tonic)  service-c {} (axum)",
        chain.a, chain.b, chain.c
    );

    println!("\nalice's app has a token for service-a; each service exchanges what it received");
    let token = chain.token_of("alice");
    let first = chain.orders(&token).await?;
    walk("first call", first, "exchanged", &mut report);
    let second = chain.orders(&token).await?;
    walk("second call, the same token", second, "cached", &mut report);

    println!("\nwhat is refused");
    refusals::wrong_audience(&chain, &mut report).await?;
    refusals::wrong_actor(&chain, &mut report).await?;
    refusals::unreachable_target(&chain, &mut report).await?;
    if tokens == Tokens::Opaque {
        refusals::revoked(&chain, &mut report).await?;
    }

    println!("\nthe authorization server goes down");
    refusals::server_down(&chain, &token, &mut report).await?;

    Ok(report.finish())
}

fn walk(title: &str, (status, orders): (u16, Option<Orders>), token: &str, report: &mut Report) {
    println!("\n{title}");
    println!(
        "  {:<27}{:<12}{:<9}{:<31}{:<11}time",
        "call", "audience", "subject", "acting (before: prior)", "token"
    );
    let hops = orders.map(|orders| orders.hops).unwrap_or_default();
    for hop in &hops {
        println!(
            "  {:<27}{:<12}{:<9}{:<31}{:<11}{}",
            format!("{} -> {}", hop.from, hop.to),
            hop.audience,
            hop.subject,
            acting(&hop.actors),
            hop.token,
            time(hop.micros)
        );
    }
    let seen: Vec<_> = hops
        .iter()
        .map(|hop| {
            (
                &*hop.audience,
                &*hop.subject,
                acting(&hop.actors),
                &*hop.token,
            )
        })
        .collect();
    let expected = [
        ("service-a", "alice", "nobody".to_owned(), "received"),
        ("service-b", "alice", "service-a".to_owned(), token),
        (
            "service-c",
            "alice",
            "service-b (before: service-a)".to_owned(),
            token,
        ),
    ];
    report.expect(
        "alice is known at every hop, and so is who acts for her",
        status == 200 && seen == expected,
        "",
    );
}

fn acting(actors: &[String]) -> String {
    match actors {
        [] => "nobody".to_owned(),
        [current] => current.clone(),
        [current, prior @ ..] => format!("{current} (before: {})", prior.join(", ")),
    }
}

fn time(micros: u64) -> String {
    match micros {
        0 => String::new(),
        micros => format!("{:.1} ms", micros as f64 / 1000.0),
    }
}
