//! Destinations from a file.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Empty;
use obo::destination::Target;
use obo::dialect::Rfc8693;
use obo::error::ExchangeErrorKind;
use obo::token::TokenType;
use obo::{
    CallError, Caller, Client, ClientSecretBasic, Destination, Destinations, Resource,
    TokenExchange, dialect,
};
use obo_config::{DestinationsConfig, Setup as Names};
use obo_testkit::{Endpoint, Fault};
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::setup::{SECRET, Setup, audience, issuer};

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
    dialect = { base = "rfc8693", requested_type = "jwt" }

    [[destinations]]
    uri = "http://127.0.0.1:8080"
    resources = ["urn:a", "urn:b"]
    danger_plaintext = false

    [[destinations]]
    uri = "https://sales.example"
    audience = "sales"
    scopes = ["sales:read"]
    dialect = "okta"

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
            .map(|stock| stock.scopes(["stock:list", "stock:read"])),
        Destination::new("https://gateway.example:8443/ledger", ledger).map(|ledger| {
            ledger
                .dialect(Rfc8693::new().requested_type(TokenType::JWT))
                .required_scopes(["ledger:read"])
        }),
        Destination::new("http://127.0.0.1:8080", local),
        Destination::new("https://sales.example", audience("sales")).map(|sales| {
            sales
                .scopes(["sales:read"])
                .dialect(dialect::okta::exchange())
        }),
        Destination::danger_plaintext("http://mesh.internal", audience("mesh")),
        Destination::template(
            "https://{service}.svc.example.com",
            audience("api://{service}"),
        )
        .map(|services| {
            services
                .scopes(["api://{service}/.default"])
                .dialect(dialect::entra::on_behalf_of())
        }),
    ];
    Destinations::new(destinations.map(Result::unwrap)).unwrap()
}

/// The form of the token request for a call, and the error of the call.
async fn token_request(
    setup: &Setup,
    caller: &Caller,
    destinations: &Destinations,
    uri: &str,
) -> (Option<Vec<(String, String)>>, Option<ExchangeErrorKind>) {
    let client = Client::new("service-a", ClientSecretBasic::new(SECRET));
    let exchange = TokenExchange::builder(issuer(&setup.idp), client)
        .build()
        .unwrap();
    let inner = service_fn(|_: Request<Empty<Bytes>>| async {
        Ok::<_, std::convert::Infallible>(Response::new(Empty::<Bytes>::new()))
    });
    let before = setup.idp.requests().len();
    let call = exchange.to_destinations(destinations.clone()).layer(inner);
    let request = Request::get(uri).body(Empty::new()).unwrap();
    let kind = match call.on_behalf_of(caller).oneshot(request).await {
        Err(CallError::Exchange(error)) => Some(error.kind()),
        _ => None,
    };
    let requests = setup.idp.requests();
    let mut token_request = requests.iter().skip(before);
    let token_request = token_request.find(|request| request.endpoint == Some(Endpoint::Token));
    (token_request.map(|request| request.form.clone()), kind)
}

/// RI-04
#[tokio::test]
async fn file_builds_what_code_builds() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let (by_file, by_hand) = (destinations(FILE).unwrap(), by_hand());
    let by_file = by_file.build(&Names::new()).unwrap();
    for (uri, is_there) in [
        ("https://stock.corp.example/x", true),
        ("https://gateway.example:8443/ledger/x", true),
        ("https://gateway.example:8443/other", false),
        ("https://sales.example/", true),
        ("http://127.0.0.1:8080/", true),
        ("http://mesh.internal/", true),
        ("https://mesh.internal/", false),
        ("https://orders.svc.example.com/", true),
        ("https://orders.other.example.com/", false),
    ] {
        let found = token_request(&setup, &caller, &by_file, uri).await;
        assert_eq!(
            found,
            token_request(&setup, &caller, &by_hand, uri).await,
            "{uri}"
        );
        assert_eq!(found.0.is_some(), is_there, "{uri}");
        let is_unknown = found.1 == Some(ExchangeErrorKind::UnknownDestination);
        assert_eq!(is_unknown, !is_there, "{uri}");
    }
}

#[test]
fn further_audience_is_accepted() {
    let file = "[[destinations]]\nuri = 'https://stock.corp.example'\nresource = 'urn:stock'\nor_named = ['atm-stock']";
    let built = destinations(file).unwrap().build(&Names::new()).unwrap();
    let target = built.list().remove(0).target().clone();
    let named = Target::resource(Resource::new("urn:stock").unwrap());
    let by_hand = named.clone().or_named(audience("atm-stock"));
    assert_eq!(format!("{target:?}"), format!("{by_hand:?}"));
    assert_ne!(format!("{target:?}"), format!("{named:?}"));
}

/// RI-04
#[tokio::test]
async fn file_scopes_are_required() {
    let setup = Setup::start().await;
    let caller = setup.caller("alice").await;
    let less = serde_json::json!({ "scope": "a" });
    setup.idp.fault(Endpoint::Token, Fault::Merge(less));
    for (key, kind) in [
        ("scopes", None),
        ("required_scopes", Some(ExchangeErrorKind::TargetDenied)),
    ] {
        let file = format!(
            "[[destinations]]\nuri = 'https://b.example'\naudience = 'service-b'\n{key} = ['a', 'b']"
        );
        let built = destinations(&file).unwrap().build(&Names::new()).unwrap();
        let (_, outcome) = token_request(&setup, &caller, &built, "https://b.example/").await;
        assert_eq!(outcome, kind, "{key}");
    }
}

