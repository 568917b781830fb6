//! `client_secret_jwt`.

use std::fs;

use obo::Client;
use obo::client::{ClientAuth as _, ClientSecretJwt, MacAlgorithm};
use obo::error::ExchangeErrorKind;

use super::{exchange, exchanged, file, fresh, methods};
use crate::setup::{Setup, part};

/// CA-11
#[tokio::test]
async fn assertion_never_sends_the_secret() {
    let setup = Setup::start().await;
    for algorithm in MacAlgorithm::ALL {
        let secret = "é".repeat(algorithm.min_secret_len() / 2);
        setup.idp.client("service-a").secret(&secret);
        let auth = ClientSecretJwt::new(algorithm, secret);
        let asked = exchanged(&setup, "service-a", auth).await;
        assert_eq!(methods(&asked), ["assertion"]);
        let of_jwt = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        assert_eq!(asked.params("client_assertion_type"), [of_jwt]);
        assert_eq!(asked.params("client_id"), ["service-a"]);
        let assertion = asked.param("client_assertion").unwrap();
        let header = part(assertion, 0);
        assert_eq!(header["alg"], algorithm.name());
        assert_eq!(header["typ"], "client-authentication+jwt");
        let claims = part(assertion, 1);
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&"service-a".into(), &"service-a".into())
        );
        assert_eq!(claims["aud"], setup.idp.issuer());
    }
}

/// CA-06, CA-07
#[tokio::test]
async fn mac_assertion_has_the_key_quirks() {
    let setup = Setup::start().await;
    let secret = "s".repeat(32);
    let client = setup.idp.client("service-a").secret(&secret);
    client.audience_token_endpoint();
    let auth = ClientSecretJwt::new(MacAlgorithm::Hs256, secret);
    let auth = auth.plain_typ().danger_audience_token_endpoint();
    let asked = exchanged(&setup, "service-a", auth).await;
    let assertion = asked.param("client_assertion").unwrap();
    assert_eq!(part(assertion, 0)["typ"], "JWT");
    assert_eq!(part(assertion, 1)["aud"], setup.idp.token_endpoint());
}

/// CA-11
#[test]
fn short_secret_is_rejected() {
    for algorithm in MacAlgorithm::ALL {
        let least = algorithm.min_secret_len();
        for short in [String::new(), "x".repeat(20), "x".repeat(least - 1)] {
            let path = file(&format!("short-{}", algorithm.name()), short.as_bytes());
            let from_file = ClientSecretJwt::from_file(algorithm, path)
                .check()
                .unwrap_err();
            let fixed = ClientSecretJwt::new(algorithm, short).check().unwrap_err();
            assert_eq!(
                (fixed.field(), from_file.field()),
                ("client_secret", "client_secret")
            );
        }
        let long_enough = ClientSecretJwt::new(algorithm, "x".repeat(least));
        long_enough.check().unwrap();
    }
}

/// CA-11, CA-15
#[tokio::test]
async fn secret_file_is_read_each_time() {
    let setup = Setup::start().await;
    let path = file("rotated-mac-secret", "a".repeat(32).as_bytes());
    let auth = ClientSecretJwt::from_file(MacAlgorithm::Hs256, &path);
    let exchange = exchange(&setup, &Client::new("service-a", auth));
    for secret in ["b".repeat(32), "c".repeat(64)] {
        setup.idp.client("service-a").secret(&secret);
        fs::write(&path, format!("{secret}\n")).unwrap();
        fresh(&setup, &exchange).await.unwrap();
    }
    let before = setup.idp.token_requests();
    fs::write(&path, "d".repeat(31)).unwrap();
    let error = fresh(&setup, &exchange).await.unwrap_err();
    assert_eq!(error.kind(), ExchangeErrorKind::ClientMisconfigured);
    assert!(error.to_string().contains("too short for HS256"), "{error}");
    assert_eq!(setup.idp.token_requests(), before);
}
