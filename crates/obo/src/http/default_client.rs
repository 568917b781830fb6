use bytes::Bytes;
use http::{Request, Response};
use reqwest::{Client, ClientBuilder};
use tower::service_fn;

use super::HttpService;
use crate::BoxError;

const USER_AGENT: &str = concat!("obo/", env!("CARGO_PKG_VERSION"));

pub(super) fn new() -> HttpService {
    let encrypted = client(Client::builder());
    // `http` is for loopback (TE-01) and for what is called dangerous: a proxy would carry secrets further in the clear.
    let plain = client(Client::builder().no_proxy().tls_certs_only([]));
    match encrypted.and_then(|encrypted| Ok((encrypted, plain?))) {
        Ok((encrypted, plain)) => HttpService::new(service_fn(move |request: Request<Bytes>| {
            let client = match request.uri().scheme_str() {
                Some(scheme) if scheme.eq_ignore_ascii_case("http") => plain.clone(),
                _ => encrypted.clone(),
            };
            async move {
                let request = reqwest::Request::try_from(request)?;
                let response = client.execute(request).await?;
                Ok::<_, BoxError>(Response::<reqwest::Body>::from(response))
            }
        })),
        // Without roots or a provider there is no TLS: each request says so, and none leaves.
        Err(error) => {
            let problem = format!("the HTTP client could not be set up: {error}");
            HttpService::new(service_fn(move |_: Request<Bytes>| {
                let problem = problem.clone();
                async move { Err::<Response<reqwest::Body>, BoxError>(problem.into()) }
            }))
        }
    }
}

fn client(builder: ClientBuilder) -> reqwest::Result<Client> {
    builder
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(USER_AGENT)
        .build()
}
