//! The tables `shared`, `logout` and `signals`.

use obo::error::TokenError;
use obo::fleet::{Fleet, Revoked};
use obo::time::UnixTime;
use obo::{ConfigError, Rejection};
use obo_config::{Config, Settings, Setup as Names};

use crate::setup::{SECRET, Setup, audience, issuer};

const LOGOUT: &str = "[logout]\npath = \"/backchannel-logout\"\naudience = \"service-a\"\n";
const SIGNALS: &str = "[signals]\npath = \"/ssf\"\naudience = \"https://a.example/ssf\"\n";

fn toml(issuer: &str) -> String {
    format!(
        r#"
        {LOGOUT}
        {SIGNALS}
        [resource_server]
        audiences = ["service-a"]
        issuers = [{{ issuer = "{issuer}" }}]

        [client]
        id = "service-a"
        client_secret_basic = "{SECRET}"

        [exchange]
        issuer = "{issuer}"
        "#
    )
}

fn yaml(issuer: &str) -> String {
    format!(
        r#"
logout: {{ path: /backchannel-logout, audience: service-a }}
signals: {{ path: /ssf, audience: "https://a.example/ssf" }}
resource_server:
  audiences: [service-a]
  issuers: [{{ issuer: "{issuer}" }}]
client: {{ id: service-a, client_secret_basic: {SECRET} }}
exchange: {{ issuer: "{issuer}" }}
"#
    )
}

fn json(issuer: &str) -> String {
    serde_json::json!({
        "logout": { "path": "/backchannel-logout", "audience": "service-a" },
        "signals": { "path": "/ssf", "audience": "https://a.example/ssf" },
        "resource_server": { "audiences": ["service-a"], "issuers": [{ "issuer": issuer }] },
        "client": { "id": "service-a", "client_secret_basic": SECRET },
        "exchange": { "issuer": issuer },
    })
    .to_string()
}

fn error(file: &str) -> ConfigError {
    let file: Settings = toml::from_str(file).unwrap();
    match file.read::<Config>() {
        Err(error) => error,
        Ok(config) => config.build(&mut Names::new()).unwrap_err(),
    }
}

#[tokio::test]
async fn logout_ends_both_sides() {
    let setup = Setup::start().await;
    let issuer_name = setup.idp.issuer();
    let files: [Settings; 3] = [
        toml::from_str(&toml(issuer_name)).unwrap(),
        serde_saphyr::from_str(&yaml(issuer_name)).unwrap(),
        serde_json::from_str(&json(issuer_name)).unwrap(),
    ];
    for file in files {
        let config: Config = file.read().unwrap();
        let built = config.build(&mut Names::new()).unwrap();
        let token = setup.idp.user("alice").audience("service-a").scope("a");
        let token = token.mint();
        let caller = built.resource_server.validate(&token).await.unwrap();
        let exchange = built.exchange.unwrap();
        exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
        let alice = Revoked::Subject(caller.subject().to_owned());
        let until = UnixTime::from_secs(caller.issued_at().unwrap().as_secs());
        let fleet = built.fleet.unwrap();
        fleet
            .revoke(&issuer(&setup.idp), alice, until)
            .await
            .unwrap();
        let refused = built.resource_server.validate(&token).await.unwrap_err();
        assert!(
            matches!(refused, Rejection::Token(TokenError::Revoked)),
            "{refused}"
        );
        let refused = exchange.token(&caller, audience("service-b")).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("revoked by a logout"), "{refused}");
    }
}

#[test]
fn service_without_tables_has_no_fleet() {
    let file = toml("https://idp.example");
    let file = file.replace(LOGOUT, "").replace(SIGNALS, "");
    let config: Config = toml::from_str(&file).unwrap();
    assert!(config.build(&mut Names::new()).unwrap().fleet.is_none());
}

#[tokio::test]
async fn own_fleet_is_used() {
    let setup = Setup::start().await;
    let fleet = Fleet::builder().build().unwrap();
    let file = toml(setup.idp.issuer());
    let config: Config = toml::from_str(&file).unwrap();
    let mut names = Names::new().fleet(fleet.clone());
    let built = config.build(&mut names).unwrap();
    let token = setup.idp.user("alice").audience("service-a").mint();
    let caller = built.resource_server.validate(&token).await.unwrap();
    let alice = Revoked::Subject(caller.subject().to_owned());
    let until = UnixTime::from_secs(caller.issued_at().unwrap().as_secs());
    fleet.revoke(caller.issuer(), alice, until).await.unwrap();
    assert!(built.resource_server.validate(&token).await.is_err());

    let file = format!("shared = {{ redis = 'redis://a', key_ring = [] }}\n{file}");
    let config: Config = toml::from_str(&file).unwrap();
    let error = config.build(&mut Names::new().fleet(fleet)).unwrap_err();
    assert_eq!(error.field(), "shared");
}

#[tokio::test]
async fn path_belongs_to_one_receiver() {
    let good = toml("https://idp.example");
    let more = |tables: &str| format!("{good}\n{tables}");
    let resource = "[protected_resource]\nresource = 'https://api.example.com/ssf'";
    let metadata = "/.well-known/oauth-protected-resource/ssf";
    for (file, field, problem) in [
        (
            good.replace("/ssf\"\na", "/backchannel-logout\"\na"),
            "signals.path",
            "`logout`",
        ),
        (
            more("[[rules]]\npath = '/ssf'\nscopes = ['a']"),
            "signals.path",
            "a rule",
        ),
        (
            more(resource).replace("\"/ssf\"", &format!("\"{metadata}\"")),
            "signals.path",
            "`protected_resource`",
        ),
        (
            good.replace("\"/ssf\"", "\"/{ssf}\""),
            "signals.path",
            "parameter",
        ),
        (good.replace("\"/ssf\"", "\"ssf\""), "signals.path", ""),
        (
            good.replace("\"https://a.example/ssf\"", "\"\""),
            "signals.audience",
            "",
        ),
        (
            good.replace("[signals]", "[signals]\nsub = 1"),
            "signals.sub",
            "unknown field",
        ),
        (
            good.replacen("audience", "aud", 1),
            "logout.aud",
            "unknown field",
        ),
    ] {
        let error = error(&file);
        assert_eq!(error.field(), field, "{error}");
        assert!(error.problem().contains(problem), "{error}");
    }
    // A pattern is less specific than the path.
    let file = more("[[rules]]\npath = '/{*rest}'\nscopes = ['a']");
    let config: Config = toml::from_str(&file).unwrap();
    config.build(&mut Names::new()).unwrap();
}

#[test]
fn shared_mistake_has_its_place() {
    let good = toml("https://idp.example");
    for (shared, field) in [
        ("{ key_ring = [] }", "shared"),
        ("{ redis = 'redis://a' }", "shared"),
        (
            "{ redis = 'redis://a', key_ring = [], reds = 's3cret' }",
            "shared.reds",
        ),
        (
            "{ redis = 'redis://a', key_ring = [], deadline = '25' }",
            "shared.deadline",
        ),
        (
            "{ redis = 'redis://a', key_ring = [{ id = 'k', fil = 's3cret' }] }",
            "shared.key_ring[0].fil",
        ),
        (
            "{ redis = { env = 's3cret' }, key_ring = [] }",
            "shared.redis.env",
        ),
    ] {
        let error = error(&format!("shared = {shared}\n{good}"));
        assert_eq!(error.field(), field, "{error}");
        assert!(!error.to_string().contains("s3cret"), "{error}");
    }
}