/// RI-04
#[test]
fn unknown_dialect_is_named_by_path() {
    let file = |dialect: &str| {
        let entry = format!("uri = 'https://b.example'\naudience = 'b'\ndialect = {dialect}");
        let read = destinations(&format!("[[destinations]]\n{entry}")).unwrap();
        read.build(&Names::new())
    };
    for name in dialect::names() {
        file(&format!("'{name}'")).unwrap();
    }
    for (unknown, field) in [
        ("'octa'", "destinations[0].dialect"),
        ("{ base = 'octa' }", "destinations[0].dialect"),
        (
            "{ extra_parameters = { client_id = 'x' } }",
            "destinations[0].dialect.extra_parameters",
        ),
    ] {
        let error = file(unknown).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
    }
    for unknown in ["", "Keycloak", "keycloak ", "octa"] {
        let error = file(&format!("'{unknown}'")).unwrap_err().to_string();
        assert!(dialect::names().all(|name| error.contains(name)), "{error}");
    }
}

fn destinations(toml: &str) -> Result<DestinationsConfig, String> {
    #[derive(serde::Deserialize)]
    struct Config {
        destinations: DestinationsConfig,
    }
    let config: Result<Config, _> = toml::from_str(toml);
    let config = config.map_err(|error| error.to_string());
    config.map(|config| config.destinations)
}

/// BC-01
#[test]
fn invalid_destination_is_located() {
    let uri = r#"uri = "https://b.example""#;
    for (line, problem) in [
        (
            format!("{{ {uri}, audience = \"\" }}"),
            "audience: is empty",
        ),
        (
            format!("{{ {uri}, audiences = [\"a\", \"\"] }}"),
            "audience: is empty",
        ),
        (
            format!("{{ {uri}, resource = \"b\" }}"),
            "not an absolute URI",
        ),
        (
            format!("{{ {uri}, audience = \"b\", scopes = [\"a b\"] }}"),
            "\"a b\" must be visible ASCII",
        ),
        (
            format!("{{ {uri}, audience = \"b\", plaintext = true }}"),
            "unknown field `plaintext`",
        ),
        ("{ audience = \"b\" }".to_owned(), "missing field `uri`"),
    ] {
        let file = format!("destinations = [\n{{ {uri}, audience = \"b\" }},\n{line}]");
        let error = destinations(&file).unwrap_err();
        assert!(error.contains("line 3"), "{error}");
        assert!(error.contains(problem), "{error}");
    }
}

/// GR-10, BT-21
#[test]
fn conflicting_destinations_name_paths() {
    let first = r#"{ uri = "https://{x}.svc.example.com", audience = "{x}" }"#;
    for (second, field) in [
        (r#"uri = "https://b.example""#, "destinations[1].audience"),
        (
            r#"uri = "https://b.example", audiences = [], resources = []"#,
            "destinations[1].audience",
        ),
        (
            r#"uri = "https://b.example", audience = "b", audiences = ["b"]"#,
            "destinations[1].audience",
        ),
        (
            r#"uri = "https://b.example", audience = "b", scopes = ["a"], required_scopes = ["b"]"#,
            "destinations[1].required_scopes",
        ),
        (
            r#"uri = "https://b.example", resource = "urn:b", resources = ["urn:b"]"#,
            "destinations[1].resource",
        ),
        (
            r#"uri = "http://b.example", audience = "b""#,
            "destinations[1].uri",
        ),
        (
            r#"uri = "https://b.example?q", audience = "b""#,
            "destinations[1].uri",
        ),
        (
            r#"uri = "https://b.example", audience = "b", danger_plaintext = true"#,
            "destinations[1].uri",
        ),
        (
            r#"uri = "http://{x}.svc.example.com", audience = "{x}", danger_plaintext = true"#,
            "destinations[1].uri",
        ),
        (
            r#"uri = "https://{x}.com", audience = "{x}""#,
            "destinations[1].uri",
        ),
        (
            r#"uri = "https://{y}.svc.example.com", audience = "{y}""#,
            "destinations[1].uri",
        ),
        (
            r#"uri = "https://{y}.app.example.com", audience = "{x}""#,
            "destinations[1].audience",
        ),
        (
            r#"uri = "https://{y}.app.example.com", audience = "{y}", scopes = ["{x}"]"#,
            "destinations[1].scopes",
        ),
        (
            r#"uri = "https://b.example", audience = "b" }, { uri = "https://B.example:443/", audience = "c""#,
            "destinations[2].uri",
        ),
    ] {
        let file = format!("destinations = [{first}, {{ {second} }}]");
        let error = destinations(&file)
            .unwrap()
            .build(&Names::new())
            .unwrap_err();
        assert_eq!(error.field(), field, "{error}");
    }
    let none = destinations("destinations = []")
        .unwrap()
        .build(&Names::new());
    assert_eq!(none.unwrap_err().field(), "destinations");
}
