//! A file builds what code builds.

use obo_core::{Resource, Target, dialect};

use super::audience;
use crate::outbound::destination::{Destination, Destinations, DestinationsConfig};

const FILE: &str = r#"
    [[destinations]]
    uri = "https://stock.corp.example"
    audience = "service-b"
    scopes = ["stock:read", "stock:list"]

    [[destinations]]
    uri = "https://gateway.example:8443/ledger"
    audiences = ["ledger", "ledger-v2"]
    resource = "https://ledger.example"
    required_scopes = ["ledger:read"]
    dialect = "okta"

    [[destinations]]
    uri = "http://127.0.0.1:8080"
    resources = ["urn:a", "urn:b"]
    danger_plaintext = false

    [[destinations]]
    uri = "http://mesh.internal"
    audience = "mesh"
    danger_plaintext = true

    [[destinations]]
    uri = "https://{service}.svc.example.com"
    audience = "api://{service}"
    scopes = ["api://{service}/.default"]
    dialect = "entra"
"#;

fn by_hand() -> Destinations {
    let resource = |uri: &str| Resource::new(uri).unwrap();
    let ledger = Target::audience(audience("ledger"))
        .and_audience(audience("ledger-v2"))
        .and_resource(resource("https://ledger.example"));
    let local = Target::resource(resource("urn:a")).and_resource(resource("urn:b"));
    let destinations = [
        Destination::new("https://stock.corp.example", audience("service-b"))
            .and_then(|stock| stock.scopes(["stock:list", "stock:read"])),
        Destination::new("https://gateway.example:8443/ledger", ledger).and_then(|ledger| {
            ledger
                .dialect(dialect::okta::exchange())
                .required_scopes(["ledger:read"])
        }),
        Destination::new("http://127.0.0.1:8080", local),
        Destination::danger_plaintext("http://mesh.internal", audience("mesh")),
        Destination::template(
            "https://{service}.svc.example.com",
            audience("api://{service}"),
        )
        .and_then(|services| services.scopes(["api://{service}/.default"]))
        .map(|services| services.dialect(dialect::entra::on_behalf_of())),
    ];
    Destinations::new(destinations.map(Result::unwrap)).unwrap()
}

#[test]
fn ri_04_a_file_builds_what_code_builds() {
    #[derive(serde::Deserialize)]
    struct Config {
        destinations: DestinationsConfig,
    }
    let config: Config = toml::from_str(FILE).unwrap();
    let (by_file, by_hand) = (config.destinations.build().unwrap(), by_hand());
    for (uri, is_there) in [
        ("https://stock.corp.example/x", true),
        ("https://gateway.example:8443/ledger/x", true),
        ("https://gateway.example:8443/other", false),
        ("http://127.0.0.1:8080/", true),
        ("http://mesh.internal/", true),
        ("https://mesh.internal/", false),
        ("https://orders.svc.example.com/", true),
        ("https://orders.other.example.com/", false),
    ] {
        let uri = uri.parse().unwrap();
        let asked_for = |destinations: &Destinations| {
            let found = destinations.find(&uri)?;
            let dialect = found.dialect.map(|dialect| dialect.identity().into_owned());
            Some((found.target, dialect))
        };
        let (found, expected) = (asked_for(&by_file), asked_for(&by_hand));
        assert_eq!(found, expected, "{uri}");
        assert_eq!(found.is_some(), is_there, "{uri}");
    }
}

#[test]
fn ri_04_a_dialect_that_there_is_not_is_refused_where_it_is_read() {
    let file = |dialect: &str| {
        let entry = format!("uri = 'https://b.example'\naudience = 'b'\ndialect = '{dialect}'");
        toml::from_str::<std::collections::HashMap<String, DestinationsConfig>>(&format!(
            "[[destinations]]\n{entry}"
        ))
    };
    for name in dialect::names() {
        file(name).unwrap();
    }
    let error = file("octa").unwrap_err().to_string();
    assert!(error.contains("dialect = 'octa'"), "{error}");
    assert!(error.contains("none of rfc8693, auth0"), "{error}");
}
