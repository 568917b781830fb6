//! An authorization server that speaks no dialect of this project's gets one in its user's own crate.
//!
//! The fictional Tollgate knows services by lanes, gives passes instead of tokens, and says no in its own way. Where a
//! server is closer to RFC 8693, the settings of `Rfc8693` are enough, as in `harbour` below.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::dialect::{Dialect, Grant, Registration, Rfc8693, TargetBy};
use obo::error::ExchangeErrorKind::{ClientMisconfigured, TargetDenied};
use obo::time::UnixTime;
use obo::token::IssuedToken;
use obo::token_endpoint::{ErrorClass, TokenEndpointError, TokenRequest};
use obo::{
    Audience, AuthorizationServer, Client, ClientSecretBasic, ConfigError, Resource,
    ResourceServer, TokenExchange,
};
use obo_examples::BoxError;
use serde::Deserialize;
use tower::service_fn;

#[derive(Debug)]
struct Tollgate;

impl Dialect for Tollgate {
    fn name(&self) -> &'static str {
        "tollgate"
    }

    fn request(
        &self,
        grant: &Grant,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        // Tokens of the client's own are those of the standard.
        let Grant::Exchange(request) = grant else {
            return Rfc8693::new().request(grant, by);
        };
        let [lane] = request.target().audiences() else {
            Err(ConfigError::new("target", "one lane at a time"))?
        };
        let mut form = TokenRequest::new("urn:corp:tollgate");
        form.push("ticket", request.subject().subject_token().expose());
        form.push_public("driver", by.client_id);
        form.push_public("lane", lane.as_str());
        Ok(form)
    }

    fn response(
        &self,
        grant: &Grant,
        response: &Response<Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        let Grant::Exchange(_) = grant else {
            return Rfc8693::new().response(grant, response, now);
        };
        let failed = |class, problem| Err(TokenEndpointError::new(class, problem));
        match response.status() {
            StatusCode::OK => {}
            StatusCode::CONFLICT => return failed(ErrorClass::TargetDenied, "the lane is closed"),
            other if other.is_server_error() => return failed(ErrorClass::Transient, "a fault"),
            _ => return failed(ErrorClass::ResponseUnusable, "no answer of Tollgate's"),
        }
        let no_pass = || TokenEndpointError::unusable("the answer has no pass");
        let answer: Answer = serde_json::from_slice(response.body()).map_err(|_| no_pass())?;
        // Only what can be sent as a bearer token becomes one.
        let pass = IssuedToken::bearer(&answer.pass).ok_or_else(no_pass)?;
        Ok(pass.with_expires_in(Some(Duration::from_secs(answer.seconds))))
    }
}

#[derive(Deserialize)]
struct Answer {
    pass: String,
    seconds: u64,
}

/// Another fictional server, which deviates by little: data is enough.
fn harbour() -> Rfc8693 {
    Rfc8693::new()
        .with_name("harbour")
        .target_by(TargetBy::OneAudience)
        .allow_missing_issued_type()
        .classify(|refusal| (refusal.error() == "berth_taken").then_some(ErrorClass::TargetDenied))
}

/// Stands for Tollgate: its lane to the stock is open, and no other.
async fn tollgate(request: Request<Bytes>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::from(r#"{"pass":"p-1","seconds":300}"#));
    if !request.body().ends_with(b"&driver=service-a&lane=stock") {
        *response.status_mut() = StatusCode::CONFLICT;
    }
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = obo_testkit::TestIdp::start().await;
    let service_a = ResourceServer::builder("service-a").trust(idp.issuer());
    let token = idp.user("alice").audience("service-a").mint();
    let alice = service_a.build()?.validate(&token).await?;

    let metadata = ServerMetadata::new(None, Some("https://tollgate.corp.example/pass"))?;
    let http = HttpService::new(service_fn(tollgate));
    let server = AuthorizationServer::builder("https://tollgate.corp.example");
    let server = server.with_metadata(metadata).with_http(http).build()?;
    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    // The tollgate trusts the issuer of alice's token, which is another one.
    let exchange = TokenExchange::builder(server, client)
        .allow_subjects_of(alice.issuer().clone())
        .dialect(Tollgate)
        .build()?;

    let stock = exchange.token(&alice, Audience::new("stock")?).await?;
    println!("stock: {:?}", stock.token());
    let vault = exchange.token(&alice, Audience::new("vault")?).await;
    let by_uri = Resource::new("https://stock.corp.example")?;
    let by_uri = exchange.token(&alice, by_uri).await;
    for (refused, kind) in [(vault, TargetDenied), (by_uri, ClientMisconfigured)] {
        let error = refused.err().ok_or("refusal expected")?;
        println!("{error}");
        assert_eq!(error.kind(), kind);
    }
    println!("{} needs settings alone", harbour().name());
    Ok(())
}
