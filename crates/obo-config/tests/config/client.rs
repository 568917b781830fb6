//! A client in a file works like the same client in code, and errors name every mistake.

use std::fs;
use std::path::Path;

use obo::ConfigError;
use obo::client::{Attempt, Authenticating, ClientAuth};
use obo::token_endpoint::TokenRequest;
use obo_config::{ClientConfig, Settings, Setup as Names};
use obo_testkit::{Recorded, TestAlg, TestKey};
use serde::Deserialize;

use crate::setup::{SECRET, Setup, file, methods, part, token};

/// A configuration of a service with a client in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    client: ClientConfig,
}

fn read(method: &str) -> ClientConfig {
    let text = format!("[client]\nid = \"service-a\"\n{method}");
    let config: Config = toml::from_str(&text).unwrap();
    config.client
}

/// The request of one exchange by the configured client.
async fn token_request(setup: &Setup, method: &str) -> Recorded {
    let client = read(method).build(&Names::new()).unwrap();
    token(setup, &client).await.unwrap();
    setup.token_request()
}

fn quoted(path: &Path) -> String {
    format!("{:?}", path.to_str().unwrap())
}

#[tokio::test]
async fn secret_is_text_file_or_variable() {
    let setup = Setup::start().await;
    let path = file("configured-secret", SECRET.as_bytes());
    for (method, used) in [
        ("client_secret_basic", "basic"),
        ("client_secret_post", "post"),
    ] {
        for value in [
            format!("{SECRET:?}"),
            format!("{{ file = {} }}", quoted(&path)),
            r#"{ env = "CARGO_PKG_NAME" }"#.to_owned(),
        ] {
            let secret = if value.contains("env") {
                env!("CARGO_PKG_NAME")
            } else {
                SECRET
            };
            setup.idp.client("service-a").secret(secret);
            let token_request = token_request(&setup, &format!("{method} = {value}")).await;
            assert_eq!(methods(&token_request), [used]);
        }
    }
}

/// CA-11
#[tokio::test]
async fn mac_secret_may_set_algorithm() {
    let setup = Setup::start().await;
    let secret = "s".repeat(64);
    setup.idp.client("service-a").secret(&secret);
    let path = quoted(&file("configured-mac-secret", secret.as_bytes()));
    for (value, alg) in [
        (format!("{secret:?}"), "HS256"),
        (format!("{{ file = {path} }}"), "HS256"),
        (format!("{{ file = {path}, alg = \"HS512\" }}"), "HS512"),
    ] {
        let token_request = token_request(&setup, &format!("client_secret_jwt = {value}")).await;
        let header = part(token_request.param("client_assertion").unwrap(), 0);
        assert_eq!(header["alg"], alg);
    }
}

/// CA-12
#[tokio::test]
async fn key_file_is_pem_or_jwk() {
    let setup = Setup::start().await;
    let key = TestKey::generate(TestAlg::Es256);
    setup.idp.client("service-a").jwk(key.public_jwk("k1"));
    let pem = quoted(&file("configured.pem", key.private_pem().as_bytes()));
    let jwk = key.private_jwk("k1").to_string();
    let jwk = quoted(&file("configured.jwk", jwk.as_bytes()));
    for value in [
        format!("{{ key = {pem}, alg = \"ES256\", kid = \"k1\" }}"),
        format!("{{ key = {{ file = {jwk} }}, alg = \"ES256\" }}"),
    ] {
        let token_request = token_request(&setup, &format!("private_key_jwt = {value}")).await;
        let header = part(token_request.param("client_assertion").unwrap(), 0);
        assert_eq!(
            (&header["kid"], &header["x5t#S256"]),
            (&"k1".into(), &().into())
        );
    }
    let certificate = key.public_pem().replace("PUBLIC KEY", "CERTIFICATE");
    let certificate = quoted(&file("configured-cert.pem", certificate.as_bytes()));
    setup.idp.client("service-a").audience_token_endpoint();
    let token_request = token_request(
        &setup,
        &format!(
            "private_key_jwt = {{ key = {pem}, alg = \"ES256\", certificate = {certificate}, \
             plain_typ = true, danger_audience_token_endpoint = true }}"
        ),
    )
    .await;
    let header = part(token_request.param("client_assertion").unwrap(), 0);
    assert_eq!(header["typ"], "JWT");
    assert_eq!(header["x5t#S256"].as_str().unwrap().len(), 43);
}

