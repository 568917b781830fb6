//! `client_secret_basic` and `client_secret_post`.

use std::fs;

use obo::client::{ClientAuth as _, ClientSecretPost};
use obo::error::ExchangeErrorKind;
use obo::{Client, ClientSecretBasic, TokenExchange};

use super::{exchange, exchanged, file, fresh, methods};
use crate::setup::{SECRET, Setup};

const ODD_SECRETS: [&str; 5] = ["with:colon", "50%25", "a+b", "two words", "é=&ü"];

#[tokio::test]
async fn ca_01_basic_sends_any_identifier_and_secret_to_a_strict_server() {
    let setup = Setup::start().await;
    for odd in ODD_SECRETS {
        let id = format!("service {odd}");
        setup.idp.client(&id).secret(odd);
        exchanged(&setup, &id, ClientSecretBasic::new(odd)).await;
    }
}

#[tokio::test]
async fn ca_01_basic_suits_a_server_that_does_not_decode_when_nothing_needs_it() {
    let setup = Setup::start().await;
    let plain = "Plain-s3cret_of.a";
    setup.idp.client("service-a").secret(plain).raw_basic();
    let auth = ClientSecretBasic::new(plain);
    exchanged(&setup, "service-a", auth).await;
}

#[tokio::test]
async fn ca_02_basic_is_in_the_header_alone() {
    let setup = Setup::start().await;
    let auth = ClientSecretBasic::new(SECRET);
    let asked = exchanged(&setup, "service-a", auth).await;
    assert_eq!(methods(&asked), ["basic"]);
}

#[tokio::test]
async fn ca_02_post_is_in_the_body_alone_whatever_the_secret() {
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

#[test]
fn ca_16_an_empty_identifier_or_secret_is_found_when_built() {
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

#[tokio::test]
async fn ca_15_a_secret_that_is_replaced_in_its_file_needs_no_restart() {
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

#[test]
fn ca_16_a_file_without_a_secret_is_found_when_built() {
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
