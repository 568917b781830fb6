//! Any configuration file, TOML or JSON. What is built from it obeys the rules of a second reading,
//! both notations give the same result, and an unknown key is rejected in each table.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use obo::authorization_server::HttpService;
use obo::{Destinations, ResourceServer};
use obo_config::{DestinationsConfig, ResourceServerConfig, Setup};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tower::service_fn;

use crate::discovery_document::is_safe;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    resource_server: Option<ResourceServerConfig>,
    destinations: Option<DestinationsConfig>,
}

/// # Panics
///
/// Panics if a rule does not hold.
pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    // Skip inputs with credentials: they would read files and the environment of this machine.
    if text.contains("client") || text.contains('\\') {
        return;
    }
    let is_json = text.trim_start().starts_with('{');
    let document: Value = match is_json {
        true => match serde_json::from_str(text) {
            Ok(document) => document,
            Err(_) => return,
        },
        false => match toml::from_str(text) {
            Ok(document) => document,
            Err(_) => return,
        },
    };
    let built = built(parse(&document));
    if !is_json {
        assert_eq!(
            built.is_ok(),
            self::built(toml::from_str(text).map_err(|error| error.to_string())).is_ok()
        );
    }
    let Ok((server, destinations)) = built else {
        return;
    };
    if let Some(server) = server {
        assert_server(&server, &document["resource_server"]);
    }
    if destinations.is_some() {
        assert_destinations(&document["destinations"]);
    }
    assert_unknown_keys_are_refused(&document);
}

type Built = (Option<ResourceServer>, Option<Destinations>);

fn parse<T: DeserializeOwned>(document: &Value) -> Result<T, String> {
    serde_json::from_value(document.clone()).map_err(|error| error.to_string())
}

fn built(config: Result<Config, String>) -> Result<Built, String> {
    let config = config?;
    let http = HttpService::new(service_fn(|_: Request<Bytes>| async {
        Ok::<_, Infallible>(Response::new(Full::new(Bytes::new())))
    }));
    let checked = |error: obo::ConfigError| {
        assert!(!error.field().is_empty(), "{error}");
        error.to_string()
    };
    let mut setup = Setup::with_http(http);
    let server = config
        .resource_server
        .map(|server| server.build(&mut setup));
    let destinations = config
        .destinations
        .map(|destinations| destinations.build(&setup));
    Ok((
        server.transpose().map_err(checked)?,
        destinations.transpose().map_err(checked)?,
    ))
}

fn assert_server(server: &ResourceServer, config: &Value) {
    let issuers = config["issuers"].as_array().unwrap();
    assert_eq!(server.key_status().count(), issuers.len());
    let mut names: Vec<_> = issuers.iter().map(|issuer| issuer_of(issuer).0).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), issuers.len(), "each issuer is listed once");
    for (status, issuer) in server.key_status().zip(issuers) {
        let (name, may_be_plain) = issuer_of(issuer);
        assert_eq!(status.issuer().as_str(), name);
        assert_eq!(status.age(), None, "no key set was fetched");
        assert!(may_be_plain || is_safe(name), "{name}");
        let audiences = issuer
            .get("audiences")
            .filter(|own| !own.is_null())
            .unwrap_or(&config["audiences"]);
        let audiences = audiences.as_array().unwrap();
        assert!(!audiences.is_empty() && audiences.iter().all(|audience| audience != ""));
        assert!(
            issuer["algorithms"]
                .as_array()
                .is_none_or(|some| !some.is_empty())
        );
        if let Some(uri) = issuer["jwks_uri"].as_str() {
            assert!(may_be_plain || is_safe(uri), "{uri}");
        }
    }
}

/// The issuer, and whether the file allows plain `http` for it.
fn issuer_of(issuer: &Value) -> (&str, bool) {
    let value = &issuer["issuer"];
    match value.as_str() {
        Some(name) => (name, false),
        None => (value["danger_http"].as_str().unwrap(), true),
    }
}

fn assert_destinations(config: &Value) {
    for destination in config.as_array().unwrap() {
        let uri = destination["uri"].as_str().unwrap();
        let is_plaintext = destination["danger_plaintext"].as_bool().unwrap_or(false);
        // A template such as `{tenant}` stands for any label.
        let one = uri
            .find('{')
            .zip(uri.find('}'))
            .map_or(uri.to_owned(), |(start, end)| {
                format!("{}label{}", &uri[..start], &uri[end + 1..])
            });
        assert!(is_plaintext || is_safe(&one), "{uri}");
        let named = ["audience", "audiences", "resource", "resources"];
        assert!(
            named.iter().any(|name| !destination[*name].is_null()),
            "each destination names an audience or a resource"
        );
    }
}

/// Adds an unknown key to each table: the top level, the server, issuers and destinations.
fn assert_unknown_keys_are_refused(document: &Value) {
    let mut tables = vec![String::new(), "/resource_server".to_owned()];
    for list in ["/resource_server/issuers", "/destinations"] {
        let count = document
            .pointer(list)
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        tables.extend((0..count.min(3)).map(|i| format!("{list}/{i}")));
    }
    for table in tables {
        let mut changed = document.clone();
        if let Some(Value::Object(members)) = changed.pointer_mut(&table) {
            members.insert("unknown-key".to_owned(), Value::Bool(true));
            assert!(parse::<Config>(&changed).is_err(), "{table}");
        }
    }
}
