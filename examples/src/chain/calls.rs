//! The calls that users make to the chain.

use axum::body::Body;
use http::{Request, Response, StatusCode, header};
use tonic::Status;
use tonic::transport::Channel;

use super::Chain;
use crate::BoxError;
use crate::services::{http, text};
use crate::stock::stock_client::StockClient;
use crate::stock::{Availability, Sku};

impl Chain {
    /// Calls ServiceA for the orders: the status, and the calls that it caused.
    ///
    /// # Errors
    ///
    /// If ServiceA does not respond, or responds with something else.
    pub async fn orders(&self, token: &str) -> Result<(u16, Option<Availability>), BoxError> {
        let response = get(&format!("http://{}/orders", self.a), token).await?;
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
        let channel = Channel::from_shared(format!("http://{}", self.b))?;
        let mut client = StockClient::new(channel.connect().await?);
        let mut request = tonic::Request::new(Sku { id: "tea".into() });
        let value = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
        let response = client.level(request).await;
        Ok(response.map_or_else(|status| status, |_| Status::ok("")))
    }
}

pub(super) async fn get(uri: &str, token: &str) -> Result<Response<Body>, BoxError> {
    let request = Request::get(uri).header(header::AUTHORIZATION, format!("Bearer {token}"));
    let response = http().request(request.body(String::new())?).await?;
    Ok(response.map(Body::new))
}