/// CA-15, SP-01
#[tokio::test]
async fn platform_assertion_comes_from_file() {
    let setup = Setup::start().await;
    let key = TestKey::generate(TestAlg::Es256);
    let id = "spiffe://corp.example/a";
    setup
        .idp
        .client("service-a")
        .workload(id, key.public_jwk("p"));
    let token = setup.idp.service("x").without("client_id").kid(None);
    let token = token.claim("sub", id).audience(setup.idp.issuer());
    let path = file("configured-svid", b"");
    let quoted = quoted(&path);
    std::fs::write(&path, token.sign_with(&key).mint()).unwrap();
    for (more, kind, named) in [
        ("", "jwt-bearer", 0),
        (
            ", type = \"jwt-bearer\", with_client_id = true",
            "jwt-bearer",
            1,
        ),
        (", type = \"jwt-spiffe\"", "jwt-spiffe", 0),
    ] {
        let method = format!("client_assertion_file = {{ file = {quoted}{more} }}");
        let token_request = token_request(&setup, &method).await;
        let assertion_type = token_request.param("client_assertion_type").unwrap();
        let expected = format!("urn:ietf:params:oauth:client-assertion-type:{kind}");
        assert_eq!(assertion_type, expected);
        assert_eq!(token_request.params("client_id").len(), named);
    }
}

/// MT-06
#[test]
fn mtls_methods_have_no_settings() {
    for method in ["tls_client_auth", "self_signed_tls_client_auth"] {
        let client = read(&format!("{method} = true"))
            .build(&Names::new())
            .unwrap();
        assert_eq!(client.id(), "service-a");
        for wrong in ["false", "\"cert.pem\"", "{}"] {
            let error = read(&format!("{method} = {wrong}"))
                .build(&Names::new())
                .unwrap_err();
            assert_eq!(error.field(), method, "{error}");
        }
    }
}

fn error(config: &str) -> ConfigError {
    let config: ClientConfig = toml::from_str(config).unwrap();
    config.build(&Names::new()).unwrap_err()
}

/// CA-02
#[test]
fn client_has_exactly_one_method() {
    let none = error("id = \"a\"");
    assert_eq!(none.field(), "client");
    assert!(none.to_string().contains("private_key_jwt"), "{none}");
    let two = error("id = \"a\"\nclient_secret_basic = \"x\"\ntls_client_auth = true");
    assert_eq!(two.field(), "tls_client_auth");
    let unknown = error("id = \"a\"\nclient_secret_basic = \"x\"\nsecret = \"s3cret-value\"");
    assert_eq!(unknown.field(), "secret");
    assert!(!unknown.to_string().contains("s3cret-value"), "{unknown}");
    assert_eq!(
        error("id = \"\"\nclient_secret_basic = \"x\"").field(),
        "id"
    );
    let without_id = toml::from_str::<ClientConfig>("client_secret_basic = \"x\"");
    assert!(
        without_id
            .unwrap_err()
            .to_string()
            .contains("missing field `id`")
    );
}

