//! A resource server from a file.

use obo::error::TokenError;
use obo::{Rejection, ResourceServer};
use obo_config::{ResourceServerConfig, Setup};
use obo_testkit::{TestAlg, TestIdp};

fn read(toml: &str) -> Result<ResourceServerConfig, String> {
    toml::from_str(toml).map_err(|error| error.to_string())
}

#[tokio::test]
async fn file_sets_every_policy_setting() {
    let (strict, lenient) = tokio::join!(TestIdp::start(), TestIdp::start());
    let server = read(&format!(
        r#"
        audiences = ["service-a", "https://a.example"]
        [[issuers]]
        issuer = "{}"
        [[issuers]]
        issuer = "{}"
        profile = "lenient"
        audiences = ["other-name"]
        algorithms = ["ES256"]
        leeway = "5s"
        max_token_age = "10m"
        jwks_uri = "{}"
        cooldown = "10s"
        max_age = "2m"
        stale_if_error = "1h"
        "#,
        strict.issuer(),
        lenient.issuer(),
        lenient.jwks_uri(),
    ));
    let server = server.unwrap().build(&mut Setup::new()).unwrap();
    let refused = |rejection: Rejection| match rejection {
        Rejection::Token(error) => error.code(),
        other => panic!("{other}"),
    };
    for audience in ["service-a", "https://a.example"] {
        let token = strict.user("alice").audience(audience);
        server.validate(&token.mint()).await.unwrap();
        let plain = token.typ(Some("JWT")).mint();
        let refusal = server.validate(&plain).await.map_err(refused);
        assert_eq!(refusal.unwrap_err(), "wrong_type");
    }
    let token = || {
        lenient
            .user("alice")
            .audience("other-name")
            .typ(Some("JWT"))
    };
    let es256 = token().alg(TestAlg::Es256);
    server.validate(&es256.mint()).await.unwrap();
    let old = obo::time::Clock::system().now().as_secs() - 606;
    for (token, code) in [
        (token(), "algorithm_not_allowed"),
        (token().alg(TestAlg::Es256).expires_in(-6), "expired"),
        (token().alg(TestAlg::Es256).claim("iat", old), "too_old"),
        (
            lenient
                .user("alice")
                .audience("service-a")
                .alg(TestAlg::Es256),
            "wrong_audience",
        ),
    ] {
        let refusal = server.validate(&token.mint()).await.map_err(refused);
        assert_eq!(refusal.unwrap_err(), code);
    }
    assert_eq!(lenient.discovery_requests(), 0);
    let elsewhere = strict.user("alice").issuer("https://else.example").mint();
    let refusal = server.validate(&elsewhere).await.unwrap_err();
    assert!(matches!(
        refusal,
        Rejection::Token(TokenError::UnknownIssuer { .. })
    ));
}

#[test]
fn duration_without_unit_names_the_fix() {
    let error = read("audiences = ['a']\nissuers = [{ issuer = 'https://h', leeway = 60 }]");
    let error = error.unwrap_err();
    assert!(
        error.contains(
            "\"60\" is not a duration, because it has no unit; write one such as \"60s\""
        ),
        "{error}"
    );
    let exchange: Result<obo_config::ExchangeConfig, _> =
        toml::from_str("issuer = 'https://h'\ncache.lifetime = 0");
    let error = exchange.unwrap_err().to_string();
    assert!(
        error.contains("\"0\" is not a duration, because"),
        "{error}"
    );
}

