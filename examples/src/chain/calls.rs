//! The calls that the chain's users make.

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tonic::Status;
use tonic::transport::Channel;

use super::{Chain, Orders};
use crate::BoxError;
use crate::stock::Sku;
use crate::stock::stock_client::StockClient;

/// What an HTTP call got.
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or("none")
    }
}

impl Chain {
    /// Asks ServiceA for the orders: the status, and the calls that were made for it.
    ///
    /// # Errors
    ///
    /// When ServiceA does not answer, or with something else.
    pub async fn orders(&self, token: &str) -> Result<(u16, Option<Orders>), BoxError> {
        let got = get(&format!("http://{}/orders", self.a), token).await?;
        let orders = match got.status {
            StatusCode::OK => Some(serde_json::from_slice(&got.body)?),
            _ => None,
        };
        Ok((got.status.as_u16(), orders))
    }

    /// Calls ServiceB itself with a token.
    ///
    /// # Errors
    ///
    /// When ServiceB cannot be reached.
    pub async fn level_from_b(&self, token: &str) -> Result<Status, BoxError> {
        let channel = Channel::from_shared(format!("http://{}", self.b))?;
        let mut client = StockClient::new(channel.connect().await?);
        let mut request = tonic::Request::new(Sku { id: "tea".into() });
        let value = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
        Ok(match client.level(request).await {
            Ok(_) => Status::ok(""),
            Err(status) => status,
        })
    }
}

pub(super) async fn get(uri: &str, token: &str) -> Result<Got, BoxError> {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::get(uri)
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Empty::<Bytes>::new())?;
    let (parts, body) = client.request(request).await?.into_parts();
    Ok(Got {
        status: parts.status,
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    })
}
