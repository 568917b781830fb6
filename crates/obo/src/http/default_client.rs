use bytes::Bytes;
use http::{Request, Response};
use tower::service_fn;

use super::HttpService;
use crate::BoxError;

const USER_AGENT: &str = concat!("obo/", env!("CARGO_PKG_VERSION"));

pub(super) fn new() -> HttpService {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(USER_AGENT)
        .build();
    match client {
        Ok(client) => HttpService::new(service_fn(move |request: Request<Bytes>| {
            let client = client.clone();
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