/// CA-16
#[test]
fn mistake_names_path_without_value() {
    let pem = quoted(&file(
        "error.pem",
        TestKey::generate(TestAlg::Es256).private_pem().as_bytes(),
    ));
    let cert = TestKey::generate(TestAlg::Es256).public_pem();
    let cert = quoted(&file(
        "error-cert.pem",
        cert.replace("PUBLIC KEY", "CERTIFICATE").as_bytes(),
    ));
    for (method, field, problem) in [
        (
            "client_secret_basic = 1234567890",
            "client_secret_basic",
            "expected a string or a table",
        ),
        (
            "client_secret_basic = \"\"",
            "client_secret_basic",
            "is empty",
        ),
        (
            "client_secret_post = {}",
            "client_secret_post",
            "either `file` or `env`",
        ),
        (
            "client_secret_post = { file = \"a\", env = \"B\" }",
            "client_secret_post",
            "either",
        ),
        (
            "client_secret_post = { value = \"s3cret-value\" }",
            "client_secret_post.value",
            "unknown field `value`",
        ),
        (
            "client_secret_post = { file = \"no-such\" }",
            "client_secret_post.file",
            "cannot be read",
        ),
        (
            "client_secret_post = { file = [\"s3cret-value\"] }",
            "client_secret_post.file",
            "expected",
        ),
        (
            "client_secret_post = { env = \"OBO_NO_SUCH\" }",
            "client_secret_post.env",
            "is not set",
        ),
        (
            "client_secret_jwt = \"s3cret-value\"",
            "client_secret_jwt",
            "too short",
        ),
        (
            "client_secret_jwt = { env = \"HOME\", alg = \"RS256\" }",
            "client_secret_jwt.alg",
            "unknown algorithm \"RS256\"; known: HS256",
        ),
        (
            "private_key_jwt = \"s3cret-value\"",
            "private_key_jwt",
            "expected a table",
        ),
        (
            "private_key_jwt = { alg = \"ES256\" }",
            "private_key_jwt",
            "missing field `key`",
        ),
        (
            "private_key_jwt = { key = \"no-such.pem\", alg = \"ES256\" }",
            "private_key_jwt.key",
            "cannot be read",
        ),
        (
            "private_key_jwt = { key = \"-----BEGIN PRIVATE KEY----- s3cret-value\", alg = \"ES256\" }",
            "private_key_jwt.key",
            "must be the name of a file",
        ),
        (
            "private_key_jwt = { key = '{\"d\":\"s3cret-value\"}', alg = \"ES256\" }",
            "private_key_jwt.key",
            "must be the name of a file",
        ),
        (
            "client_assertion_file = { file = \"eyJhIjoxfQ.s3cret-value.eyJhIjoxfQ\" }",
            "client_assertion_file.file",
            "must be the name of a file",
        ),
        (
            "client_assertion_file = { file = \"no-such-token\" }",
            "client_assertion_file.file",
            "no-such-token cannot be read",
        ),
        (
            "client_assertion_file = { file = \"t\", type = \"jwt-spiffe\", audience = \"x\" }",
            "client_assertion_file.audience",
            "requires type `jwt-bearer`",
        ),
        (
            "private_key_jwt = { key = { file = \"no-such.pem\" }, alg = \"ES256\" }",
            "private_key_jwt.key.file",
            "cannot be read",
        ),
        (
            "private_key_jwt = { key = { env = \"OBO_NO_SUCH\" }, alg = \"ES256\" }",
            "private_key_jwt.key.env",
            "is not set",
        ),
        (
            "client_secret_basic = { env = \"s3cret-value\" }",
            "client_secret_basic.env",
            "of that name is not set",
        ),
        (
            "private_key_jwt = { key = PEM, alg = \"RS256\" }",
            "private_key_jwt.key",
            "not a PEM private key for RS256",
        ),
        (
            "private_key_jwt = { key = PEM, alg = \"HS256\" }",
            "private_key_jwt.alg",
            "unknown algorithm \"HS256\"; known: RS256",
        ),
        (
            "private_key_jwt = { key = PEM, alg = \"ES256\", certificate = PEM }",
            "private_key_jwt.certificate",
            "not a PEM certificate",
        ),
        (
            "private_key_jwt = { key = PEM, alg = \"ES256\", certificate = CERT }",
            "private_key_jwt.certificate",
            "does not belong to the private key",
        ),
        (
            "private_key_jwt = { key = PEM, alg = \"ES256\", password = \"s3cret-value\" }",
            "private_key_jwt.password",
            "unknown field",
        ),
        (
            "client_assertion_file = \"s3cret-value\"",
            "client_assertion_file",
            "expected a table",
        ),
        (
            "client_assertion_file = { file = \"t\", type = \"s3cret-value\" }",
            "client_assertion_file.type",
            "expected `jwt-bearer` or `jwt-spiffe`",
        ),
        (
            "client_assertion_file = { path = \"t\" }",
            "client_assertion_file.path",
            "unknown field",
        ),
    ] {
        let method = method.replace("PEM", &pem).replace("CERT", &cert);
        let error = error(&format!("id = \"a\"\n{method}"));
        let message = error.to_string();
        assert_eq!(error.field(), field, "{message}");
        assert!(message.contains(problem), "{message}");
        assert!(
            !message.contains("s3cret-value") && !message.contains("1234567890"),
            "{message}"
        );
    }
}

/// CA-16
#[test]
fn config_debug_hides_secret() {
    let config = read("client_secret_basic = \"s3cret-value\"");
    for message in [format!("{config:?}"), format!("{config:#?}")] {
        assert!(message.contains("service-a") && message.contains("client_secret_basic"));
        assert!(!message.contains("s3cret-value"), "{message}");
    }
}

#[tokio::test]
async fn replaced_jwk_file_brings_new_kid() {
    let setup = Setup::start().await;
    let keys = [
        TestKey::generate(TestAlg::Es256),
        TestKey::generate(TestAlg::Es256),
    ];
    let path = file("replaced.jwk", b"");
    let write = |n: usize| {
        let kid = format!("k{n}");
        fs::write(&path, keys[n].private_jwk(&kid).to_string()).unwrap();
        setup.idp.client("service-a").without_keys();
        setup.idp.client("service-a").jwk(keys[n].public_jwk(&kid));
    };
    write(0);
    let method = format!(
        "private_key_jwt = {{ key = {}, alg = \"ES256\" }}",
        quoted(&path)
    );
    let client = read(&method).build(&Names::new()).unwrap();
    for n in [0, 1, 1, 0] {
        write(n);
        token(&setup, &client).await.unwrap();
        let header = part(setup.token_request().param("client_assertion").unwrap(), 0);
        assert_eq!(header["kid"], format!("k{n}"));
    }
}

