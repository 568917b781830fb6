//! The calls that users make to the chain.

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tonic::Status;

use super::Chain;
use super::binding::{Headers, Holder};
use crate::BoxError;
use crate::services::text;
use crate::stock::stock_client::StockClient;
use crate::stock::{Availability, Sku};

impl Chain {
    /// Calls ServiceA for the orders: the status, and the calls that it caused.
    ///
    /// # Errors
    ///
    /// If ServiceA does not respond, or responds with something else.
    pub async fn orders(&self, token: &str) -> Result<(u16, Option<Availability>), BoxError> {
        let response = self
            .get(&format!("{}/orders", self.binding.url(self.a)), token)
            .await?;
        let status = response.status();
        let orders = match status {
            StatusCode::OK => Some(serde_json::from_str(&text(response).await?)?),
            _ => None,
        };
        Ok((status.as_u16(), orders))
    }

    /// Calls ServiceB directly with a token.
    ///
    /// # Errors
    ///
    /// If ServiceB is not reachable.
    pub async fn level_from_b(&self, token: &str) -> Result<Status, BoxError> {
        let url = self.binding.url(self.b);
        let headers = self.app.headers("POST", &format!("{url}{LEVEL}"), token);
        level(&self.app, url, headers).await
    }

    /// Calls a service with a token of alice's app.
    pub(super) async fn get(&self, url: &str, token: &str) -> Result<Response<Body>, BoxError> {
        get(&self.app, url, self.app.headers("GET", url, token)).await
    }
}

/// The path of the gRPC method.
pub(super) const LEVEL: &str = "/stock.Stock/Level";

/// Calls ServiceB at `url`, over a connection of `by`.
pub(super) async fn level(by: &Holder, url: String, headers: Headers) -> Result<Status, BoxError> {
    let channel = by.channel(url)?;
    let mut client = StockClient::new(channel.connect().await?);
    let mut request = tonic::Request::new(Sku { id: "tea".into() });
    for (name, value) in headers {
        request.metadata_mut().insert(name, value.parse()?);
    }
    let response = client.level(request).await;
    Ok(response.map_or_else(|status| status, |_| Status::ok("")))
}

/// Calls an HTTP service, over a connection of `by`.
pub(super) async fn get(
    by: &Holder,
    url: &str,
    headers: Headers,
) -> Result<Response<Body>, BoxError> {
    let request = Request::get(url);
    let request = headers.into_iter().fold(request, |request, (name, value)| {
        request.header(name, value)
    });
    let response = by.http()?.request(request.body(String::new())?).await?;
    Ok(response.map(Body::new))
}
