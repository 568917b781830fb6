//! `private_key_jwt` with a remote key.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use obo::client::SigningKey;
use obo::error::ExchangeErrorKind;
use obo::policy::Algorithm;
use obo::token_endpoint::{ErrorClass, TokenEndpointError};
use obo::{Client, PrivateKeyJwt, Secret};
use obo_testkit::TestAlg;

use super::{exchanged, token};
use crate::setup::{Setup, part};

/// A key service with one key at a time, which is slow.
#[derive(Clone)]
struct Kms(Arc<Mutex<SigningKey>>);

impl Kms {
    /// Makes a key. From now on it alone signs, and the server knows it alone.
    fn rotate(&self, setup: &Setup) {
        let (theirs, ours) = key();
        let client = setup.idp.client("service-a").without_keys();
        client.jwk(theirs.public_jwk("current"));
        *self.0.lock().unwrap() = ours;
    }

    async fn sign(self, input: Vec<u8>) -> Result<Vec<u8>, TokenEndpointError> {
        tokio::task::yield_now().await;
        let key = self.0.lock().unwrap().clone();
        let failed = || TokenEndpointError::new(ErrorClass::Transient, "the KMS is out");
        key.sign(&input).ok_or_else(failed)
    }
}

fn key() -> (obo_testkit::TestKey, SigningKey) {
    let key = obo_testkit::TestKey::generate(TestAlg::Es256);
    let pem = Secret::new(key.private_pem());
    let ours = SigningKey::from_pem(Algorithm::Es256, &pem).unwrap();
    (key, ours)
}

/// CA-12
#[tokio::test]
async fn remote_signer_can_replace_its_key() {
    let setup = Setup::start().await;
    let kms = Kms(Arc::new(Mutex::new(key().1)));
    let of_kms = kms.clone();
    let auth = PrivateKeyJwt::with_signer(Algorithm::Es256, Some("current"), move |input| {
        of_kms.clone().sign(input)
    });
    let client = Client::new("service-a", auth.clone());
    token(&setup, &client).await.unwrap_err();
    for _ in 0..2 {
        kms.rotate(&setup);
        token(&setup, &client).await.unwrap();
    }
    let asked = exchanged(&setup, "service-a", auth.plain_typ()).await;
    let header = part(asked.param("client_assertion").unwrap(), 0);
    assert_eq!(
        (&header["alg"], &header["kid"]),
        (&"ES256".into(), &"current".into())
    );
}

/// CA-12
#[tokio::test]
async fn signer_failure_decides_the_retry() {
    let setup = Setup::start().await;
    for (class, kind, calls) in [
        (ErrorClass::Transient, ExchangeErrorKind::Transient, 3),
        (
            ErrorClass::ClientMisconfigured,
            ExchangeErrorKind::ClientMisconfigured,
            1,
        ),
    ] {
        let called = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&called);
        let auth = PrivateKeyJwt::with_signer(Algorithm::Rs256, None, move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            async move { Err(TokenEndpointError::new(class, "the KMS says no")) }
        });
        let client = Client::new("service-a", auth);
        let error = token(&setup, &client).await.unwrap_err();
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains("the KMS says no"), "{error}");
        assert_eq!(called.load(Ordering::SeqCst), calls);
    }
    assert_eq!(setup.idp.token_requests(), 0);
}

/// CA-12
#[tokio::test]
async fn malformed_signature_is_not_sent() {
    let setup = Setup::start().await;
    for (algorithm, len) in [
        (Algorithm::Es256, 70),
        (Algorithm::Es256, 0),
        (Algorithm::Es384, 64),
        (Algorithm::Ed25519, 63),
        (Algorithm::Ps256, 64),
    ] {
        let auth =
            PrivateKeyJwt::with_signer(
                algorithm,
                None,
                move |_| async move { Ok(vec![0x30; len]) },
            );
        let client = Client::new("service-a", auth);
        let error = token(&setup, &client).await.unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
        let text = error.to_string();
        assert!(text.contains(&format!("returned {len} bytes")), "{text}");
    }
    assert_eq!(setup.idp.token_requests(), 0);
}

/// CA-12
#[tokio::test(start_paused = true)]
async fn hanging_signer_times_out() {
    let setup = Setup::start().await;
    let auth = PrivateKeyJwt::with_signer(Algorithm::Es256, None, |_| std::future::pending());
    let client = Client::new("service-a", auth);
    let error = token(&setup, &client).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::Transient);
}