#[tokio::test]
async fn every_format_builds_same_server() {
    let idp = TestIdp::start().await;
    let (issuer, jwks_uri) = (idp.issuer(), idp.jwks_uri());
    let yaml = format!(
        "
        audiences: [service-a, 'https://a.example']
        issuers:
          - issuer: {issuer}
            profile: lenient
            algorithms: [ES256]
            leeway: 5s
            jwks_uri: {jwks_uri}
            max_age: 2m
            lazy: false
          # A second one, with the defaults.
          - issuer: https://other.example
        "
    );
    let json = serde_json::json!({
        "audiences": ["service-a", "https://a.example"],
        "issuers": [
            {
                "issuer": issuer,
                "profile": "lenient",
                "algorithms": ["ES256"],
                "leeway": "5s",
                "jwks_uri": jwks_uri,
                "max_age": "2m",
                "lazy": false,
            },
            { "issuer": "https://other.example" },
        ],
    });
    let of_yaml: ResourceServerConfig = serde_saphyr::from_str(&yaml).unwrap();
    let of_json: ResourceServerConfig = serde_json::from_str(&json.to_string()).unwrap();
    assert_eq!(format!("{of_yaml:?}"), format!("{of_json:?}"));
    let [of_yaml, of_json] =
        [of_yaml, of_json].map(|config| config.build(&mut Setup::new()).unwrap());
    assert_eq!(format!("{of_yaml:?}"), format!("{of_json:?}"));
    let token = || idp.user("alice").audience("service-a").typ(Some("JWT"));
    for server in [of_yaml, of_json] {
        let server = server.start().await.unwrap();
        assert!(server.key_status().next().unwrap().is_usable());
        let es256 = token().alg(TestAlg::Es256);
        server.validate(&es256.mint()).await.unwrap();
        for bad in [token(), token().alg(TestAlg::Es256).expires_in(-6)] {
            server.validate(&bad.mint()).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn file_sets_profile_settings() {
    let idp = TestIdp::start().await;
    let server = |settings: &str| {
        let issuer = idp.issuer();
        let file = format!(
            "audiences = ['service-a']\nissuers = [{{ issuer = '{issuer}', profile = 'lenient'{settings} }}]"
        );
        read(&file).unwrap().build(&mut Setup::new()).unwrap()
    };
    let token = || idp.user("alice").audience("service-a");
    let by_array = token().claim("scope", serde_json::json!(["b", "a"])).mint();
    let by_client = token()
        .claim("act", serde_json::json!({ "client_id": "service-b" }))
        .mint();
    let plain = token().mint();

    let strict = server("");
    strict.validate(&by_array).await.unwrap_err();
    strict.validate(&by_client).await.unwrap_err();
    let caller = strict.validate(&plain).await.unwrap();
    assert!(caller.current_actor().is_none());

    let scoped = server(", allow_scope_text_or_array = true");
    let caller = scoped.validate(&by_array).await.unwrap();
    assert_eq!(caller.scope(), &obo::Scope::new(["a", "b"]).unwrap());
    let by_actor = server(", allow_actor_without_subject = true");
    let caller = by_actor.validate(&by_client).await.unwrap();
    assert_eq!(caller.current_actor().unwrap().subject(), "service-b");
    let by_client = server(", allow_client_as_actor = true");
    let caller = by_client.validate(&plain).await.unwrap();
    assert_eq!(
        caller
            .current_actor()
            .map(obo::caller::CurrentActor::subject),
        caller.client_id()
    );
    assert!(caller.client_id().is_some());
}

#[test]
fn mistake_is_located_in_every_format() {
    let yaml = |text: &str| serde_saphyr::from_str::<ResourceServerConfig>(text).map(drop);
    let json = |text: &str| serde_json::from_str::<ResourceServerConfig>(text).map(drop);
    let issuer = "issuer: https://idp.example";
    for (file, line, problem) in [
        (
            format!("audiences: [a]\nissuers:\n  - {issuer}\n    audience: a"),
            "line 4",
            "unknown field `audience`",
        ),
        (
            format!("audiences: [a]\nissuers:\n  - {issuer}\nleeway: 1s"),
            "line 4",
            "unknown field `leeway`",
        ),
        (
            format!("audiences: [a]\nissuers:\n  - {issuer}\n    leeway: 30"),
            "line 4",
            "\"30\" is not a duration",
        ),
        (
            format!("audiences: [a]\nissuers:\n  - {issuer}\n    lazy: sometimes"),
            "line 4",
            "bool",
        ),
        (
            format!("audiences: [a]\nissuers:\n  - {issuer}\n    lazy: true\n    lazy: false"),
            "line 5",
            "lazy",
        ),
        (
            "audiences: [a]\nissuers:\n  - issuer: http://idp.example".to_owned(),
            "line 3",
            "plain http",
        ),
    ] {
        let error = yaml(&file).unwrap_err().to_string();
        assert!(error.contains(line) && error.contains(problem), "{error}");
    }
    for (file, line, problem) in [
        (
            "{\"audiences\": [\"a\"],\n\"leeway\": \"1s\"}",
            "line 2",
            "unknown field `leeway`",
        ),
        (
            "{\"audiences\": [\"a\"],\n\"issuers\": [{\"issuer\": \"http://idp.example\"}]}",
            "line 2",
            "plain http",
        ),
    ] {
        let error = json(file).unwrap_err().to_string();
        assert!(error.contains(line) && error.contains(problem), "{error}");
    }
}

#[tokio::test]
async fn start_waits_for_eager_issuers_only() {
    let (up, down) = tokio::join!(TestIdp::start(), TestIdp::start());
    down.stop();
    let build = |of_up: &str, of_down: &str| {
        let file = format!(
            r#"
            audiences = ["service-a"]
            issuers = [
                {{ issuer = "{}"{of_up} }},
                {{ issuer = "{}"{of_down} }},
            ]
            "#,
            up.issuer(),
            down.issuer(),
        );
        read(&file).unwrap().build(&mut Setup::new()).unwrap()
    };
    let fetched = |server: &ResourceServer| -> Vec<_> {
        server
            .key_status()
            .map(|status| status.age().is_some())
            .collect()
    };
    for lazy in ["", ", lazy = true"] {
        let started = build(lazy, lazy).start().await.unwrap();
        assert_eq!(fetched(&started), [false, false]);
        assert!(up.requests().is_empty());
    }
    let started = build(", lazy = false", "").start().await.unwrap();
    assert_eq!(fetched(&started), [true, false]);
    let failed = build("", ", lazy = false").start().await.unwrap_err();
    assert!(matches!(failed, Rejection::Unavailable { .. }));
    assert!(failed.to_string().contains(down.issuer()), "{failed}");
    assert!(!failed.to_string().contains(up.issuer()), "{failed}");

    let by_hand = |server: &TestIdp| {
        let idp = obo::Trust::new(server.issuer()).eager();
        ResourceServer::builder("service-a")
            .trust(idp)
            .build()
            .unwrap()
    };
    let started = by_hand(&up).start().await.unwrap();
    assert_eq!(fetched(&started), [true]);
    assert_eq!(by_hand(&down).start().await.unwrap_err(), failed);
}

/// MD-05
#[test]
fn plain_http_in_file_needs_danger() {
    let file = |keys: &str| format!("audiences = [\"a\"]\nissuers = [{{ {keys} }}]");
    let danger = r#"issuer = { danger_http = "http://idp:8080/t" }"#;
    for keys in [
        danger.to_owned(),
        format!(r#"{danger}, jwks_uri = "http://idp:8080/keys""#),
        r#"issuer = { danger_http = "https://idp.example" }"#.to_owned(),
    ] {
        read(&file(&keys))
            .unwrap()
            .build(&mut Setup::new())
            .unwrap();
    }
    for (keys, problem) in [
        (r#"issuer = "http://idp:8080/t""#, "plain http"),
        (r#"issuer = "http://idp:8080/t""#, "danger_http"),
        (r#"issuer = {}"#, "danger_http"),
        (r#"issuer = { danger_http = 7 }"#, "string"),
        (r#"issuer = { danger_http = "ftp://idp" }"#, "ftp"),
        (r#"issuer = { http = "http://idp" }"#, "danger_http"),
        (
            r#"issuer = { danger_http = "http://idp", more = "x" }"#,
            "danger_http",
        ),
        (r#"issuer = 7"#, "danger_http"),
    ] {
        let error = read(&file(keys)).unwrap_err().to_string();
        assert!(
            error.contains(problem) && error.contains("line 2"),
            "{error}"
        );
    }
    let keys = r#"issuer = "https://idp.example", jwks_uri = "http://idp.example/keys""#;
    let error = read(&file(keys))
        .unwrap()
        .build(&mut Setup::new())
        .unwrap_err();
    assert_eq!(error.field(), "issuers[0].jwks_uri");
    let in_yaml = "audiences: [a]\nissuers:\n  - issuer: { danger_http: 'http://idp' }";
    let of_yaml: ResourceServerConfig = serde_saphyr::from_str(in_yaml).unwrap();
    of_yaml.build(&mut Setup::new()).unwrap();
    let in_json = r#"{"audiences":["a"],"issuers":[{"issuer":{"danger_http":"http://idp"}}]}"#;
    let of_json: ResourceServerConfig = serde_json::from_str(in_json).unwrap();
    of_json.build(&mut Setup::new()).unwrap();
}

#[test]
fn invalid_value_is_located() {
    let issuer = r#"issuer = "https://idp.example""#;
    for (file, place, problem) in [
        (
            r#"audiences = [""]"#.to_owned(),
            "line 1",
            "audience: is empty",
        ),
        ("audiences = 7".to_owned(), "line 1", "expected a sequence"),
        (
            "audiences = [\"a\"]\nissuers = [{ issuer = \"http://idp.example\" }]".to_owned(),
            "line 2",
            "plain http",
        ),
        (
            format!("audiences = [\"a\"]\nissuers = [{{ {issuer}, algorithms = [\"HS256\"] }}]"),
            "line 2",
            "unknown algorithm \"HS256\"; known: RS256",
        ),
        (
            format!("audiences = [\"a\"]\nissuers = [{{ {issuer}, leeway = \"soon\" }}]"),
            "line 2",
            "\"soon\" is not a duration",
        ),
        (
            format!("audiences = [\"a\"]\nissuers = [{{ {issuer}, audience = \"a\" }}]"),
            "line 2",
            "unknown field `audience`",
        ),
        (
            format!("audiences = [\"a\"]\nissuers = [{{ {issuer} }}]\nleeway = \"1s\""),
            "line 3",
            "unknown field `leeway`",
        ),
        ("issuers = []".to_owned(), "", "missing field `audiences`"),
        (
            "audiences = [\"a\"]".to_owned(),
            "",
            "missing field `issuers`",
        ),
    ] {
        let error = read(&file).unwrap_err();
        assert!(error.contains(place) && error.contains(problem), "{error}");
    }
}

#[test]
fn unknown_profile_is_named_by_path() {
    for profile in ["\"strict\"", "{ base = \"strict\" }"] {
        let file = format!(
            "audiences = [\"a\"]\nissuers = [{{ issuer = \"https://idp.example\", profile = {profile} }}]"
        );
        let error = read(&file).unwrap().build(&mut Setup::new()).unwrap_err();
        assert_eq!(error.field(), "issuers[0].profile");
        let problem = "unknown profile \"strict\", expected one of rfc9068, lenient";
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn conflicting_values_name_their_path() {
    let idp = r#"issuer = "https://idp.example""#;
    let other = r#"issuer = "https://other.example""#;
    for (audiences, issuers, field) in [
        ("", format!("{{ {idp} }}"), "audiences"),
        ("\"a\"", String::new(), "issuers"),
        (
            "\"a\"",
            format!("{{ {idp} }}, {{ {idp} }}"),
            "issuers[1].issuer",
        ),
        (
            "\"a\"",
            format!("{{ {idp} }}, {{ {other}, audiences = [] }}"),
            "issuers[1].audiences",
        ),
        (
            "\"a\"",
            format!("{{ {idp}, algorithms = [] }}"),
            "issuers[0].algorithms",
        ),
        (
            "\"a\"",
            format!("{{ {idp}, leeway = \"301s\" }}"),
            "issuers[0].leeway",
        ),
        (
            "\"a\"",
            format!("{{ {idp}, max_token_age = \"0s\" }}"),
            "issuers[0].max_token_age",
        ),
        (
            "\"a\"",
            format!("{{ {idp}, max_age = \"1s\" }}"),
            "issuers[0].max_age",
        ),
        (
            "\"a\"",
            format!("{{ {idp}, jwks_uri = \"http://idp.example/jwks\" }}"),
            "issuers[0].jwks_uri",
        ),
    ] {
        let file = format!("audiences = [{audiences}]\nissuers = [{issuers}]");
        let error = read(&file).unwrap().build(&mut Setup::new()).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
    }
}

#[test]
fn former_keys_are_still_read() {
    let config = |keys: &str| {
        let file = format!(
            "audiences = [\"service-a\"]\n[[issuers]]\nissuer = \"https://idp.example.com\"\n{keys}"
        );
        toml::from_str::<ResourceServerConfig>(&file).unwrap()
    };
    let former = config(
        "client_is_actor = true\nscope_text_or_array = true\n[issuers.introspection]\nsigned = true\n\
         accepts_missing_audience = true\naccepts_missing_expiry = \"60s\"\naccepts_missing_subject = true",
    );
    let current = config(
        "allow_client_as_actor = true\nallow_scope_text_or_array = true\n[issuers.introspection]\n\
         require_signed = true\nallow_missing_audience = true\nallow_missing_expiry = \"60s\"\n\
         allow_missing_subject = true",
    );
    assert_eq!(former, current);
    assert_ne!(former, config(""));
}
