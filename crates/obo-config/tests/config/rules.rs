//! Rules from a file.

use http::Method;
use obo::bearer::PublicPaths;
use obo::{Caller, Issuer, Rejection};
use obo_config::{RulesConfig, Settings};

use crate::setup::{Setup, issuer};

const FILE: &str = r#"
    [[rules]]
    path = "/orders"
    methods = ["GET", "POST"]
    scopes = ["a"]

    [[rules]]
    path = "/admin"
    roles = ["admin"]

    [[rules]]
    path = "/teams/{team}"
    groups = ["staff"]
    entitlements = ["seat"]
    clients = ["web"]

    [[rules]]
    path = "/acting"
    actors = ["svc-a"]
    require_actor = true

    [[rules]]
    path = "/listed"
    actors = ["svc-a"]

    [[rules]]
    path = "/either"
    any_of = [{ scopes = ["none"] }, { subjects = ["alice"], kind = "user" }]

    [[rules]]
    path = "/service"
    kind = "service"

    [[rules]]
    path = "/fresh"
    acr = ["gold"]
    max_age = "5m"

    [[rules]]
    path = "/any"

    [[rules]]
    path = "/docs"
    public = true
"#;

fn read(file: &str) -> RulesConfig {
    #[derive(serde::Deserialize)]
    struct File {
        rules: RulesConfig,
    }
    toml::from_str::<File>(file).unwrap().rules
}

async fn callers(setup: &Setup) -> [Caller; 3] {
    let alice = || setup.idp.user("alice").audience("service-a").scope("a b");
    let acting = alice().actor("svc-b").mint();
    let list = |name: &str| serde_json::json!([name]);
    let member = alice().client_id("web").claim("groups", list("staff"));
    let member = member.claim("entitlements", list("seat")).mint();
    let service = setup.idp.service("svc-c").audience("service-a").mint();
    [
        setup.validated(&member).await,
        setup.validated(&acting).await,
        setup.validated(&service).await,
    ]
}

#[tokio::test]
async fn file_configures_access_rules() {
    let setup = Setup::start().await;
    let rules = read(FILE).build(&[issuer(&setup.idp)]).unwrap();
    assert_eq!(rules.public_paths(), PublicPaths::new(["/docs"]).unwrap());
    let [alice, acting, service] = callers(&setup).await;
    for (method, path, may) in [
        (Method::GET, "/orders", [true, true, false]),
        (Method::PUT, "/orders", [false; 3]),
        (Method::GET, "/admin", [false; 3]),
        (Method::GET, "/teams/7", [true, false, false]),
        (Method::GET, "/acting", [false; 3]),
        (Method::GET, "/listed", [true, false, true]),
        (Method::GET, "/either", [true, true, false]),
        (Method::GET, "/service", [false, false, true]),
        (Method::GET, "/fresh", [false; 3]),
        (Method::GET, "/any", [true; 3]),
        (Method::GET, "/unlisted", [false; 3]),
    ] {
        for (caller, may) in [&alice, &acting, &service].into_iter().zip(may) {
            let checked = rules.check(&method, path, caller);
            assert_eq!(checked.is_ok(), may, "{path} {}", caller.subject());
        }
        let none: Option<&Caller> = None;
        let checked = rules.check(&method, path, none);
        assert_eq!(checked.unwrap_err(), Rejection::MissingCredentials);
    }
    let none: Option<&Caller> = None;
    rules.check(&Method::GET, "/docs", none).unwrap();
}

#[tokio::test]
async fn otherwise_covers_all_other_paths() {
    let setup = Setup::start().await;
    let file = "[[rules]]\npath = '/orders'\n[[rules]]\notherwise = true\nscopes = ['a']";
    let rules = read(file).build(&[issuer(&setup.idp)]).unwrap();
    let [alice, _, service] = callers(&setup).await;
    rules.check(&Method::GET, "/else", &alice).unwrap();
    let rejection = rules.check(&Method::GET, "/else", &service);
    assert!(matches!(
        rejection,
        Err(Rejection::InsufficientScope { .. })
    ));
}

#[test]
fn rule_mistake_names_path() {
    let trusted = [Issuer::new("https://idp.example").unwrap()];
    for (rule, field) in [
        ("", "path"),
        ("path = '/b', scopes = []", "scopes"),
        ("path = '/b', scopes = ['a b']", "scopes"),
        ("path = '/b', scopes = 'a'", "scopes"),
        ("path = '/b', roles = []", "roles"),
        ("path = '/b', groups = []", "groups"),
        ("path = '/b', entitlements = ['']", "entitlements"),
        ("path = '/b', clients = []", "clients"),
        ("path = '/b', actors = [7]", "actors[0]"),
        ("path = '/b', subjects = []", "subjects"),
        ("path = '/b', issuers = []", "issuers"),
        (
            "path = '/b', issuers = ['https://other.example']",
            "issuers",
        ),
        ("path = '/b', acr = ['a b']", "acr"),
        ("path = '/b', max_age = 5", "max_age"),
        ("path = '/b', kind = 'robot'", "kind"),
        ("path = '/b', any_of = []", "any_of"),
        ("path = '/b', any_of = [{}]", "any_of[0]"),
        ("path = '/b', any_of = [{ roles = [] }]", "any_of[0].roles"),
        ("path = '/b', public = true, scopes = ['a']", "public"),
        ("path = '/b', otherwise = true", "otherwise"),
        ("otherwise = true, public = true", "otherwise"),
        ("path = '/b', methods = []", "methods"),
        ("path = 'GET /b'", "path"),
        ("path = '/b', scope = ['a']", "scope"),
    ] {
        let file = format!("rules = [{{ path = '/a' }}, {{ {rule} }}]");
        let error = read(&file).build(&trusted).unwrap_err();
        assert_eq!(error.field(), format!("rules[1].{field}"), "{error}");
    }
    let file = "rules = [{ path = '/a', scope = ['a'] }]";
    let error = read(file).build(&trusted).unwrap_err();
    for key in ["`scopes`", "`any_of`", "`path`", "`otherwise`"] {
        assert!(error.problem().contains(key), "{error}");
    }
    // Mistakes that concern several entries.
    for (rules, field) in [
        (
            "{ otherwise = true, scopes = ['a'] }, { otherwise = true }",
            "rules[1].otherwise",
        ),
        (
            "{ path = '/a' }, { path = '/b' }, { path = '/a' }",
            "rules[2]",
        ),
        ("{ path = '/a' }, { path = 'b' }", "rules[1]"),
        (
            "{ path = '/a' }, { path = '/b', methods = ['get'] }",
            "rules[1]",
        ),
        (
            "{ path = '/a' }, { path = '/{id}', public = true }",
            "rules[1]",
        ),
        ("{ path = '/a/{x}/b' }, { path = '/a/b/{y}' }", "rules[1]"),
    ] {
        let error = read(&format!("rules = [{rules}]"))
            .build(&trusted)
            .unwrap_err();
        assert_eq!(error.field(), field, "{error}");
    }
    toml::from_str::<Settings>("rules = 7")
        .unwrap()
        .read::<RulesConfig>()
        .unwrap_err();
}
