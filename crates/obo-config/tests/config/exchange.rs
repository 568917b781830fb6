//! An exchange, its dialect and its actor from a file.

use std::fs;

use http::Response;
use obo::dialect::{Dialect, Grant, Registration, Rfc8693};
use obo::error::ExchangeErrorKind;
use obo::time::UnixTime;
use obo::token::IssuedToken;
use obo::token_endpoint::{TokenEndpointError, TokenRequest};
use obo::{ConfigError, TokenExchange};
use obo_config::{ExchangeConfig, Setup as Names};
use obo_testkit::{Endpoint, Fault};

use crate::setup::{SECRET, Setup, audience, file};

fn read(file: &str) -> Result<ExchangeConfig, String> {
    toml::from_str(file).map_err(|error| error.to_string())
}

/// Builds the exchange of a file with these additional keys.
fn built(setup: &Setup, keys: &str, names: &Names) -> Result<TokenExchange, ConfigError> {
    let file = format!(
        "issuer = {:?}\nclient = {{ id = 'service-a', client_secret_basic = {SECRET:?} }}\n{keys}",
        setup.idp.issuer()
    );
    read(&file).unwrap().build(&mut names.clone())
}

async fn outcome(setup: &Setup, keys: &str) -> Option<ExchangeErrorKind> {
    let exchange = built(setup, keys, &Names::new()).unwrap();
    let caller = setup.caller("alice").await;
    let exchanged = exchange.token(&caller, audience("service-b")).await;
    exchanged.err().map(|error| error.kind())
}

#[tokio::test]
async fn dialect_is_name_or_table() {
    let setup = Setup::start().await;
    let unsaid = serde_json::json!({ "issued_token_type": null });
    setup.idp.fault(Endpoint::Token, Fault::Merge(unsaid));
    let unusable = Some(ExchangeErrorKind::ResponseUnusable);
    for (dialect, kind) in [
        ("", unusable),
        ("dialect = 'rfc8693'", unusable),
        ("dialect = {}", unusable),
        ("dialect = { allow_missing_issued_type = true }", None),
        (
            "dialect = { base = 'rfc8693', allow_missing_issued_type = true }",
            None,
        ),
    ] {
        assert_eq!(outcome(&setup, dialect).await, kind, "{dialect}");
    }
}

#[tokio::test]
async fn dialect_table_shapes_request() {
    let setup = Setup::start().await;
    let dialect = r#"
        [dialect]
        base = "rfc8693"
        name = "corp"
        subject_type = "jwt"
        requested_type = "urn:ietf:params:oauth:token-type:access_token"
        extra_parameters = { tenant = "corp" }
    "#;
    assert_eq!(outcome(&setup, dialect).await, None);
    let token_request = setup.token_request();
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    assert_eq!(token_request.param("subject_token_type"), Some(jwt));
    let access_token = "urn:ietf:params:oauth:token-type:access_token";
    assert_eq!(
        token_request.param("requested_token_type"),
        Some(access_token)
    );
    assert_eq!(token_request.param("tenant"), Some("corp"));
}

