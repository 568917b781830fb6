//! `obo idp`: an authorization server with a page that mints tokens.

use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Child;

use crate::world::World;

/// How long a response or a line of the log may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Sends an HTTP/1.1 request and returns the whole response.
pub(crate) async fn http(host: &str, request: &str) -> String {
    let response = async {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    };
    let response = tokio::time::timeout(PATIENCE, response).await;
    let line = request.lines().next().unwrap_or_default();
    response.unwrap_or_else(|_| panic!("no response of {host} to {line}"))
}

pub(crate) fn post(host: &str, path: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

const USERS: &str = "[[users]]\nname = \"carol\"\naudience = \"service-a\"\nscopes = [\"orders:read\"]\n\
    claims = { tenant = \"t1\" }\n[[users]]\nname = \"dave\"\n[[clients]]\nid = \"service-a\"\nsecret = \"s3cret\"\n\
    exchange_to = [\"stock\"]\nintrospect = [\"service-a\"]\n";

/// Starts `obo idp` on free ports, and returns the line with this start.
async fn start(world: &World, arguments: &[&str], start: &str) -> (Child, String) {
    let arguments = [arguments, &["--port", "0", "--page", "0"]].concat();
    let mut command = world.command(&arguments);
    let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    loop {
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let line = line.expect(start).unwrap().expect(start);
        if line.starts_with(start) {
            return (child, line);
        }
    }
}

/// A running `obo idp`. It is killed when the test ends.
struct Running {
    _child: Child,
    issuer: String,
    host: String,
}

impl Running {
    async fn start(world: &World) -> Self {
        Self::with(world, USERS).await
    }

    async fn with(world: &World, users: &str) -> Self {
        let config = world.file("idp.toml", users);
        let (child, started) = start(world, &["--json", "idp", "-c", &config], "{").await;
        let started: Value = serde_json::from_str(&started).unwrap();
        let host = started["page"].as_str().unwrap();
        Self {
            _child: child,
            issuer: started["issuer"].as_str().unwrap().to_owned(),
            host: host.trim_start_matches("http://").to_owned(),
        }
    }

    /// Posts a form, and returns the status and the body.
    async fn post(&self, path: &str, body: &str) -> (u16, String) {
        let response = http(&self.host, &post(&self.host, path, body)).await;
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, body.trim().to_owned())
    }

    /// The file of a service that trusts this issuer and introspects its tokens.
    fn service(&self, world: &World, more: &str) -> String {
        let service = std::fs::read_to_string(world.service()).unwrap();
        let service = service.replace(world.idp.issuer(), &self.issuer);
        world.file(
            "dev.toml",
            &service.replace("\" }]", &format!("\"{more} }}]")),
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn minted_token_is_accepted() {
    let world = World::new().await;
    let running = Running::start(&world).await;
    let host = &*running.host;
    let (_, token) = running.post("/mint", "user=carol&actor=web").await;
    let token = &*token;
    let config = running.service(&world, "");
    let arguments = ["check", "-c", &config, "GET", "/orders/7", "--token", "-"];
    let ran = world.run(&arguments, token).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = world
        .run(&["exchange", "-c", &config, "--to", "stock"], token)
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");

    let drawn = http(host, &post(host, "/", "user=carol&scope=%3Cb%3E")).await;
    assert!(
        drawn.contains("&lt;b&gt;") && !drawn.contains("<b>"),
        "{drawn}"
    );
    assert!(
        drawn.contains("tenant") && drawn.contains("acts now") || drawn.contains("the subject")
    );
    for foreign in [
        post("evil.example", "/mint", "user=carol"),
        post(host, "/mint", "user=carol")
            .replace("connection:", "origin: http://evil.example\r\nconnection:"),
    ] {
        let response = http(host, &foreign).await;
        assert!(response.starts_with("HTTP/1.1 403"), "{response}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_users_and_fields_are_refused() {
    let world = World::new().await;
    let running = Running::start(&world).await;
    for (path, body, problem) in [
        (
            "/mint",
            "user=carla",
            "unknown user \"carla\", expected one of carol, dave",
        ),
        ("/mint", "", "user is missing"),
        (
            "/mint",
            "user=carol&scopes=a",
            "unknown field \"scopes\", expected one of user, audience",
        ),
        ("/mint", "user=carol&user=dave", "user occurs twice"),
        (
            "/mint",
            "user=carol&seconds=5m",
            "seconds is not a number of seconds",
        ),
        (
            "/mint",
            "user=carol&form=saml",
            "form is neither jwt nor opaque",
        ),
        ("/revoke", "", "expected either token or user"),
        ("/revoke", "user=carla", "unknown user"),
        ("/restore", "token=x", "unknown field"),
    ] {
        let (status, response) = running.post(path, body).await;
        let json: Value = serde_json::from_str(&response).unwrap();
        let error = json["error"].as_str().unwrap();
        assert!(
            status == 400 && error.contains(problem),
            "{body}: {response}"
        );
    }
    let (status, drawn) = running.post("/", "user=%3Cb%3E").await;
    assert_eq!(status, 400);
    assert!(
        drawn.contains("role=\"alert\"") && drawn.contains("&lt;b&gt;"),
        "{drawn}"
    );
    let (_, response) = running
        .post(
            "/mint",
            "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJodHRwczovL3gifQ.AA",
        )
        .await;
    assert!(!response.contains("eyJ"), "{response}");
}

#[tokio::test(flavor = "multi_thread")]
async fn times_of_a_token_are_set() {
    let world = World::new().await;
    let running = Running::start(&world).await;
    let config = running.service(&world, "");
    for (fields, rule) in [
        ("seconds=-90", "expiry"),
        ("issued_at=90", "issued at"),
        ("issued_at=-600&seconds=-300", "expiry"),
    ] {
        let (_, token) = running.post("/mint", &format!("user=carol&{fields}")).await;
        let ran = world.run(&["inspect", "-c", &config], &token).await;
        assert!(ran.wrong().contains(&format!("✗ {rule}")), "{ran:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn revoked_tokens_are_inactive() {
    let world = World::new().await;
    let running = Running::start(&world).await;
    let jwts = running.service(&world, ", introspection = { for = \"revocation\" }");
    for form in ["jwt", "opaque"] {
        let mint = format!("user=carol&form={form}");
        let (_, token) = running.post("/mint", &mint).await;
        let (_, other) = running.post("/mint", &mint).await;
        let config = match form {
            "jwt" => jwts.clone(),
            _ => running.service(&world, ", introspection = { for = \"opaque_tokens\" }"),
        };
        let accepted = async |token: &str| {
            let ran = world
                .run(&["inspect", "--online", "-c", &config], token)
                .await;
            assert!(
                ran.code == 0 || ran.out.contains("is not active"),
                "{ran:?}"
            );
            ran.code == 0
        };
        assert!(accepted(&token).await);
        let (status, done) = running.post("/revoke", &format!("token={token}")).await;
        assert!(status == 200 && !done.contains(&token), "{done}");
        assert!(!accepted(&token).await && accepted(&other).await, "{form}");

        running.post("/revoke", "user=carol").await;
        assert!(!accepted(&other).await, "{form}");
        running.post("/restore", "user=carol").await;
        assert!(accepted(&other).await && !accepted(&token).await, "{form}");

        // The buttons of the page do the same.
        let (_, drawn) = running
            .post("/", &format!("press=revoke&token={other}"))
            .await;
        assert!(drawn.contains("the token is revoked"), "{drawn}");
        assert!(!accepted(&other).await, "{form}");
        let (_, drawn) = running.post("/", "press=revoke&user=carol").await;
        assert!(drawn.contains("<strong>revoked</strong>"), "{drawn}");
        let (_, drawn) = running.post("/", "press=restore&user=carol").await;
        assert!(!drawn.contains("<strong>revoked</strong>"), "{drawn}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn page_needs_no_script() {
    let world = World::new().await;
    let running = Running::start(&world).await;
    let get = |path: &str| post(&running.host, path, "").replace("POST", "GET");
    let response = http(&running.host, &get("/")).await;
    let head = response.to_lowercase();
    for policy in [
        "default-src 'none'",
        "style-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(head.contains(policy), "{head}");
    }
    assert!(
        !response.contains("<script") && !response.contains("style="),
        "{response}"
    );
    // Each control has a label.
    for control in [
        "user",
        "audience",
        "scope",
        "client",
        "actor",
        "seconds",
        "issued_at",
        "jkt",
        "form",
    ] {
        assert!(
            response.contains(&format!("<label for=\"{control}\">")),
            "{control}"
        );
        assert!(response.contains(&format!("id=\"{control}\"")), "{control}");
    }
    let style = http(&running.host, &get("/style.css")).await;
    assert!(style.contains("text/css") && style.contains("prefers-color-scheme: dark"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hint_names_the_first_client() {
    let world = World::new().await;
    let config = world.file("idp.toml", &USERS.replace("service-a", "shop"));
    let (_child, hint) = start(&world, &["idp", "-c", &config], "token").await;
    assert!(
        hint.ends_with("/mint -d user=carol -d audience=shop"),
        "{hint}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn logged_out_user_is_refused_at_clients() {
    let world = World::new().await;
    // Its port is closed, and no other process gets it. The gateway can listen there, because it
    // allows that an address is bound twice.
    let receiver = TcpSocket::new_v4().unwrap();
    receiver.set_reuseaddr(true).unwrap();
    receiver.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let receiver_port = receiver.local_addr().unwrap().port();
    let logout = format!("http://127.0.0.1:{receiver_port}/backchannel-logout");
    let users = format!("{USERS}backchannel_logout_uri = \"{logout}\"\n");
    let running = Running::with(&world, &users).await;
    let (status, response) = running.post("/logout", "user=carol").await;
    assert_eq!(status, 400, "{response}");
    for part in ["carol is logged out at no client", "cannot be reached"] {
        assert!(response.contains(part), "{response}");
    }
    let config = format!(
        "listen = \"127.0.0.1:{receiver_port}\"\n[resource_server]\naudiences = [\"service-a\"]\n\
         issuers = [{{ issuer = \"{}\" }}]\n[logout]\npath = \"/backchannel-logout\"\n\
         audience = \"service-a\"\n[[routes]]\npath = \"/me\"\n",
        running.issuer
    );
    let gateway =
        crate::gateway::Running::start(&world, &world.file("gateway.toml", &config)).await;
    let (_, carol) = running.post("/mint", "user=carol&audience=service-a").await;
    let (_, dave) = running.post("/mint", "user=dave&audience=service-a").await;
    let status = async |token: &str| {
        let response = gateway.get(&gateway.listen, "/me", token).await;
        response.split(' ').nth(1).unwrap().to_owned()
    };
    assert_eq!(status(&carol).await, "200");
    let (status_of_logout, response) = running.post("/logout", "user=carol").await;
    assert_eq!(status_of_logout, 200, "{response}");
    assert!(
        response.contains("carol is logged out at service-a"),
        "{response}"
    );
    assert_eq!(status(&carol).await, "401");
    assert_eq!(status(&dave).await, "200");

    // The button does the same.
    let (_, drawn) = running.post("/", "press=logout&user=dave").await;
    assert!(drawn.contains("dave is logged out at service-a"), "{drawn}");
    assert_eq!(status(&dave).await, "401");
}

#[tokio::test(flavor = "multi_thread")]
async fn bound_token_is_shown_as_bound() {
    let world = World::new().await;
    let running = Running::start(&world).await;
    let thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let (_, drawn) = running
        .post("/", &format!("user=carol&jkt={thumbprint}"))
        .await;
    assert!(drawn.contains(thumbprint), "{drawn}");
    let (_, token) = running
        .post("/mint", &format!("user=carol&jkt={thumbprint}"))
        .await;
    let ran = world.run(&["inspect"], &token).await;
    assert!(ran.out.contains(thumbprint), "{ran:?}");
    let (status, response) = running.post("/mint", "user=carol&jkt=short").await;
    assert!(
        status == 400 && response.contains("jkt is not the thumbprint"),
        "{response}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn default_secret_is_usable() {
    let world = World::new().await;
    let (_child, line) = start(&world, &["idp"], "secret").await;
    assert_eq!(line, "secret   secret");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_logout_uri_is_named() {
    let world = World::new().await;
    for uri in ["https://a.example/logout", "/logout"] {
        let users = format!("{USERS}backchannel_logout_uri = \"{uri}\"\n");
        let config = world.file("idp.toml", &users);
        let ran = world.run(&["idp", "-c", &config], "").await;
        assert_eq!(ran.code, 1, "{ran:?}");
        let problem = "clients[0].backchannel_logout_uri: is not an http URL";
        assert!(ran.err.contains(problem), "{ran:?}");
    }
}
