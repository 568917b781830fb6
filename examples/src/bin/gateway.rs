//! The gateway as a program: `gateway --config gateway.toml`.
//!
//! It prints `listening on http://ADDRESS` when it is ready, and logs refusals to stderr. Ctrl-C
//! stops it after the requests in flight. The exit code is 2 if the configuration is wrong, and 1
//! for other errors.

use std::path::Path;
use std::process::ExitCode;

use obo_examples::BoxError;
use obo_gateway::{Config, Gateway, StartError};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .init();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, error)) => {
            eprintln!("gateway: {error}");
            ExitCode::from(code)
        }
    }
}

const FAILED: u8 = 1;
const MISCONFIGURED: u8 = 2;

async fn run() -> Result<(), (u8, BoxError)> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let path = match &*arguments {
        [flag, path] if flag == "--config" => Path::new(path),
        _ => {
            let text =
                "usage: gateway --config FILE; examples/gateway.toml is an example of a file";
            return Err((MISCONFIGURED, text.into()));
        }
    };
    let of_file = |error: BoxError| (MISCONFIGURED, format!("{}: {error}", path.display()).into());
    let text = std::fs::read_to_string(path).map_err(|error| of_file(error.into()))?;
    let config = Config::parse(&text).map_err(|error| of_file(error.into()))?;
    let address = config.listen();
    let gateway = Gateway::start(config).await.map_err(|error| match error {
        StartError::Config(error) => of_file(error.into()),
        StartError::Keys(error) => (FAILED, error.into()),
        StartError::Shared(error) => (FAILED, error.into()),
    })?;
    let listener = TcpListener::bind(address).await;
    let listening = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
    let (address, listener) =
        listening.map_err(|error| (FAILED, format!("listen: {address}: {error}").into()))?;
    let stopped = obo_gateway::stopped();
    println!("listening on http://{address}");
    gateway.serve(listener, stopped).await;
    Ok(())
}
