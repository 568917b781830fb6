//! Both sides of a service in one file, in every format.

use std::convert::Infallible;

use obo::bearer::PublicPaths;
use obo::policy::{ClaimMatcher, ScopeClaim, TokenTyp};
use obo::{Caller, ConfigError, Profile};
use obo_config::{Config, ExchangeConfig, Live, ResourceServerConfig, Settings, Setup as Names};
use obo_testkit::TestIdp;
use tower::{ServiceExt as _, service_fn};

use crate::setup::{SECRET, Setup, audience};

fn toml(issuer: &str) -> String {
    format!(
        r#"
        [resource_server]
        audiences = ["service-a"]
        issuers = [{{ issuer = "{issuer}", introspection = {{ for = "opaque_tokens" }} }}]

        [client]
        id = "service-a"
        client_secret_basic = "{SECRET}"

        [exchange]
        issuer = "{issuer}"
        dialect = {{ base = "rfc8693", require_user = true }}

        [[destinations]]
        uri = "https://b.example"
        audience = "service-b"

        [[rules]]
        path = "/orders"
        scopes = ["a"]

        [[rules]]
        path = "/docs"
        public = true

        [protected_resource]
        resource = "https://api.example.com"
        scopes = ["a"]
        "#
    )
}

fn yaml(issuer: &str) -> String {
    format!(
        r#"
resource_server:
  audiences: [service-a]
  issuers:
    - issuer: {issuer}
      introspection: {{ for: opaque_tokens }}
client:
  id: service-a
  client_secret_basic: {SECRET}
exchange:
  issuer: {issuer}
  dialect: {{ base: rfc8693, require_user: true }}
destinations:
  - uri: https://b.example
    audience: service-b
rules:
  - path: /orders
    scopes: [a]
  - path: /docs
    public: true
protected_resource:
  resource: https://api.example.com
  scopes: [a]
"#
    )
}

fn json(issuer: &str) -> String {
    serde_json::json!({
        "resource_server": {
            "audiences": ["service-a"],
            "issuers": [{ "issuer": issuer, "introspection": { "for": "opaque_tokens" } }],
        },
        "client": { "id": "service-a", "client_secret_basic": SECRET },
        "exchange": { "issuer": issuer, "dialect": { "base": "rfc8693", "require_user": true } },
        "destinations": [{ "uri": "https://b.example", "audience": "service-b" }],
        "rules": [
            { "path": "/orders", "scopes": ["a"] },
            { "path": "/docs", "public": true },
        ],
        "protected_resource": { "resource": "https://api.example.com", "scopes": ["a"] },
    })
    .to_string()
}

#[tokio::test]
async fn every_format_builds_both_sides() {
    let setup = Setup::start().await;
    let issuer = setup.idp.issuer();
    let files: [Settings; 3] = [
        toml::from_str(&toml(issuer)).unwrap(),
        serde_saphyr::from_str(&yaml(issuer)).unwrap(),
        serde_json::from_str(&json(issuer)).unwrap(),
    ];
    for file in files {
        let config: Config = file.read().unwrap();
        let before = setup.idp.discovery_requests();
        let built = config.build(&mut Names::new()).unwrap();
        let _layer = built.auth_layer();
        let token = setup.idp.user("alice").audience("service-a").scope("a");
        let caller = built.resource_server.validate(&token.mint()).await.unwrap();
        let opaque = token.mint_opaque();
        built.resource_server.validate(&opaque).await.unwrap();
        let exchange = built.exchange.unwrap();
        exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
        // Keys, introspection and exchange share one authorization server.
        assert_eq!(setup.idp.discovery_requests(), before + 1);
        assert!(built.destinations.is_some());
        let rules = built.rules.unwrap();
        assert_eq!(rules.public_paths(), PublicPaths::new(["/docs"]).unwrap());
        rules.check(&http::Method::GET, "/orders", &caller).unwrap();
        let document = built.protected_resource.unwrap().document();
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        assert_eq!(document["scopes_supported"], serde_json::json!(["a"]));
    }
}

