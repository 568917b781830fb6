//! Bound tokens from a file.

use std::convert::Infallible;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Request, Response, StatusCode, header};
use obo::binding::{ClientCertificate, PeerAddress};
use obo::{ConfigError, RequireLayer};
use obo_config::{Config, Settings, Setup as Names};
use obo_testkit::{TestAlg, TestIdp, TestKey, TestProof, TokenBuilder};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// The smallest value of DER that reads as a certificate.
const DER: [u8; 5] = [0x30, 3, 2, 1, 7];

const URL: &str = "https://a.example/orders";

struct World {
    idp: TestIdp,
    key: TestKey,
}

impl World {
    async fn start() -> Self {
        Self {
            idp: TestIdp::start().await,
            key: TestKey::generate(TestAlg::Es256),
        }
    }

    fn token(&self) -> TokenBuilder {
        self.idp.user("alice").audience("service-a").scope("a")
    }

    fn file(&self, binding: &str, issuer: &str, rule: &str) -> Settings {
        toml::from_str(&self.text(binding, issuer, rule)).unwrap()
    }

    fn text(&self, binding: &str, issuer: &str, rule: &str) -> String {
        let url = self.idp.issuer();
        format!(
            "[resource_server]\naudiences = ['service-a']\nissuers = [{{ issuer = '{url}' {issuer} }}]\n\
             [binding]\n{binding}\n[[rules]]\npath = '/orders'\n{rule}"
        )
    }

    /// A request with a bound token and its proof.
    fn proven(&self) -> Request<()> {
        let token = self.token().bound_to(&self.key).mint();
        let proof = TestProof::new(&self.key, "GET", URL).token(&token);
        request("DPoP", &token, &[("dpop", &proof.make())])
    }

    fn plain(&self) -> Request<()> {
        request("Bearer", &self.token().mint(), &[])
    }
}

fn request(scheme: &str, token: &str, fields: &[(&str, &str)]) -> Request<()> {
    let request =
        Request::get("/orders").header(header::AUTHORIZATION, format!("{scheme} {token}"));
    let request = fields.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(()).unwrap()
}

async fn respond(file: Settings, request: Request<()>) -> Response<String> {
    let built = file.read::<Config>().unwrap().build(&mut Names::new());
    let built = built.unwrap();
    let service = service_fn(|_: Request<()>| async {
        Ok::<_, Infallible>(Response::new("served".to_owned()))
    });
    let auth = built.auth_layer();
    let service = RequireLayer::by_path(built.rules.unwrap()).layer(service);
    auth.layer(service).oneshot(request).await.unwrap()
}

fn offers(response: &Response<String>) -> Vec<&str> {
    let lines = response.headers().get_all(header::WWW_AUTHENTICATE);
    let schemes = lines
        .iter()
        .filter_map(|line| line.to_str().ok()?.split(' ').next());
    schemes.collect()
}

const ACCEPT: &str = "base_url = 'https://a.example'\ndpop = 'accept'";

/// DP-01
#[tokio::test]
async fn every_format_accepts_proofs() {
    let world = World::start().await;
    let issuer = world.idp.issuer();
    let yaml = format!(
        "
resource_server:
  audiences: [service-a]
  issuers: [{{ issuer: {issuer} }}]
binding: {{ base_url: 'https://a.example', dpop: accept, window: 30s }}
rules: [{{ path: /orders, require_bound: true }}]
"
    );
    let json = serde_json::json!({
        "resource_server": { "audiences": ["service-a"], "issuers": [{ "issuer": issuer }] },
        "binding": { "base_url": "https://a.example", "dpop": "accept", "window": "30s" },
        "rules": [{ "path": "/orders", "require_bound": true }],
    });
    let files: [Settings; 3] = [
        world.file(
            &format!("{ACCEPT}\nwindow = '30s'"),
            "",
            "require_bound = true",
        ),
        serde_saphyr::from_str(&yaml).unwrap(),
        serde_json::from_str(&json.to_string()).unwrap(),
    ];
    for file in files {
        let response = respond(file.clone(), world.proven()).await;
        assert_eq!(response.status(), StatusCode::OK);
        let token = world.token().bound_to(&world.key).mint();
        let old = TestProof::new(&world.key, "GET", URL).token(&token);
        let old = request("DPoP", &token, &[("dpop", &old.issued_at(-40).make())]);
        let refused = respond(file.clone(), old).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            respond(file, world.plain()).await.status(),
            StatusCode::UNAUTHORIZED
        );
    }
}

