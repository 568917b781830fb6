//! Introspection in a file.

use obo::{Client, ClientSecretBasic};
use obo_config::{ResourceServerConfig, Setup};
use obo_testkit::{Endpoint, Fault, TestIdp};

fn read(toml: &str) -> Result<ResourceServerConfig, String> {
    toml::from_str(toml).map_err(|error| error.to_string())
}

#[tokio::test]
async fn issuer_may_be_introspected() {
    let idp = TestIdp::start().await;
    idp.client("service-a").secret("s3cret");
    let of = |introspection: &str| {
        let file = format!(
            r#"
            audiences = ["service-a"]
            [[issuers]]
            issuer = "{}"
            introspection = {{ {introspection} }}
            "#,
            idp.issuer(),
        );
        read(&file)
    };
    let client = r#"client = { id = "service-a", client_secret_basic = "s3cret" }"#;
    let good = || idp.user("alice").audience("service-a");
    // Which tokens cause a request: a JWT, an opaque token.
    for (tokens, jwt, opaque) in [
        ("", 1, 1),
        (r#", for = "all_tokens""#, 1, 1),
        (r#", for = "opaque_tokens""#, 0, 1),
        (r#", for = "revocation""#, 1, 0),
    ] {
        let server = of(&format!("{client}{tokens}"))
            .unwrap()
            .build(&mut Setup::new())
            .unwrap();
        let before = idp.introspection_requests();
        server.validate(&good().mint()).await.unwrap();
        assert_eq!(idp.introspection_requests() - before, jwt, "{tokens}");
        let accepted = server.validate(&good().mint_opaque()).await.is_ok();
        assert_eq!(accepted, opaque == 1, "{tokens}");
        assert_eq!(
            idp.introspection_requests() - before,
            jwt + opaque,
            "{tokens}"
        );
    }

    // The other settings, with a client that the file does not define.
    let known = Client::new("service-a", ClientSecretBasic::new("s3cret"));
    let thin = idp.user("alice").without("exp");
    idp.client("service-a").may_introspect(idp.issuer());
    let dropped = serde_json::json!({ "aud": null, "sub": null });
    idp.fault(Endpoint::Introspection, Fault::Merge(dropped));
    let endpoint = idp.introspection_endpoint();
    let server = of(&format!(
        r#"endpoint = "{endpoint}", max_age = "0s", concurrency = 1, allow_missing_audience = true, allow_missing_expiry = "10s", allow_missing_subject = true"#
    ));
    let server = server
        .unwrap()
        .build(&mut Setup::new().client(known))
        .unwrap();
    let before = (idp.introspection_requests(), idp.discovery_requests());
    let token = thin.mint_opaque();
    for _ in 0..2 {
        let caller = server.validate(&token).await.unwrap();
        assert_eq!(Some(caller.subject()), caller.client_id());
    }
    assert_eq!(idp.introspection_requests(), before.0 + 2);
    assert_eq!(idp.discovery_requests(), before.1);

    let signed = of(&format!("{client}, require_signed = true"))
        .unwrap()
        .build(&mut Setup::new());
    let signed = signed.unwrap();
    signed.validate(&good().mint_opaque()).await.unwrap();
    assert_eq!(
        idp.requests().last().unwrap().endpoint,
        Some(Endpoint::Jwks)
    );
}

#[test]
fn introspection_mistake_names_path() {
    let of = |introspection: &str| {
        read(&format!(
            r#"
            audiences = ["service-a"]
            issuers = [
                {{ issuer = "https://one.example" }},
                {{ issuer = "https://two.example", introspection = {{ {introspection} }} }},
            ]
            "#
        ))
    };
    let client = r#"client = { id = "service-a", tls_client_auth = true }"#;
    of(client).unwrap().build(&mut Setup::new()).unwrap();
    for (introspection, field) in [
        ("", "client"),
        (r#"client = { id = "a" }"#, "client"),
        (
            r#"client = { id = "a", tls_client_auth = 1 }"#,
            "client.tls_client_auth",
        ),
        (
            r#"client = { id = "", tls_client_auth = true }"#,
            "client.id",
        ),
        (&format!(r#"{client}, max_age = "2h""#), "max_age"),
        (&format!("{client}, concurrency = 0"), "concurrency"),
        (
            &format!(r#"{client}, allow_missing_expiry = "0s""#),
            "allow_missing_expiry",
        ),
        (
            &format!(r#"{client}, allow_missing_expiry = "25h""#),
            "allow_missing_expiry",
        ),
        (
            &format!(r#"{client}, endpoint = "http://two.example/introspect""#),
            "endpoint",
        ),
    ] {
        let error = of(introspection)
            .unwrap()
            .build(&mut Setup::new())
            .unwrap_err();
        assert_eq!(error.field(), format!("issuers[1].introspection.{field}"));
    }
    for unread in ["for = \"some\"", "max_age = 3", "secret = \"s\""] {
        of(&format!("{client}, {unread}")).unwrap_err();
    }
    let twice = read(&format!(
        r#"
        audiences = ["service-a"]
        issuers = [
            {{ issuer = "https://one.example", introspection = {{ {client} }} }},
            {{ issuer = "https://two.example", introspection = {{ {client} }} }},
        ]
        "#
    ));
    let error = twice.unwrap().build(&mut Setup::new()).unwrap_err();
    assert_eq!(error.field(), "issuers[1].introspection");
}

#[test]
fn file_client_belongs_to_one_issuer() {
    let of = |second: &str| {
        let file = read(&format!(
            r#"
            audiences = ["service-a"]
            issuers = [
                {{ issuer = "https://one.example", introspection = {{}} }},
                {{ issuer = "https://two.example", introspection = {{ for = "revocation" {second} }} }},
            ]
            "#
        ));
        let client = Client::new("service-a", ClientSecretBasic::new("s3cret"));
        file.unwrap().build(&mut Setup::new().client(client))
    };
    let error = of("").unwrap_err();
    assert_eq!(error.field(), "issuers[1].introspection.client");
    of(r#", client = { id = "service-a", tls_client_auth = true }"#).unwrap();
}
