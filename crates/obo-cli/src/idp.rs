#![allow(clippy::print_stdout, reason = "a command prints where it listens")]

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use obo_testkit::TestIdp;
use serde_json::json;
use tokio::net::TcpListener;

use crate::idp_config::{DEFAULT, DEFAULT_SECRET, IdpConfig};
use crate::output::{Failure, Report};
use crate::{input, mint_page, position};

/// Runs an authorization server on loopback, with users, clients and a page that mints tokens.
/// Never use it in production: it gives anyone on this host a token for each of the users.
#[derive(Debug, clap::Args)]
pub(crate) struct Idp {
    /// Users and clients (TOML); without it, the users `alice` and `bob` and the client `service-a`
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The port of the issuer, in place of that of the file
    #[arg(long)]
    port: Option<u16>,
    /// The port of the page
    #[arg(long)]
    page: Option<u16>,
}

pub(crate) async fn run(arguments: Idp, json: bool) -> Result<Report, Failure> {
    let mut config = match &arguments.config {
        None => IdpConfig::read(DEFAULT).map_err(Failure::wrong)?,
        Some(path) => {
            let text = input::file(path)?;
            IdpConfig::read(&text).map_err(|error| position::failure(path, &text, &error))?
        }
    };
    config.port = arguments.port.unwrap_or(config.port);
    config.page = arguments.page.unwrap_or(config.page);
    let (idp, page) = start(&mut config).await?;
    let at = page.local_addr().map_err(Failure::unknown)?;
    let is_default = arguments.config.is_none();
    announce(&idp, at, &config, is_default, json);
    let router = mint_page::router(idp, config, at);
    let stopped = obo_gateway::stopped();
    let served = axum::serve(page, router)
        .with_graceful_shutdown(stopped)
        .await;
    served.map_err(Failure::unknown)?;
    Ok(Report::default())
}

/// Starts the server and registers the clients, and binds the page.
async fn start(config: &mut IdpConfig) -> Result<(TestIdp, TcpListener), Failure> {
    let bound = async |port: u16| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await;
        listener.map_err(|error| Failure::unknown(format!("{address} cannot be used: {error}")))
    };
    let page = bound(config.page).await?;
    // The testkit panics if its port is taken.
    drop(bound(config.port).await?);
    let idp = TestIdp::builder()
        .issuer_path(&config.issuer_path)
        .port(config.port);
    let idp = idp.start().await;
    if let Some(lifetime) = config.token_lifetime.take() {
        let seconds = std::time::Duration::from(lifetime).as_secs();
        idp.set_token_lifetime(seconds.try_into().unwrap_or(i64::MAX));
    }
    for (i, client) in config.clients.iter().enumerate() {
        let secret = client.secret.clone().read();
        let secret = secret
            .map_err(|error| Failure::wrong(error.within(&format!("clients[{i}].secret"))))?;
        let mut registered = idp.client(&client.id).secret(secret.expose());
        for target in &client.exchange_to {
            registered = registered.may_exchange_to(target);
        }
        for target in &client.request {
            registered = registered.may_request(target);
        }
        for audience in &client.introspect {
            registered = registered.may_introspect(audience);
        }
    }
    Ok((idp, page))
}

/// Says where it listens. Of secrets, it shows only that of the client which is there without a
/// file.
fn announce(idp: &TestIdp, page: SocketAddr, config: &IdpConfig, is_default: bool, json: bool) {
    let users = Vec::from_iter(config.users.iter().map(|user| &*user.name));
    let clients = Vec::from_iter(config.clients.iter().map(|client| &*client.id));
    if json {
        let issuer = idp.issuer();
        let page = format!("http://{page}");
        let mut started =
            json!({ "issuer": issuer, "page": page, "users": users, "clients": clients });
        if is_default && let Some(members) = started.as_object_mut() {
            members.insert("secret".to_owned(), DEFAULT_SECRET.into());
        }
        println!("{started}");
        return;
    }
    println!("issuer   {}", idp.issuer());
    println!("page     http://{page}");
    println!("users    {}", users.join(", "));
    println!("clients  {}", clients.join(", "));
    if is_default {
        println!("secret   {DEFAULT_SECRET}");
    }
    if let Some(user) = users.first() {
        let audience = clients.first();
        let audience = audience.map_or_else(String::new, |id| format!(" -d audience={id}"));
        println!("token    curl http://{page}/mint -d user={user}{audience}");
    }
    println!("For development only: anyone on this host gets a token for each of these users.");
}
