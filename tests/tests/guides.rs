//! Checks the guides' configuration files and names. The examples compile the guides' Rust.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use obo::authorization_server::HttpService;
use obo::time::Clock;
use obo::{Profile, dialect};
use obo_config::{ClientConfig, DestinationsConfig, ExchangeConfig, ResourceServerConfig, Setup};
use obo_testkit::{TestAlg, TestIdp, TestKey};
use serde_json::{Value, json};

/// The tables of all configuration files in the guides.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    resource_server: Option<ResourceServerConfig>,
    client: Option<ClientConfig>,
    exchange: Option<ExchangeConfig>,
    destinations: Option<DestinationsConfig>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides")
}

fn guide(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

/// The guides whose TOML blocks are whole files.
const GUIDES: [&str; 6] = [
    "call-on-behalf-of-a-user.md",
    "configure-per-authorization-server.md",
    "introspection.md",
    "local-development.md",
    "operations.md",
    "protect-an-api.md",
];

/// The pages of authorization servers.
fn servers() -> Vec<String> {
    let pages = fs::read_dir(folder().join("authorization-servers")).unwrap();
    let pages = pages.map(|page| page.unwrap().file_name().into_string().unwrap());
    let mut pages: Vec<_> = pages
        .map(|page| format!("authorization-servers/{page}"))
        .collect();
    pages.sort();
    pages
}

/// The code blocks of a language, without the dependencies of a program.
fn blocks<'a>(guide: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let blocks = guide
        .split(&format!("```{language}\n"))
        .skip(1)
        .collect::<Vec<_>>();
    let blocks = blocks.into_iter();
    let blocks = blocks.map(|block| block.split("```").next().unwrap());
    blocks.filter(|block| !block.starts_with("[dependencies]"))
}

/// The configuration in a block. Its paths are replaced by files that exist, because building a
/// client reads them.
fn config(file: &str, name: &str) -> Config {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let (token, key) = (folder.join("platform-token"), folder.join("client-key.pem"));
    fs::write(&token, "a.b.c").unwrap();
    if file.contains("/run/secrets/client-key.pem") {
        fs::write(&key, TestKey::generate(TestAlg::Rs256).private_pem()).unwrap();
    }
    let file = file.replace("/var/run/secrets/tokens/idp", token.to_str().unwrap());
    let file = file.replace("/run/secrets/client-key.pem", key.to_str().unwrap());
    toml::from_str(&file).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The names in backticks in a column of the table whose first column has this title.
fn column<'a>(guide: &'a str, table: &str, column: usize) -> BTreeSet<&'a str> {
    let title = format!("| {table} |");
    let rows = guide.lines().skip_while(|line| !line.starts_with(&title));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let cells = rows.map(|row| row.split('|').nth(column + 1).unwrap());
    cells
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect()
}

#[test]
fn every_guide_file_builds() {
    let mut built = 0;
    let guides = GUIDES.map(str::to_owned).into_iter().chain(servers());
    for name in guides {
        for file in blocks(&guide(&name), "toml") {
            let config = config(file, &name);
            let mut setup = Setup::new();
            built += 1;
            if let Some(client) = config.client {
                let clients = setup.clients(Some(client), Vec::new());
                clients.unwrap_or_else(|e| panic!("{name}: {e}"));
            }
            if let Some(exchange) = config.exchange {
                exchange
                    .build(&mut setup)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
            }
            if let Some(server) = config.resource_server {
                server
                    .build(&mut setup)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
            }
            if let Some(destinations) = config.destinations {
                destinations
                    .build(&setup)
                    .unwrap_or_else(|e| panic!("{name}: {e}"));
            }
        }
    }
    assert_eq!(built, 29);
}

/// The file of a gateway in the guide, with files that exist.
#[test]
fn fleet_guide_file_builds() {
    let guide = guide("run-a-fleet.md");
    let mut files = blocks(&guide, "toml").filter(|file| file.starts_with("listen"));
    let (file, folder) = (files.next().unwrap(), env!("CARGO_TARGET_TMPDIR"));
    let contents = [
        ("service-a", "s3cret".to_owned()),
        ("dpop.pem", TestKey::generate(TestAlg::Es256).private_pem()),
        ("redis-password", "s3cret".to_owned()),
        ("ring-k1", "A".repeat(43)),
    ];
    for (name, content) in contents {
        assert!(file.contains(&format!("/run/secrets/{name}\"")), "{name}");
        fs::write(Path::new(folder).join(name), content).unwrap();
    }
    let file = file.replace("/run/secrets", folder);
    let config = obo_gateway::Config::parse(&file).unwrap();
    let parts = config.parts(&mut Setup::new()).unwrap();
    assert_eq!(parts.calls.len(), 2);
    assert!(files.next().is_none());
}

/// An authorization server of this issuer whose key set is the testkit's.
async fn keys_of(idp: &TestIdp, issuer: &str) -> HttpService {
    let keys = reqwest::get(idp.jwks_uri()).await.unwrap();
    let keys = keys.bytes().await.unwrap();
    let metadata = json!({
        "issuer": issuer,
        "jwks_uri": "https://keys.example/jwks",
        "token_endpoint": "https://keys.example/token",
    });
    let metadata = Bytes::from(metadata.to_string());
    HttpService::new(tower::service_fn(move |request: Request<Bytes>| {
        let body = match request.uri().path() {
            "/jwks" => keys.clone(),
            _ => metadata.clone(),
        };
        async move { Ok::<_, Infallible>(Response::new(Full::new(body))) }
    }))
}

