//! The table `audit`.

use std::fs;

use obo::audit::PseudonymKey;
use obo::{Caller, ConfigError};
use obo_config::{Config, Setup};
use obo_testkit::TestIdp;

const KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn file(issuer: &str, audit: &str) -> String {
    format!(
        r#"
        audit = {audit}
        [resource_server]
        audiences = ["service-a"]
        issuers = [{{ issuer = "{issuer}" }}]
        "#
    )
}

async fn caller(idp: &TestIdp, audit: &str) -> Caller {
    let config: Config = toml::from_str(&file(idp.issuer(), audit)).unwrap();
    let built = config.build(&mut Setup::new()).unwrap();
    let token = idp.user("alice").audience("service-a").mint();
    built.resource_server.validate(&token).await.unwrap()
}

fn error(audit: &str) -> ConfigError {
    let config: Config = toml::from_str(&file("https://idp.example", audit)).unwrap();
    config.build(&mut Setup::new()).unwrap_err()
}

/// OB-06
#[tokio::test]
async fn pseudonym_key_is_read_from_file() {
    let idp = TestIdp::start().await;
    let path = format!("{}/pseudonym-key", env!("CARGO_TARGET_TMPDIR"));
    fs::write(&path, format!("{KEY}\n")).unwrap();
    let (by_file, by_text) = (
        caller(
            &idp,
            &format!(r#"{{ pseudonym_key = {{ file = "{path}" }} }}"#),
        )
        .await,
        caller(&idp, &format!(r#"{{ pseudonym_key = "{KEY}" }}"#)).await,
    );
    let expected = PseudonymKey::new([7; 32]).of(&by_file);
    for caller in [by_file, by_text] {
        let subjects = caller.audit_subjects();
        assert_eq!(subjects.key().unwrap().of(&caller), expected);
        assert!(!subjects.is_plain());
    }
}

/// OB-03
#[tokio::test]
async fn subjects_are_plain_on_request() {
    let idp = TestIdp::start().await;
    let plain = caller(&idp, "{ plain_subjects = true }").await;
    assert!(plain.audit_subjects().is_plain());
    assert!(plain.audit_subjects().key().is_none());
    let default = caller(&idp, "{}").await;
    assert!(!default.audit_subjects().is_plain());
}

/// OB-01
#[test]
fn wrong_key_is_named_not_quoted() {
    let wrong = error(r#"{ pseudonym_key = "s3cret" }"#);
    assert_eq!(wrong.field(), "audit.pseudonym_key");
    assert!(!wrong.to_string().contains("s3cret"), "{wrong}");
    let absent = error(r#"{ pseudonym_key = { file = "/no/such/key" } }"#);
    assert_eq!(absent.field(), "audit.pseudonym_key.file");
}
