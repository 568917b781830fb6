//! Names that a program registers for its files.

use obo::client::{ClientSecretPost, TlsClientAuth};
use obo::dialect::Rfc8693;
use obo::{ConfigError, Profile, Secret};
use obo_config::{ClientConfig, ExchangeConfig, ResourceServerConfig, Settings, Setup};

const CLIENT: &str = "id = 'a'\ntls_client_auth = true";

/// The error of each kind of build.
fn mistakes(setup: &Setup) -> [ConfigError; 3] {
    let client: ClientConfig = toml::from_str(CLIENT).unwrap();
    let exchange: ExchangeConfig = toml::from_str("issuer = 'https://idp.example'").unwrap();
    let server: ResourceServerConfig =
        toml::from_str("audiences = ['a']\nissuers = [{ issuer = 'https://idp.example' }]")
            .unwrap();
    [
        client.build(setup).unwrap_err(),
        exchange.build(&mut setup.clone()).unwrap_err(),
        server.build(&mut setup.clone()).unwrap_err(),
    ]
}

#[test]
fn built_in_name_cannot_be_shadowed() {
    let tls = |_: Settings| Ok(TlsClientAuth);
    let post = |_: Settings| Ok(ClientSecretPost::new(Secret::new("s3cret")));
    for (setup, setter, name) in [
        (
            Setup::new().profile("lenient", Profile::RFC9068),
            "profile",
            "lenient",
        ),
        (
            Setup::new().dialect("okta", Rfc8693::new()),
            "dialect",
            "okta",
        ),
        (
            Setup::new().own_dialect("rfc8693", Rfc8693::new()),
            "own_dialect",
            "rfc8693",
        ),
        (
            Setup::new().client_auth("tls_client_auth", tls),
            "client_auth",
            "tls_client_auth",
        ),
        (Setup::new().client_auth("id", tls), "client_auth", "id"),
        (
            Setup::new().client_auth("issuer", post),
            "client_auth",
            "issuer",
        ),
    ] {
        for mistake in mistakes(&setup) {
            assert_eq!(mistake.field(), setter, "{mistake}");
            let both = format!("`Setup::{setter}` registers {name:?}, which is a built-in name");
            assert!(mistake.problem().contains(&both), "{mistake}");
        }
    }
}

#[test]
fn registered_name_is_unique() {
    let setup = Setup::new()
        .dialect("corp", Rfc8693::new())
        .own_dialect("corp", Rfc8693::new().require_user())
        // The first mistake is reported.
        .profile("rfc9068", Profile::LENIENT);
    for mistake in mistakes(&setup) {
        assert_eq!(mistake.field(), "own_dialect", "{mistake}");
        assert!(mistake.problem().contains("\"corp\" twice"), "{mistake}");
    }
    // A profile and a dialect may have the same name.
    let setup = Setup::new()
        .dialect("corp", Rfc8693::new())
        .profile("corp", Profile::LENIENT);
    let client: ClientConfig = toml::from_str(CLIENT).unwrap();
    client.build(&setup).unwrap();
}