#[test]
fn mistake_names_place_without_secret() {
    let good = toml("https://idp.example");
    let error = |file: &str| -> ConfigError {
        let file: Settings = toml::from_str(file).unwrap();
        match file.read::<Config>() {
            Err(error) => error,
            Ok(config) => config.build(&mut Names::new()).unwrap_err(),
        }
    };
    for (from, to, field) in [
        ("[exchange]", "[exchanges]", "exchanges"),
        ("[client]", "[client]\nsecret = \"s3cret\"", "client.secret"),
        (
            "client_secret_basic",
            "client_secret_basc",
            "client.client_secret_basc",
        ),
        (
            "[client]",
            "[client]\nissuer = \"https://other.example\"",
            "exchange.issuer",
        ),
        (
            "require_user = true",
            "require_user = \"s3cret\"",
            "exchange.dialect.require_user",
        ),
        ("service-b\"", "\"", "destinations[0].audience"),
        (
            "https://b.example",
            "http://b.example",
            "destinations[0].uri",
        ),
        (
            "[\"a\"]\n\n        [[rules]]",
            "[]\n\n        [[rules]]",
            "rules[0].scopes",
        ),
        (
            "opaque_tokens",
            "s3cret",
            "resource_server.issuers[0].introspection.for",
        ),
        (
            "resource = \"https://api.example.com\"",
            "resource = \"https://api.example.com:443\"",
            "protected_resource.resource",
        ),
    ] {
        let file = good.replacen(from, to, 1);
        assert_ne!(file, good, "{from}");
        let error = error(&file);
        assert_eq!(error.field(), field, "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
        assert!(!error.to_string().contains(SECRET), "{error}");
    }
}

#[test]
fn destinations_need_an_exchange() {
    let file = toml("https://idp.example");
    let (start, _) = file.split_once("[exchange]").unwrap();
    let file = format!("{start}\n[[destinations]]\nuri = 'https://b.example'\naudience = 'b'");
    let file: Settings = toml::from_str(&file).unwrap();
    let error = file.read::<Config>().unwrap().build(&mut Names::new());
    let error = error.unwrap_err();
    assert_eq!(error.field(), "exchange");
    assert!(
        error.problem().contains("add [exchange] with the `issuer`"),
        "{error}"
    );
}

#[test]
fn place_names_the_field_once() {
    let file = |issuer: &str, audience: &str| -> ConfigError {
        let file = format!("audiences = ['{audience}']\nissuers = [{{ issuer = '{issuer}' }}]");
        let file: Settings = toml::from_str(&file).unwrap();
        file.read::<ResourceServerConfig>().unwrap_err()
    };
    let error = file("http://idp.example", "a").to_string();
    assert!(
        error.starts_with("issuers[0].issuer: \"http://idp.example\" is plain http"),
        "{error}"
    );
    let error = file("https://idp.example", "").to_string();
    assert!(error.starts_with("audiences[0]: is empty"), "{error}");
}

#[test]
fn discovery_url_is_no_issuer() {
    for (url, issuer) in [
        (
            "https://idp.example/a/.well-known/openid-configuration",
            "https://idp.example/a",
        ),
        (
            "https://idp.example/.well-known/oauth-authorization-server/a",
            "https://idp.example/a",
        ),
    ] {
        let settings = |file: String| toml::from_str::<Settings>(&file).unwrap();
        let server = settings(format!(
            "audiences = ['a']\nissuers = [{{ issuer = '{url}' }}]"
        ));
        let server = server.read::<ResourceServerConfig>().unwrap_err();
        let client = "client = { id = 'a', tls_client_auth = true }";
        let exchange = settings(format!("issuer = '{url}'\n{client}"));
        let exchange = exchange.read::<ExchangeConfig>().unwrap_err();
        for (error, field) in [(server, "issuers[0].issuer"), (exchange, "issuer")] {
            assert_eq!(error.field(), field);
            assert!(
                error.problem().ends_with(&format!("write \"{issuer}\"")),
                "{error}"
            );
        }
    }
}

/// Every setting of `Profile` has a key, and each key calls the method of its name.
#[test]
fn every_profile_key_is_a_setting() {
    let lenient = || Profile::LENIENT;
    for (keys, by_hand) in [
        ("types = ['JWT']", lenient().types([TokenTyp::Jwt])),
        ("require_claims = ['jti']", lenient().require_claim("jti")),
        (
            "require_matches = [{ is = ['tenant', 't1'] }]",
            lenient().require_match(ClaimMatcher::is("tenant", "t1")),
        ),
        (
            "reject_matches = [{ present = 'nonce' }, { starts_with = ['a', 'b'] }]",
            lenient()
                .reject_match(ClaimMatcher::present("nonce"))
                .reject_match(ClaimMatcher::starts_with("a", "b")),
        ),
        (
            "service_matchers = ['subject_is_client', { absent = 'x' }, { ends_with = ['a', 'b'] }, { in_issuer = 'tid' }]",
            lenient().service_matchers([
                ClaimMatcher::SUBJECT_IS_CLIENT,
                ClaimMatcher::absent("x"),
                ClaimMatcher::ends_with("a", "b"),
                ClaimMatcher::in_issuer("tid"),
            ]),
        ),
        (
            "scope_from = [{ array = 'scp' }, { text = 'scope' }]",
            lenient().scope_from([ScopeClaim::array("scp"), ScopeClaim::text("scope")]),
        ),
        ("client_from = ['azp']", lenient().client_from(["azp"])),
        (
            "roles_from = ['realm_access', 'roles']",
            lenient().roles_from(&["realm_access", "roles"]),
        ),
        (
            "roles_from_keys_of = 'roles'",
            lenient().roles_from_keys_of("roles"),
        ),
        ("groups_from = ['g']", lenient().groups_from(&["g"])),
        ("require_client = true", lenient().require_client()),
        (
            "allow_client_as_audience = true",
            lenient().allow_client_as_audience(),
        ),
        (
            "allow_client_as_actor = true",
            lenient().allow_client_as_actor(),
        ),
        (
            "allow_actor_without_subject = true",
            lenient().allow_actor_without_subject(),
        ),
        (
            "allow_scope_text_or_array = true",
            lenient().allow_scope_text_or_array(),
        ),
        (
            "danger_id_token_claims = true",
            lenient().danger_id_token_claims(),
        ),
    ] {
        let config: ResourceServerConfig = toml::from_str(&format!(
            "audiences = ['a']\nissuers = [{{ issuer = 'https://idp.example', profile = {{ base = 'lenient', {keys} }} }}]"
        ))
        .unwrap();
        let server = config.build(&mut Names::new()).unwrap();
        let shown = format!("{server:?}");
        assert_ne!(by_hand, lenient(), "{keys}");
        assert!(shown.contains(&format!("{by_hand:?}")), "{keys}: {shown}");
    }
}

#[derive(Clone, Debug, serde::Deserialize)]
struct Tenant {
    tenant: String,
}

#[tokio::test]
async fn custom_profile_and_claims_are_hooks() {
    let idp = TestIdp::start().await;
    let file = format!(
        "audiences = ['a']\nissuers = [{{ issuer = '{}', profile = 'corp' }}]",
        idp.issuer()
    );
    let config: ResourceServerConfig = toml::from_str(&file).unwrap();
    let profile = Profile::LENIENT.require_claim("tenant");
    let mut names = Names::new()
        .profile("corp", profile)
        .trust(|_, trust| trust.claims::<Tenant>());
    let server = config.build(&mut names).unwrap();
    let token = || idp.user("alice").audience("a");
    let caller: Caller = server
        .validate(&token().claim("tenant", "t1").mint())
        .await
        .unwrap();
    assert_eq!(
        caller.with_claims::<Tenant>().unwrap().claims().tenant,
        "t1"
    );
    server.validate(&token().mint()).await.unwrap_err();
}

#[tokio::test]
async fn service_is_replaced_while_serving() {
    let service =
        |text: &'static str| service_fn(move |()| async move { Ok::<_, Infallible>(text) });
    let live = Live::new(service("first"));
    let clone = live.clone();
    assert_eq!(clone.clone().oneshot(()).await, Ok("first"));
    live.replace(service("second"));
    assert_eq!(clone.oneshot(()).await, Ok("second"));
}