#[tokio::test]
async fn dpop_is_off_by_default() {
    let world = World::start().await;
    for binding in [
        "",
        "base_url = 'https://a.example'",
        "dpop = 'off'\nnonce = true",
    ] {
        let file = || world.file(binding, "", "");
        let refused = respond(file(), world.proven()).await;
        assert_eq!(
            (refused.status(), offers(&refused)),
            (StatusCode::UNAUTHORIZED, vec!["Bearer"])
        );
        let token = world.token().bound_to(&world.key).mint();
        let refused = respond(file(), request("Bearer", &token, &[])).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(
            respond(file(), world.plain()).await.status(),
            StatusCode::OK
        );
    }
}

/// PR-03
#[tokio::test]
async fn metadata_shows_bound_tokens() {
    let world = World::start().await;
    let document = |binding: &str, issuer: &str| {
        let file = "[protected_resource]\nresource = 'https://a.example'\n";
        let file = file.to_owned() + &world.text(binding, issuer, "");
        let file: Settings = toml::from_str(&file).unwrap();
        let built = file.read::<Config>().unwrap().build(&mut Names::new());
        let document = built.unwrap().protected_resource.unwrap().document();
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        [
            "dpop_signing_alg_values_supported",
            "dpop_bound_access_tokens_required",
            "tls_client_certificate_bound_access_tokens",
        ]
        .map(|name| document.get(name).is_some())
    };
    let certificate = "certificate = 'connection'";
    let require = "base_url = 'https://a.example'\ndpop = 'require'";
    let bound = ", require_bound = true";
    for (binding, issuer, shown) in [
        ("", "", [false, false, false]),
        (
            "dpop = 'off'\nbase_url = 'https://a.example'",
            "",
            [false, false, false],
        ),
        (ACCEPT, "", [true, false, false]),
        (ACCEPT, bound, [true, true, false]),
        (require, "", [true, true, false]),
        (certificate, bound, [false, false, true]),
        (
            &format!("{ACCEPT}\n{certificate}"),
            bound,
            [true, false, true],
        ),
    ] {
        assert_eq!(document(binding, issuer), shown, "{binding} {issuer}");
    }
}

#[tokio::test]
async fn required_proof_refuses_plain_token() {
    let world = World::start().await;
    let file = || world.file("base_url = 'https://a.example'\ndpop = 'require'", "", "");
    assert_eq!(
        respond(file(), world.proven()).await.status(),
        StatusCode::OK
    );
    let refused = respond(file(), world.plain()).await;
    assert_eq!(
        (refused.status(), offers(&refused)),
        (StatusCode::UNAUTHORIZED, vec!["DPoP"])
    );
}

#[tokio::test]
async fn demanded_nonce_is_offered() {
    let world = World::start().await;
    let file = world.file(&format!("{ACCEPT}\nnonce = true"), "", "");
    let refused = respond(file, world.proven()).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert!(refused.headers().contains_key("dpop-nonce"));
}

#[tokio::test]
async fn require_bound_refuses_plain_token() {
    let world = World::start().await;
    for (issuer, rule) in [(", require_bound = true", ""), ("", "require_bound = true")] {
        let file = || world.file(ACCEPT, issuer, rule);
        assert_eq!(
            respond(file(), world.proven()).await.status(),
            StatusCode::OK
        );
        let refused = respond(file(), world.plain()).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(offers(&refused), ["Bearer", "DPoP"]);
        let refused = respond(file(), Request::get("/orders").body(()).unwrap()).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(offers(&refused), ["Bearer", "DPoP"]);
    }
}

