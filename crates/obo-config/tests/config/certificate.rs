//! The certificate of a client in a file, and the tokens that are bound to it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use obo::ConfigError;
use obo::authorization_server::HttpService;
use obo::error::ExchangeErrorKind;
use obo_config::{Built, Config, Settings, Setup};
use obo_testkit::{TestCertificate, TestIdp};
use tower::{ServiceExt as _, service_fn};

/// Files that are removed at the end.
struct Files(PathBuf);

impl Files {
    fn new() -> (Self, TestCertificate) {
        let own = TestCertificate::self_signed("service-a");
        let name = format!("obo-config-{}-{}", std::process::id(), own.thumbprint());
        let files = Self(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&files.0).unwrap();
        std::fs::write(files.0.join("own.pem"), own.pem()).unwrap();
        std::fs::write(files.0.join("own.key"), own.key_pem()).unwrap();
        (files, own)
    }

    fn certificate(&self) -> String {
        let folder = self.0.display();
        format!(
            "certificate = {{ chain = '{folder}/own.pem', key = {{ file = '{folder}/own.key' }} }}"
        )
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const BIND: &str = "bind = 'certificate'";

fn build(
    setup: &mut Setup,
    issuer: &str,
    client: &str,
    exchange: &str,
    destinations: &[(&str, &str)],
) -> Result<Built, ConfigError> {
    let destinations = destinations.iter().map(|(uri, bind)| {
        format!("[[destinations]]\nuri = '{uri}'\naudience = 'service-b'\n{bind}\n")
    });
    let file = format!(
        "[resource_server]\naudiences = ['service-a']\nissuers = [{{ issuer = '{issuer}' }}]\n\
         [client]\nid = 'service-a'\nclient_secret_basic = 's3cret'\n{client}\n\
         [exchange]\nissuer = '{issuer}'\n{exchange}\n{}",
        destinations.collect::<String>()
    );
    let file: Settings = toml::from_str(&file).unwrap();
    file.read::<Config>()?.build(setup)
}

/// MT-08
#[tokio::test]
async fn destination_binds_to_certificate() {
    let idp = TestIdp::start().await;
    let registered = idp.client("service-a").secret("s3cret");
    registered.may_exchange_to("service-b");
    let (files, own) = Files::new();
    let client = format!("issuer = '{}'\n{}", idp.issuer(), files.certificate());
    for (bind, is_bound) in [(BIND, true), ("", false)] {
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        let mut setup = Setup::new().map_http(move |http| {
            let counted = Arc::clone(&counted);
            let counting = move |request| {
                counted.fetch_add(1, Ordering::Relaxed);
                http.clone().oneshot(request)
            };
            HttpService::new(service_fn(counting))
        });
        let to = [("https://b.example", bind), ("https://c.example", bind)];
        let built = build(&mut setup, idp.issuer(), &client, "", &to).unwrap();
        let alice = idp.user("alice").audience("service-a").mint();
        let caller = built.resource_server.validate(&alice).await.unwrap();
        let exchange = built.exchange.unwrap();
        assert_eq!(exchange.binds_certificate(), is_bound);
        let exchanged = exchange.token(&caller, "service-b").await;
        // This server has no TLS, so it binds nothing.
        let kind = exchanged.err().map(|error| error.kind());
        assert_eq!(
            kind,
            is_bound.then_some(ExchangeErrorKind::ResponseUnusable)
        );
        // Discovery, keys, exchange: also the client with the certificate is mapped.
        assert_eq!(requests.load(Ordering::Relaxed), 3);
        let (issuer, identity) = setup.identities().next().unwrap();
        assert_eq!(issuer.as_str(), idp.issuer());
        let thumbprint = *obo::binding::ClientCertificate::from_der(own.der()).thumbprint();
        assert_eq!(identity.thumbprint(), &thumbprint);
        assert_eq!(setup.identity_at(issuer), Some(identity));
        assert!(!format!("{identity:?}").contains("BEGIN"));
    }
}

#[test]
fn mistake_names_its_place() {
    let issuer = "https://idp.example";
    let (files, _) = Files::new();
    let named = format!("issuer = '{issuer}'\n");
    let client = named.clone() + &files.certificate();
    let inline = format!(
        "client = {{ id = 'a', client_secret_basic = 'b', {} }}",
        files.certificate()
    );
    let (b, c) = ("https://b.example", "https://c.example");
    let (bound, plain) = ([(b, BIND)], [(b, "")]);
    for (client, exchange, destinations, field, problem) in [
        (
            &*named,
            "",
            &bound[..],
            "destinations[0].bind",
            "needs a certificate",
        ),
        (
            &client,
            "",
            &[(b, BIND), (c, "")],
            "destinations[1].bind",
            "all of them",
        ),
        (
            &client,
            "",
            &[(b, ""), (c, BIND)],
            "destinations[0].bind",
            "all of them",
        ),
        (
            &client,
            "",
            &[(b, BIND), (c, "bind = 'dpop'")],
            "destinations[1].bind",
            "all of them",
        ),
        (
            &client,
            "",
            &[("http://127.0.0.1:9", BIND)],
            "destinations[0].bind",
            "`https`",
        ),
        (
            &files.certificate(),
            "",
            &plain,
            "client.certificate",
            "needs the `issuer`",
        ),
        (
            "",
            &inline,
            &plain,
            "exchange.client.certificate",
            "[client]",
        ),
    ] {
        let built = build(&mut Setup::new(), issuer, client, exchange, destinations);
        let error = built.map(drop).unwrap_err();
        assert_eq!(error.field(), field, "{error}");
        assert!(error.problem().contains(problem), "{error}");
    }
    // Without secrets, no file is read.
    let absent = client.replace("own.", "none.");
    let built = build(&mut Setup::new(), issuer, &absent, "", &bound);
    let error = built.map(drop).unwrap_err();
    assert_eq!(error.field(), "client.certificate.chain");
    assert!(error.is_of_secret());
    let mut setup = Setup::new().without_secrets();
    build(&mut setup, issuer, &absent, "", &bound).unwrap();
    assert_eq!(setup.identities().count(), 0);
}
