//! A dialect of your own, for an authorization server that is far from RFC 8693.
//!
//! For a small deviation the settings of `obo::dialect::Rfc8693` are enough. The server here is a
//! fictional one: it knows services as lanes and issues passes.
//!
//! Run: `cargo run --example own_dialect`
//!
//! Prints: `vault: TargetDenied`

use axum::{Router, routing::post};
use bytes::Bytes;
use http::{Response, StatusCode};
use obo::authorization_server::ServerMetadata;
use obo::dialect::{Dialect, Grant, Registration};
use obo::token_endpoint::{ErrorClass, TokenEndpointError, TokenRequest};
use obo::{AuthorizationServer, Client, ClientSecretBasic, TokenExchange};
use obo::{time::UnixTime, token::IssuedToken};
use obo_examples::{BoxError, caller, serve};
use obo_testkit::TestIdp;

type Outcome<T> = Result<T, TokenEndpointError>;

fn refused<T>(class: ErrorClass, problem: &'static str) -> Outcome<T> {
    Err(TokenEndpointError::new(class, problem))
}

#[derive(Debug)]
struct Tollgate;

impl Dialect for Tollgate {
    fn name(&self) -> &'static str {
        "tollgate"
    }

    fn request(&self, grant: &Grant, _: Registration<'_>) -> Outcome<TokenRequest> {
        let Grant::Exchange(exchange) = grant else {
            return refused(ErrorClass::ClientMisconfigured, "passes are for users");
        };
        let [lane] = exchange.target().audiences() else {
            return refused(ErrorClass::ClientMisconfigured, "name one audience");
        };
        let mut form = TokenRequest::new("urn:corp:tollgate");
        form.push("ticket", exchange.subject().subject_token().expose());
        form.push_public("lane", lane.as_str());
        Ok(form)
    }

    fn response(&self, _: &Grant, response: &Response<Bytes>, _: UnixTime) -> Outcome<IssuedToken> {
        match response.status() {
            StatusCode::OK => IssuedToken::bearer(&String::from_utf8_lossy(response.body()))
                .ok_or_else(|| TokenEndpointError::unusable("not a pass")),
            StatusCode::CONFLICT => refused(ErrorClass::TargetDenied, "the lane is closed"),
            _ => refused(ErrorClass::Transient, "not a response of Tollgate"),
        }
    }
}

/// Stands for Tollgate: one lane is open.
async fn tollgate(form: String) -> Result<&'static str, StatusCode> {
    let is_open = form.ends_with("&lane=stock");
    is_open.then_some("pass-1").ok_or(StatusCode::CONFLICT)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let tollgate = serve(Router::new().route("/pass", post(tollgate))).await?;
    let metadata = ServerMetadata::new(None, Some(&format!("{tollgate}/pass")))?;
    let server = AuthorizationServer::builder(idp.issuer()).with_metadata(metadata);
    let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let exchange = TokenExchange::builder(server.build()?, client);
    let exchange = exchange.dialect(Tollgate).build()?;

    let alice = caller(&idp, "alice").await?;
    exchange.token(&alice, "stock").await?;
    let vault = exchange.token(&alice, "vault").await;
    println!("vault: {:?}", vault.err().ok_or("issued")?.kind());
    Ok(())
}
