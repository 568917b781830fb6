//! `client_secret_basic` and `client_secret_post`.

use std::fs;

use obo::client::{ClientAuth as _, ClientSecretPost};
use obo::error::ExchangeErrorKind;
use obo::{Client, ClientSecretBasic, TokenExchange};

use super::{exchange, exchanged, file, fresh, methods};
use crate::setup::{SECRET, Setup};

const ODD_SECRETS: [&str; 5] = ["with:colon", "50%25", "a+b", "two words", "é=&ü"];

/// CA-01
#[tokio::test]
async fn basic_sends_any_id_and_secret() {
    let setup = Setup::start().await;
    for odd in ODD_SECRETS {
        let id = format!("service {odd}");
        setup.idp.client(&id).secret(odd);
        exchanged(&setup, &id, ClientSecretBasic::new(odd)).await;
    }
}

/// CA-01
#[tokio::test]
async fn plain_basic_suits_raw_servers() {
    let setup = Setup::start().await;
    let plain = "Plain-s3cret_of.a";
    setup.idp.client("service-a").secret(plain).raw_basic();
    let auth = ClientSecretBasic::new(plain);
    exchanged(&setup, "service-a", auth).await;
}

/// CA-02
#[tokio::test]
async fn basic_is_in_the_header_only() {
    let setup = Setup::start().await;
    let auth = ClientSecretBasic::new(SECRET);
    let asked = exchanged(&setup, "service-a", auth).await;
    assert_eq!(methods(&asked), ["basic"]);
}

/// CA-02
#[tokio::test]
async fn post_is_in_the_body_only() {
    let setup = Setup::start().await;
    for odd in ODD_SECRETS {
        setup.idp.client("service-a").secret(odd);
        let auth = ClientSecretPost::new(odd);
        let asked = exchanged(&setup, "service-a", auth).await;
        assert_eq!(methods(&asked), ["post"]);
        assert_eq!(asked.params("client_secret"), [odd]);
        assert_eq!(asked.params("client_id"), ["service-a"]);
    }
}

/// CA-16
#[test]
fn empty_id_or_secret_is_rejected() {
    let basic = ClientSecretBasic::new("").check().unwrap_err();
    assert_eq!(basic.field(), "client_secret");
    let post = ClientSecretPost::new("").check().unwrap_err();
    assert_eq!(post.field(), "client_secret");
    let auth = ClientSecretPost::new("x");
    let exchange = TokenExchange::builder("https://idp.example", Client::new("", auth));
    assert_eq!(exchange.build().unwrap_err().field(), "client_id");
    let client = Client::new("service-a", ClientSecretPost::new(""));
    let exchange = TokenExchange::builder("https://idp.example", client);
    assert_eq!(exchange.build().unwrap_err().field(), "client_secret");
}

/// CA-15
#[tokio::test]
async fn replaced_secret_needs_no_restart() {
    let setup = Setup::start().await;
    let path = file("rotated-secret", b"first\n");
    let basic = Client::new("service-a", ClientSecretBasic::from_file(&path));
    let post = Client::new("service-a", ClientSecretPost::from_file(&path));
    for client in [basic, post] {
        let exchange = exchange(&setup, &client);
        for (secret, content) in [
            ("first", "first\n"),
            ("second one", "second one\r\n"),
            (" third ", " third "),
        ] {
            setup.idp.client("service-a").secret(secret);
            fs::write(&path, content).unwrap();
            fresh(&setup, &exchange).await.unwrap();
        }
        fs::write(&path, "\n").unwrap();
        let error = fresh(&setup, &exchange).await.unwrap_err();
        assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
        assert!(error.to_string().contains("is empty"), "{error}");
        fs::write(&path, "first").unwrap();
    }
}

/// CA-16
#[test]
fn file_without_secret_is_rejected() {
    let too_long = vec![b'x'; 64 * 1024 + 1];
    for path in [
        std::path::PathBuf::from("no-such-file"),
        file("empty-secret", b"\n"),
        file("binary-secret", b"\xff\xfe s3cret"),
        file("long-secret", &too_long),
    ] {
        for error in [
            ClientSecretBasic::from_file(&path).check(),
            ClientSecretPost::from_file(&path).check(),
        ] {
            let error = error.unwrap_err();
            assert_eq!(error.field(), "client_secret");
            let text = error.to_string();
            assert!(text.contains(&*path.to_string_lossy()), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
    }
}