/// Signs the token that a page shows, moved to the present.
fn signed(idp: &TestIdp, shown: &str) -> String {
    let mut parts = serde_json::Deserializer::from_str(shown).into_iter::<Value>();
    let (header, payload) = (
        parts.next().unwrap().unwrap(),
        parts.next().unwrap().unwrap(),
    );
    let now = i64::try_from(Clock::system().now().as_secs()).unwrap();
    let moved = now - payload["iat"].as_i64().unwrap();
    let token = idp.user("").typ(header["typ"].as_str());
    let token = token.without("aud").without("client_id").without("jti");
    let claims = payload.as_object().unwrap().iter();
    claims
        .fold(token, |token, (name, value)| match name.as_str() {
            "iat" | "nbf" | "exp" | "auth_time" => {
                token.claim(name, value.as_i64().unwrap() + moved)
            }
            _ => token.claim(name, value.clone()),
        })
        .mint()
}

#[tokio::test]
async fn pages_accept_the_tokens_they_show() {
    let idp = TestIdp::start().await;
    for name in servers() {
        let page = guide(&name);
        let shown = blocks(&page, "json").next().unwrap();
        let payload = shown.split_once('\n').unwrap().1;
        let payload: Value = serde_json::from_str(payload).unwrap();
        let http = keys_of(&idp, payload["iss"].as_str().unwrap()).await;
        let config = config(blocks(&page, "toml").next().unwrap(), &name);
        let server = config.resource_server.unwrap();
        let server = server.build(&mut Setup::with_http(http)).unwrap();
        let caller = server.validate(&signed(&idp, shown)).await;
        let caller = caller.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(caller.subject(), payload["sub"]);
    }
}

/// Every relative link has a target file, and its anchor a heading.
#[test]
fn links_between_guides_lead_somewhere() {
    let guides = fs::read_dir(folder()).unwrap();
    let guides = guides.map(|page| page.unwrap().file_name().into_string().unwrap());
    let guides = guides.filter(|name| name.ends_with(".md")).chain(servers());
    for name in guides {
        let page = guide(&name);
        let links = page.split("](").skip(1);
        let links = links.map(|link| link.split(')').next().unwrap());
        for link in links.filter(|link| !link.starts_with("http")) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let here = folder().join(&name);
            let target = match path {
                "" => here,
                _ => here.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{name}: {link}");
            if !anchor.is_empty() {
                let text = fs::read_to_string(&target).unwrap();
                assert!(anchors(&text).any(|it| it == anchor), "{name}: {link}");
            }
        }
    }
}

/// The anchors of the headings, as code hosts compute them.
fn anchors(page: &str) -> impl Iterator<Item = String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(|heading| {
        let words = heading.trim_start_matches('#').trim().to_lowercase();
        let anchor = words
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        anchor.collect::<String>().replace(' ', "-")
    })
}

/// A page outside of rustdoc shows the lines that rustdoc hides.
#[test]
fn snippets_have_no_hidden_lines() {
    let root = folder().join("../..");
    let crates = fs::read_dir(root.join("crates")).unwrap();
    let crates = crates.map(|entry| entry.unwrap().path().join("README.md"));
    let guides = fs::read_dir(folder()).unwrap();
    let guides = guides.map(|entry| entry.unwrap().path());
    let servers = servers().into_iter().map(|page| folder().join(page));
    let pages = guides.chain(servers).chain([root.join("README.md")]);
    let pages = pages.chain(crates).filter(|page| page.is_file());
    let mut snippets = 0;
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        // Every block, because of variants such as `rust,no_run`.
        for block in text.split("```rust").skip(1) {
            let block = block.split("```").next().unwrap();
            snippets += 1;
            let hidden = block
                .lines()
                .find(|line| *line == "#" || line.starts_with("# "));
            assert_eq!(hidden, None, "{}", page.display());
        }
    }
    assert!(snippets > 60, "{snippets}");
}

/// A new product is one file and one line, and the guide may be missing it.
#[test]
fn guide_names_only_known_products() {
    let guide = guide("configure-per-authorization-server.md");
    let (profiles, dialects) = (column(&guide, "product", 1), column(&guide, "product", 2));
    assert!(profiles.len() > 5 && profiles.is_subset(&Profile::names().collect()));
    assert!(dialects.len() > 5 && dialects.is_subset(&dialect::names().collect()));
}

/// The codes that the functions `code` of these sources return.
fn codes() -> BTreeSet<&'static str> {
    let sources = [
        include_str!("../../crates/obo/src/refusal/rejection.rs"),
        include_str!("../../crates/obo-core/src/error.rs"),
        include_str!("../../crates/obo-core/src/binding/dpop/error.rs"),
    ];
    let codes = sources.into_iter().flat_map(|source| {
        let (_, body) = source.split_once("pub fn code(&self)").unwrap();
        let body = body.split("\n    }\n").next().unwrap();
        let literals = body.split("=> \"").skip(1);
        literals.map(|literal| literal.split('"').next().unwrap())
    });
    codes.collect()
}

#[test]
fn guides_list_the_refusal_codes() {
    let guides = ["protect-an-api.md", "introspection.md"].map(guide);
    let [protect, introspection] = guides.each_ref().map(|guide| column(guide, "`code`", 0));
    assert_eq!(protect, codes());
    assert!(introspection.len() > 5 && introspection.is_subset(&codes()));
}
