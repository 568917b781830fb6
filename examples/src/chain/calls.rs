//! The calls that users make to the chain.

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tonic::Status;
use tonic::transport::Channel;

use super::Chain;
use crate::BoxError;
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
        let orders = match response.status() {
            StatusCode::OK => Some(serde_json::from_slice(response.body())?),
            _ => None,
        };
        Ok((response.status().as_u16(), orders))
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

pub(super) async fn get(uri: &str, token: &str) -> Result<Response<Bytes>, BoxError> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(uri)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Empty::<Bytes>::new())?;
    let (parts, body) = client.request(request).await?.into_parts();
    Ok(Response::from_parts(
        parts,
        body.collect().await?.to_bytes(),
    ))
}
