//! Client authentication by a key in a KMS: the KMS signs, and the key never leaves it.
//!
//! Run: `cargo run --example own_client_auth`
//!
//! Prints: `service-b accepts the token`

use obo::client::SigningKey;
use obo::policy::Algorithm;
use obo::token_endpoint::{ErrorClass, TokenEndpointError};
use obo::{Client, PrivateKeyJwt, ResourceServer, Secret, TokenExchange};
use obo_examples::{BoxError, caller};
use obo_testkit::{TestAlg, TestIdp, TestKey};

/// Stands for the client of your KMS.
#[derive(Clone)]
struct Kms(SigningKey);

impl Kms {
    /// Signs with ES256. The signature is two numbers side by side (RFC 7518 section 3.4).
    /// If your KMS returns DER, convert it.
    async fn sign(&self, message: &[u8]) -> Result<Vec<u8>, &'static str> {
        self.0.sign(message).ok_or("out of order")
    }
}

fn client(kms: Kms) -> Client {
    let auth = PrivateKeyJwt::with_signer(Algorithm::Es256, Some("key-7"), move |message| {
        let kms = kms.clone();
        async move {
            // `Transient` is tried again, `ClientMisconfigured` is not.
            let failed = |error| TokenEndpointError::new(ErrorClass::Transient, error);
            kms.sign(&message).await.map_err(failed)
        }
    });
    Client::new("service-a", auth)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let idp = TestIdp::start().await;
    let key = TestKey::generate(TestAlg::Es256);
    let registered = idp.client("service-a").jwk(key.public_jwk("key-7"));
    registered.may_exchange_to("service-b");

    let pem = Secret::new(key.private_pem());
    let kms = Kms(SigningKey::from_pem(Algorithm::Es256, &pem)?);
    let exchange = TokenExchange::builder(idp.issuer(), client(kms)).build()?;

    let alice = caller(&idp, "alice").await?;
    let exchanged = exchange.token(&alice, "service-b").await?;

    let server = ResourceServer::builder("service-b")
        .trust(idp.issuer())
        .build()?;
    server.validate(exchanged.token().expose()).await?;
    println!("service-b accepts the token");
    Ok(())
}
