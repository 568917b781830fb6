//! The gateway, as this program in another process.

use obo_gateway::{Config, Gateway};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::candidate::Start;
use crate::world::{AUDIENCE, World};

pub(crate) enum Work {
    /// The gateway responds itself, with the caller's claims.
    Respond,
    /// It forwards the request with an exchanged token.
    Proxy,
}

pub(crate) fn command(world: &World, work: Work) -> Start {
    let port = free_port();
    let issuer = world.idp.issuer();
    let (route, name) = match work {
        Work::Respond => (String::new(), "respond"),
        Work::Proxy => (
            format!(
                "upstream = \"http://127.0.0.1:{}\"\nexchange = {{ issuer = \"{issuer}\", audience = \"upstream\" }}\n",
                world.upstream
            ),
            "proxy",
        ),
    };
    let text = format!(
        r#"listen = "127.0.0.1:{port}"

[resource_server]
audiences = ["{AUDIENCE}"]
issuers = [{{ issuer = "{issuer}" }}]

[client]
id = "gateway"
client_secret_basic = "s3cret"

[[routes]]
path = "/orders"
scopes = ["orders:read"]
{route}"#
    );
    let file = std::env::temp_dir().join(format!("obo-envoy-{}-{name}.toml", std::process::id()));
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg("gateway").arg(file);
    Start { command, port }
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// Serves until the process is ended.
pub(crate) fn serve(file: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let config = Config::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
        let listener = TcpListener::bind(config.listen()).await.unwrap();
        let gateway = Gateway::start(config).await.unwrap();
        gateway.serve(listener, std::future::pending::<()>()).await;
    });
}