/// MT-01
#[tokio::test]
async fn certificate_comes_from_connection() {
    let world = World::start().await;
    let file = || world.file("certificate = 'connection'", "", "require_bound = true");
    let token = world.token().bound_to_certificate(&DER).mint();
    let request = |der: Option<&[u8]>| {
        let mut request = request("Bearer", &token, &[]);
        if let Some(der) = der {
            request
                .extensions_mut()
                .insert(ClientCertificate::from_der(der));
        }
        request
    };
    assert_eq!(
        respond(file(), request(Some(&DER))).await.status(),
        StatusCode::OK
    );
    for other in [None, Some(&[0x30, 3, 2, 1, 8][..])] {
        let refused = respond(file(), request(other)).await;
        assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn header_counts_from_its_proxy() {
    let world = World::start().await;
    let token = world.token().bound_to_certificate(&DER).mint();
    let header = format!(":{}:", STANDARD.encode(DER));
    let listed = "certificate = { header = 'client-cert', from = ['10.1.0.0/16', '::1'] }";
    let anywhere = "certificate = { header = 'client-cert', danger_from_anywhere = true }";
    for (binding, peer, status) in [
        (listed, "10.1.2.3", StatusCode::OK),
        (listed, "::ffff:10.1.2.3", StatusCode::OK),
        (listed, "::1", StatusCode::OK),
        (listed, "10.2.0.1", StatusCode::UNAUTHORIZED),
        (anywhere, "10.2.0.1", StatusCode::OK),
        (anywhere, "2001:db8::1", StatusCode::OK),
    ] {
        let mut request = request("Bearer", &token, &[("client-cert", &header)]);
        let peer: IpAddr = peer.parse().unwrap();
        request.extensions_mut().insert(PeerAddress(peer));
        let response = respond(world.file(binding, "", ""), request).await;
        assert_eq!(response.status(), status, "{peer}");
    }
}

#[test]
fn mistake_names_key_of_binding() {
    let error = |binding: &str| -> ConfigError {
        let file = format!(
            "[resource_server]\naudiences = ['a']\nissuers = [{{ issuer = 'https://idp.example' }}]\n[binding]\n{binding}"
        );
        let file: Settings = toml::from_str(&file).unwrap();
        match file.read::<Config>() {
            Err(error) => error,
            Ok(config) => config.build(&mut Names::new()).unwrap_err(),
        }
    };
    for (binding, field, problem) in [
        ("dpop = 'accept'", "binding.base_url", "is missing"),
        ("dpop = 'on'", "binding.dpop", "expected one of"),
        ("dpop = true", "binding.dpop", ""),
        ("nonces = true", "binding.nonces", "unknown field"),
        (
            "base_url = 'http://a.example'",
            "binding.base_url",
            "plain http",
        ),
        ("base_url = 'a.example'", "binding.base_url", "absolute"),
        (
            "base_url = 'https://u:s3cret@a.example'",
            "binding.base_url",
            "user information",
        ),
        (
            "base_url = 'https://a.example'\nwindow = '11m'",
            "binding.window",
            "11m is not between 1s and 10m",
        ),
        (
            "base_url = 'https://a.example'\nwindow = '999ms'",
            "binding.window",
            "999ms is not between 1s and 10m",
        ),
        (
            "base_url = 'https://a.example'\nwindow = '0s'",
            "binding.window",
            "0s is not between 1s and 10m",
        ),
        ("window = 60", "binding.window", "no unit"),
        (
            "certificate = 'tls'",
            "binding.certificate",
            "\"connection\"",
        ),
        (
            "certificate = { header = 'x-cert', from = ['::1'] }",
            "binding.certificate.header",
            "expected one of",
        ),
        (
            "certificate = { header = 'client-cert' }",
            "binding.certificate.from",
            "is missing",
        ),
        (
            "certificate = { header = 'client-cert', from = ['10.0.0.1', '0.0.0.0/0'] }",
            "binding.certificate.from",
            "every address (0.0.0.0/0)",
        ),
        (
            "certificate = { header = 'client-cert', from = ['::1'], danger_from_anywhere = true }",
            "binding.certificate.from",
            "no effect",
        ),
        (
            "certificate = { header = 'client-cert', from = [] }",
            "binding.certificate.from",
            "is empty",
        ),
        (
            "certificate = { header = 'client-cert', from = ['proxy'] }",
            "binding.certificate.from",
            "network",
        ),
        (
            "certificate = { header = 'client-cert', for = [] }",
            "binding.certificate.for",
            "unknown field",
        ),
    ] {
        let error = error(binding);
        let text = error.to_string();
        assert_eq!(error.field(), field, "{text}");
        assert!(text.contains(problem), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn plain_http_is_a_named_danger() {
    let build = |binding: &str| {
        let config: obo_config::BindingConfig = toml::from_str(binding).unwrap();
        config.build()
    };
    drop(build("dpop = 'accept'\nbase_url = 'http://127.0.0.1:8080'").unwrap());
    build("dpop = 'accept'\nbase_url = 'http://a.example'").unwrap_err();
    drop(build("dpop = 'accept'\nbase_url = 'http://a.example'\ndanger_http = true").unwrap());
}

/// DP-23
#[tokio::test]
async fn destination_binds_its_tokens() {
    let world = World::start().await;
    let client = world.idp.client("service-a").secret("s3cret");
    client.may_exchange_to("service-b");
    let path = std::env::temp_dir().join(format!("obo-bconf-{}.pem", std::process::id()));
    std::fs::write(&path, world.key.private_pem()).unwrap();
    let file = |client: &str, bind: &str, exchange: &str| -> Settings {
        let (issuer, path) = (world.idp.issuer(), path.to_str().unwrap());
        let file = format!(
            "[resource_server]\naudiences = ['service-a']\nissuers = [{{ issuer = '{issuer}' }}]\n{client}\n\
             [exchange]\nissuer = '{issuer}'\n{exchange}\n\
             [[destinations]]\nuri = 'https://b.example'\naudience = 'service-b'\n{bind}"
        );
        toml::from_str(&file.replace("KEY", path)).unwrap()
    };
    let id = "id = 'service-a'\nclient_secret_basic = 's3cret'";
    let key = "dpop_key = { key = 'KEY', alg = 'ES256' }";
    let dpop = "bind = 'dpop'";
    let own = "client = { id = 'service-a', client_secret_basic = 's3cret', dpop_key = { key = { file = 'KEY' }, alg = 'ES256' } }";
    for (file, is_bound) in [
        (file(&format!("[client]\n{id}\n{key}"), dpop, ""), true),
        (file("", dpop, own), true),
        (file(&format!("[client]\n{id}\n{key}"), "", ""), false),
        (file(&format!("[client]\n{id}"), "", ""), false),
    ] {
        let built = file
            .read::<Config>()
            .unwrap()
            .build(&mut Names::new())
            .unwrap();
        let alice = world.token().mint();
        let caller = built.resource_server.validate(&alice).await.unwrap();
        let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
        let recorded = std::sync::Arc::clone(&seen);
        let service = service_fn(move |request: Request<String>| {
            *recorded.lock().unwrap() = Some(request.headers().clone());
            async { Ok::<_, Infallible>(Response::new(String::new())) }
        });
        let layer = built
            .exchange
            .unwrap()
            .to_destinations(built.destinations.unwrap());
        let calls = layer.layer(service);
        let request = Request::get("https://b.example/stock")
            .body(String::new())
            .unwrap();
        calls.on_behalf_of(&caller).oneshot(request).await.unwrap();
        let headers = seen.lock().unwrap().take().unwrap();
        assert_eq!(headers.contains_key("dpop"), is_bound);
        let scheme = if is_bound { "DPoP " } else { "Bearer " };
        assert!(
            headers["authorization"]
                .to_str()
                .unwrap()
                .starts_with(scheme)
        );
    }
    for (client, bind, exchange, field) in [
        (format!("[client]\n{id}"), dpop, "", "destinations[0].bind"),
        (
            format!("[client]\n{id}\n{key}"),
            "bind = 'mtls'",
            "",
            "destinations[0].bind",
        ),
        (
            format!("[client]\n{id}\ndpop_key = {{ key = 'no-such-file', alg = 'ES256' }}"),
            dpop,
            "",
            "client.dpop_key.key",
        ),
        (
            format!("[client]\n{id}\ndpop_key = {{ key = 'KEY', alg = 'RS256' }}"),
            dpop,
            "",
            "client.dpop_key.key",
        ),
        (
            format!(
                "[client]\n{id}\ndpop_key = {{ key = {{ env = 'CARGO_PKG_NAME' }}, alg = 'ES256' }}"
            ),
            dpop,
            "",
            "client.dpop_key.key.env",
        ),
        (
            format!("[client]\n{id}\ndpop_key = {{ key = 'KEY', alg = 'ES256', kid = 'a' }}"),
            dpop,
            "",
            "client.dpop_key.kid",
        ),
    ] {
        let error = match file(&client, bind, exchange).read::<Config>() {
            Err(error) => error,
            Ok(config) => config.build(&mut Names::new()).unwrap_err(),
        };
        assert_eq!(error.field(), field, "{error}");
    }
    std::fs::remove_file(path).unwrap();
}