#[tokio::test]
async fn key_waits_for_its_certificate() {
    let setup = Setup::start().await;
    let keys = [
        TestKey::generate(TestAlg::Es256),
        TestKey::generate(TestAlg::Es256),
    ];
    for key in &keys {
        setup.idp.client("service-a").jwk(key.public_jwk("k"));
    }
    let certificate = |key: &TestKey| key.public_pem().replace("PUBLIC KEY", "CERTIFICATE");
    let pem = file("with-cert.pem", keys[0].private_pem().as_bytes());
    let cert = file("with-key.pem", certificate(&keys[0]).as_bytes());
    let method = format!(
        "private_key_jwt = {{ key = {}, alg = \"ES256\", certificate = {} }}",
        quoted(&pem),
        quoted(&cert),
    );
    let client = read(&method).build(&Names::new()).unwrap();
    let mut thumbprints = Vec::new();
    for step in 0..3 {
        match step {
            1 => fs::write(&pem, keys[1].private_pem()).unwrap(),
            2 => fs::write(&cert, certificate(&keys[1])).unwrap(),
            _ => {}
        }
        token(&setup, &client).await.unwrap();
        let header = part(setup.token_request().param("client_assertion").unwrap(), 0);
        thumbprints.push(header["x5t#S256"].as_str().unwrap().to_owned());
    }
    assert_eq!(thumbprints[0], thumbprints[1], "the key alone is not used");
    assert_ne!(thumbprints[1], thumbprints[2]);
}

/// A client authentication method of another crate.
#[derive(Debug)]
struct Ticket(String);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TicketSettings {
    office: Office,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Office {
    number: u32,
}

impl Ticket {
    fn of_config(settings: Settings) -> Result<Self, ConfigError> {
        let settings: TicketSettings = settings.read()?;
        match settings.office.number {
            0 => Err(ConfigError::new("office.number", "there is no office 0")),
            number => Ok(Self(format!("ticket of office {number}"))),
        }
    }
}

impl ClientAuth for Ticket {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        request.push("client_id", attempt.client_id);
        request.push("client_secret", self.0.as_str());
        Box::pin(std::future::ready(Ok(())))
    }
}

#[tokio::test]
async fn custom_method_is_named_in_file() {
    let setup = Setup::start().await;
    setup.idp.client("service-a").secret("ticket of office 7");
    let names = Names::new().client_auth("ticket", Ticket::of_config);
    let with = |method: &str| read(method).build(&names);
    let client = with("ticket = { office = { number = 7 } }").unwrap();
    token(&setup, &client).await.unwrap();
    assert_eq!(
        setup.token_request().params("client_secret"),
        ["ticket of office 7"]
    );

    for (method, field) in [
        (
            "ticket = { office = { number = 0 } }",
            "ticket.office.number",
        ),
        (
            "ticket = { office = { number = \"s3cret-value\" } }",
            "ticket.office.number",
        ),
        ("ticket = { office = {} }", "ticket.office"),
        ("ticket = {}\ntls_client_auth = true", "tls_client_auth"),
        ("tickets = {}", "tickets"),
    ] {
        let error = with(method).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
        assert!(!error.to_string().contains("s3cret-value"), "{error}");
    }
    let client = with("client_secret_post = \"x\"").unwrap();
    assert_eq!(client.id(), "service-a");
    let unknown = read("ticket = { office = { number = 7 } }").build(&Names::new());
    assert_eq!(unknown.unwrap_err().field(), "ticket");
}

#[cfg(unix)]
#[test]
fn variable_must_be_utf8() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::Command;

    const NAME: &str = "OBO_NOT_UTF8";
    if std::env::var_os(NAME).is_some() {
        let config = read(&format!("client_secret_basic = {{ env = {NAME:?} }}"));
        let error = config.build(&Names::new()).unwrap_err();
        assert_eq!(error.field(), "client_secret_basic.env");
        assert!(error.problem().ends_with("is not UTF-8"), "{error}");
        return;
    }
    // The same test in a process that has the variable.
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "client::variable_must_be_utf8"]);
    child.env(NAME, OsStr::from_bytes(b"s3cret\xff"));
    let output = child.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn issuer_has_one_client() {
    let text = "id = 'a'\nissuer = 'https://idp.example'\ntls_client_auth = true";
    let config = || toml::from_str::<ClientConfig>(text).unwrap();
    let mut setup = Names::new();
    setup.clients(Some(config()), Vec::new()).unwrap();
    let error = setup.clients(None, vec![config()]).unwrap_err();
    assert_eq!(error.field(), "clients[0].issuer");
    let error = setup.clients(Some(config()), Vec::new()).unwrap_err();
    assert_eq!(error.field(), "client.issuer");
    assert!(error.problem().contains("has two clients"), "{error}");
}
