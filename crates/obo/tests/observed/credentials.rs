//! Events about the files with this service's own credentials.

use std::fs;
use std::path::PathBuf;

use obo::policy::Algorithm;
use obo::{Client, PrivateKeyJwt};
use obo_testkit::{TestAlg, TestKey};

use crate::stub::{Stub, audience};
use obo_test_support::listen;
use obo_test_support::{Log, has};

#[tokio::test]
async fn broken_key_file_is_logged_once() {
    let stub = Stub::start().await;
    let caller = stub.caller("alice").await;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("logged.pem");
    let key = || TestKey::generate(TestAlg::Es256).private_pem();
    fs::write(&path, key()).unwrap();
    let auth = PrivateKeyJwt::from_pem_file(Algorithm::Es256, &path, None);
    let exchange = stub.exchange_as(Client::new("service-a", auth));
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    let _guard = listen(subscriber);
    let count = || {
        let [broken, renewed] = ["client key not renewed", "client key renewed"];
        (log.lines(broken).len(), log.lines(renewed).len())
    };
    let certificate = "-----BEGIN CERTIFICATE-----\nc2VjcmV0\n-----END CERTIFICATE-----";
    for (target, content, expected) in [
        ("a", None, (0, 0)),
        ("b", Some(certificate.to_owned()), (1, 0)),
        ("c", None, (1, 0)),
        ("d", Some(key()), (1, 1)),
        ("e", None, (1, 1)),
        ("f", Some(certificate.to_owned()), (2, 1)),
    ] {
        if let Some(content) = content {
            fs::write(&path, content).unwrap();
        }
        exchange.token(&caller, audience(target)).await.unwrap();
        assert_eq!(count(), expected, "{target}");
    }
    let line = &log.lines("client key not renewed")[0];
    has(line, &["WARN", "logged.pem", "found `CERTIFICATE`"]);
}