/// Every setting of `Rfc8693` has a key, and each key calls the method of its name.
#[test]
fn every_dialect_key_is_a_setting() {
    use obo::dialect::TargetBy;
    use obo::token::TokenType;
    use std::time::Duration;

    let plain = Rfc8693::new;
    let jwt = || TokenType::JWT;
    for (keys, by_hand) in [
        ("jwt_bearer = true", plain().jwt_bearer()),
        ("target_by = 'scope'", plain().target_by(TargetBy::Scope)),
        (
            "client_target_by = 'one_audience'",
            plain().client_target_by(TargetBy::OneAudience),
        ),
        ("require_scope = true", plain().require_scope()),
        ("subject_type = 'jwt'", plain().subject_type(jwt())),
        ("requested_type = 'jwt'", plain().requested_type(jwt())),
        (
            "without_requested_type = true",
            plain().without_requested_type(),
        ),
        ("offered_types = ['jwt']", plain().offered_types([jwt()])),
        ("without_actor = true", plain().without_actor()),
        ("require_actor = true", plain().require_actor()),
        ("actor_types = ['jwt']", plain().actor_types([jwt()])),
        ("require_user = true", plain().require_user()),
        ("max_actors = 2", plain().max_actors(2)),
        (
            "require_client_in_audience = true",
            plain().require_client_in_audience(),
        ),
        ("allow_claims = true", plain().allow_claims()),
        (
            "extra_parameters = { a = 'b' }",
            plain().extra_parameter("a", "b").unwrap(),
        ),
        (
            "allow_missing_token_type = true",
            plain().allow_missing_token_type(),
        ),
        (
            "issued_type_may_be_missing = true",
            plain().allow_missing_issued_type(),
        ),
        (
            "allow_missing_issued_type = true",
            plain().allow_missing_issued_type(),
        ),
        (
            "allow_issued_types = ['jwt']",
            plain().allow_issued_type(jwt()),
        ),
        (
            "allow_text_expires_in = true",
            plain().allow_text_expires_in(),
        ),
        (
            "unstated_lifetime = '5m'",
            plain().unstated_lifetime(Duration::from_secs(300)),
        ),
        ("allow_wider_scope = true", plain().allow_wider_scope()),
        (
            "allow_scope_text_or_array = true",
            plain().allow_scope_text_or_array(),
        ),
        ("pairwise_subject = true", plain().pairwise_subject()),
        ("user_claims = ['oid']", plain().user_claims(["oid"])),
        ("danger_any_audience = true", plain().danger_any_audience()),
        ("name = 'corp'", plain().with_name("corp")),
    ] {
        let file = format!(
            "issuer = 'https://idp.example'\nclient = {{ id = 'a', tls_client_auth = true }}\ndialect = {{ {keys} }}"
        );
        let exchange = read(&file).unwrap().build(&mut Names::new()).unwrap();
        let shown = format!("{exchange:?}");
        assert_ne!(format!("{by_hand:?}"), format!("{:?}", plain()), "{keys}");
        assert!(shown.contains(&format!("{by_hand:?}")), "{keys}: {shown}");
    }
}

/// A dialect of another crate, implemented in code.
#[derive(Clone, Debug)]
struct Tenanted(Rfc8693);

impl Dialect for Tenanted {
    fn name(&self) -> &'static str {
        "tenanted"
    }

    fn request(
        &self,
        grant: &Grant,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        let mut form = self.0.request(grant, by)?;
        form.push_public("tenant", "t1");
        Ok(form)
    }

    fn response(
        &self,
        grant: &Grant,
        response: &Response<bytes::Bytes>,
        now: UnixTime,
    ) -> Result<IssuedToken, TokenEndpointError> {
        self.0.response(grant, response, now)
    }
}

#[tokio::test]
async fn custom_dialect_is_named_in_file() {
    let setup = Setup::start().await;
    let named = Rfc8693::new().extra_parameter("tenant", "t0").unwrap();
    let names = Names::new()
        .dialect("corp", named)
        .own_dialect("tenanted", Tenanted(Rfc8693::new()));
    let caller = setup.caller("alice").await;
    for (dialect, tenant) in [
        ("'corp'", "t0"),
        ("{ base = 'corp', subject_type = 'jwt' }", "t0"),
        ("'tenanted'", "t1"),
        ("{ base = 'tenanted' }", "t1"),
    ] {
        let exchange = built(&setup, &format!("dialect = {dialect}"), &names).unwrap();
        exchange
            .token(&caller, audience("service-b"))
            .await
            .unwrap();
        assert_eq!(
            setup.token_request().param("tenant"),
            Some(tenant),
            "{dialect}"
        );
    }
    let changed = "dialect = { base = 'tenanted', require_user = true }";
    let error = built(&setup, changed, &names).unwrap_err();
    assert_eq!(error.field(), "dialect.base");
    let error = built(&setup, "dialect = 'corps'", &names).unwrap_err();
    assert_eq!(error.field(), "dialect");
    assert!(error.to_string().contains("corp, tenanted"), "{error}");
}

