//! A user's token crosses three services, each call on behalf of the user. Then come the refusals.
//!
//! With `--dpop` the tokens are bound to keys, with `--mtls` to certificates, and thieves try
//! stolen ones at each service. With `--opaque` the tokens are opaque, and each service introspects
//! them. With `--page` the chain keeps running, and a page on loopback shows it: on a free port, or
//! on that of `--port N`. With `--replicas N` each service has N replicas, which share a store; it
//! needs `redis-server`.
//!
//! Exits with a failure if anything is not as expected.

use std::env;

use obo_examples::BoxError;
use obo_examples::chain::page::Page;
use obo_examples::chain::refusals::{Expectation, LISTED_BEFORE, NO_ACTOR, UNLISTED};
use obo_examples::chain::replicas::Replicas;
use obo_examples::chain::{Binding, Chain, Tokens, refusals, stolen};
use obo_examples::stock::Availability;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments = Arguments::parse(env::args().skip(1))?;
    if let Some(count) = arguments.replicas {
        return share_and_log_out(&Replicas::start(count, arguments.tokens).await?).await;
    }
    let chain = Chain::start_bound(arguments.tokens, arguments.binding).await?;
    println!("authorization server {}", chain.idp.issuer());
    println!(
        "service-a {} (axum)  service-b {} (tonic)  service-c {} (axum)",
        chain.a, chain.b, chain.c
    );
    match (arguments.page, arguments.binding) {
        (Some(port), _) => Page::new(chain)?.serve(port).await,
        (None, Binding::None) => walk_and_refuse(&chain).await,
        (None, _) => walk_and_steal(&chain).await,
    }
}

struct Arguments {
    tokens: Tokens,
    binding: Binding,
    /// The port of the page, if it is wanted.
    page: Option<u16>,
    /// The replicas of each service, if they share a store.
    replicas: Option<usize>,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let (mut tokens, mut is_page, mut port) = (Tokens::Jwts, false, None);
        let (mut binding, mut replicas) = (Binding::None, None);
        while let Some(argument) = arguments.next() {
            match &*argument {
                "--opaque" => tokens = Tokens::Opaque,
                "--dpop" => binding = Binding::Dpop,
                "--mtls" => binding = Binding::Certificate,
                "--page" => is_page = true,
                "--replicas" => replicas = Some(parse_count(arguments.next())?),
                "--port" => port = Some(parse_port(arguments.next())?),
                other => {
                    let usage =
                        "expected --dpop, --mtls, --opaque, --page, --port N or --replicas N";
                    return Err(format!("unknown argument {other}, {usage}").into());
                }
            }
        }
        if port.is_some() && !is_page {
            return Err("--port is the port of the page; add --page".into());
        }
        let page = is_page.then(|| port.unwrap_or(0));
        if page.is_some() && replicas.is_some() {
            return Err("the page shows one replica; leave out --page or --replicas".into());
        }
        if binding != Binding::None && replicas.is_some() {
            return Err(
                "replicas have bearer tokens; leave out --dpop, --mtls or --replicas".into(),
            );
        }
        Ok(Self {
            tokens,
            binding,
            page,
            replicas,
        })
    }
}

fn parse_port(text: Option<String>) -> Result<u16, BoxError> {
    let text = text.ok_or("--port has no number, expected for example --port 8080")?;
    let port = text.parse();
    port.map_err(|_| format!("--port {text} is not a port, expected 1 to 65535").into())
}

fn parse_count(text: Option<String>) -> Result<usize, BoxError> {
    let count = text.as_deref().and_then(|text| text.parse().ok());
    let count = count.filter(|count| (1..=20).contains(count));
    count.ok_or_else(|| "--replicas needs a number from 1 to 20, such as --replicas 3".into())
}

async fn share_and_log_out(replicas: &Replicas) -> Result<(), BoxError> {
    println!("\nthe replicas share what they exchange");
    let token = replicas.token_of("alice");
    replicas.share("alice").await?.print()?;

    println!("\nthe store goes down, and comes back");
    for seen in replicas.lose_store("bob").await? {
        seen.print()?;
    }

    println!("\nalice logs out");
    for seen in replicas.log_out("alice", &token).await? {
        seen.print()?;
    }
    Ok(())
}

async fn walk_and_steal(chain: &Chain) -> Result<(), BoxError> {
    walk_twice(chain).await?;
    println!("\na thief copies the tokens of bob's call; where from, and what is sent with them");
    let rows = stolen::try_all(chain, "bob").await?;
    let mut from = "";
    for row in &rows {
        let source = row.theft.map(|theft| theft.from.of(chain.binding));
        let source = source.unwrap_or("for comparison");
        if source != from {
            println!("\n{source}");
            from = source;
        }
        row.expectation().print()?;
    }
    println!(
        "\nwhat a stolen token is worth, by HTTP at service-a and service-c, by gRPC at service-b"
    );
    print!("{}", stolen::table(&rows));
    Ok(())
}

async fn walk_twice(chain: &Chain) -> Result<String, BoxError> {
    println!("\nalice's app has a token for service-a; each service exchanges what it received");
    let token = chain.token_of("alice");
    let first = chain.orders(&token).await?;
    walk(chain, "first call", first, "exchanged")?;
    let second = chain.orders(&token).await?;
    walk(chain, "second call, the same token", second, "cached")?;
    Ok(token)
}

async fn walk_and_refuse(chain: &Chain) -> Result<(), BoxError> {
    let token = walk_twice(chain).await?;

    println!("\nwhat is refused");
    refusals::replayed(chain, &token).await?.print()?;
    refusals::offered(chain, &token).await?.print()?;
    for actors in [NO_ACTOR, UNLISTED, LISTED_BEFORE] {
        for refused in refusals::wrong_actor(chain, actors).await? {
            refused.print()?;
        }
    }
    refusals::unreachable_target(chain, &token).await?.print()?;
    let token_of_carol = chain.token_of("carol");
    let revoked = refusals::revoked(chain, "carol", &token_of_carol).await?;
    revoked.print()?;

    println!("\nthe authorization server goes down");
    for seen in refusals::server_down(chain, &token).await? {
        seen.print()?;
    }
    Ok(())
}

fn walk(
    chain: &Chain,
    title: &str,
    (status, orders): (u16, Option<Availability>),
    token: &str,
) -> Result<(), BoxError> {
    println!("\n{title}");
    let [call, audience, acting] = ["call", "audience", "acting (before: prior)"];
    println!("{}time", row(call, audience, "subject", acting, "token"));
    let mut seen = Vec::new();
    let hops = orders.map(|orders| orders.hops).unwrap_or_default();
    for hop in &hops {
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
    let what = "every service knows alice, and who acts for her";
    Expectation::new(what, status == 200 && seen == expected, "").print()?;
    match chain.binding {
        Binding::None => Ok(()),
        Binding::Dpop | Binding::Certificate => stolen::bound(chain, &hops).print(),
    }
}

fn row(call: &str, audience: &str, subject: &str, acting: &str, token: &str) -> String {
    format!("  {call:<27}{audience:<12}{subject:<9}{acting:<31}{token:<11}")
}