#[tokio::test]
async fn actor_is_service_or_file() {
    let setup = Setup::start().await;
    let client = setup.idp.client("service-a");
    client.may_request("sts").may_request(setup.idp.issuer());
    let platform = setup.idp.service("service-a").audience("sts").mint();
    let path = file("actor-token", format!("{platform}\n").as_bytes());
    let sent = async |actor: &str| {
        let exchange = built(&setup, &format!("actor = {actor}"), &Names::new()).unwrap();
        let caller = setup.caller("alice").await;
        let _ = exchange.token(&caller, audience("service-b")).await;
        setup.token_request()
    };
    let quoted = path.to_str().unwrap();
    let token_request = sent(&format!("{{ file = '{quoted}' }}")).await;
    assert_eq!(token_request.param("actor_token"), Some(&*platform));
    let jwt = "urn:ietf:params:oauth:token-type:jwt";
    assert_eq!(token_request.param("actor_token_type"), Some(jwt));
    let typed = format!("{{ file = '{quoted}', type = 'access_token' }}");
    let access_token = "urn:ietf:params:oauth:token-type:access_token";
    let token_request = sent(&typed).await;
    assert_eq!(token_request.param("actor_token_type"), Some(access_token));

    sent("{ audience = 'sts' }").await;
    let requests = setup.idp.requests();
    let mut own = requests
        .iter()
        .filter(|request| request.param("grant_type") == Some("client_credentials"));
    assert_eq!(own.next().unwrap().param("audience"), Some("sts"));
    drop(requests);
    sent("'client_credentials'").await;

    fs::write(&path, "").unwrap();
    for (actor, field) in [
        ("'unknown'", "actor"),
        ("{}", "actor"),
        ("{ file = 'no-such-file' }", "actor.file"),
        ("{ file = 'a', audience = 'b' }", "actor"),
        (&format!("{{ file = '{quoted}' }}"), "actor.file"),
    ] {
        let error = built(&setup, &format!("actor = {actor}"), &Names::new()).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
    }
}

#[test]
fn extra_parameter_may_be_secret() {
    let file = "issuer = 'https://idp.example'\nclient = { id = 'a', tls_client_auth = true }\n\
                dialect = { extra_parameters = { key = 's3cret', name = { env = 'CARGO_PKG_NAME' } } }";
    let config = read(file).unwrap();
    assert!(!format!("{config:?}").contains("s3cret"), "{config:?}");
    let exchange = config.build(&mut Names::new()).unwrap();
    assert!(!format!("{exchange:?}").contains("s3cret"), "{exchange:?}");
    let unset = file.replace("CARGO_PKG_NAME", "OBO_NO_SUCH");
    let error = read(&unset).unwrap().build(&mut Names::new()).unwrap_err();
    assert_eq!(error.field(), "dialect.extra_parameters.name.env");
}

#[test]
fn exchange_mistake_names_path() {
    let of = |keys: &str| {
        let file = format!("issuer = 'https://idp.example'\n{keys}");
        read(&file).unwrap().build(&mut Names::new())
    };
    let client = "client = { id = 'a', tls_client_auth = true }";
    let all = "deadline = '5s'\nconcurrency = 8\nintrospect_issued = true\ndanger_unchecked_binding = true\n\
               subject_issuers = ['https://other.example']\ntoken_endpoint = 'https://idp.example/token'\n\
               cache = { bytes = 1048576, bytes_per_subject = 65536, entries_per_subject = 8, lifetime = '5m' }";
    of(&format!("{client}\n{all}")).unwrap();
    for (keys, field) in [
        ("", "issuer"),
        ("client = { id = 'a' }", "client"),
        (
            "client = { id = 'a', tls_client_auth = true, issuer = 'https://other.example' }",
            "client.issuer",
        ),
        (&format!("{client}\ndeadline = '2m'"), "deadline"),
        (&format!("{client}\nconcurrency = 0"), "concurrency"),
        (
            &format!("{client}\ncache = {{ lifetime = '25h' }}"),
            "cache.lifetime",
        ),
        (
            &format!("{client}\ntoken_endpoint = 'http://idp.example/token'"),
            "token_endpoint",
        ),
        (&format!("{client}\ndialect = 'none'"), "dialect"),
    ] {
        let error = of(keys).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
    }
    for unread in [
        "audience = 'b'",
        "dialect = { require_user = false }",
        "dialect = { user_only = true }",
        "cache = { byte = 1 }",
        "deadline = 5",
    ] {
        read(&format!("issuer = 'https://idp.example'\n{unread}")).unwrap_err();
    }
}
