//! Gateways that share a Redis server: tokens, logouts, and what happens without the store.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use obo_test_support::RedisServer;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::gateway::Running;
use crate::idp::PATIENCE;
use crate::world::World;

const GATEWAY: &str = r#"
listen = "127.0.0.1:0"

[resource_server]
audiences = ["service-a"]
issuers = [{ issuer = "ISSUER", lazy = false }]

[client]
id = "service-a"
client_secret_basic = "s3cret"

[shared]
redis = "REDIS"
key_ring = [{ id = "k1", file = "RING1" }]

[logout]
path = "/backchannel-logout"
audience = "service-a"

[signals]
path = "/ssf"
audience = "https://a.example/ssf"

[[routes]]
path = "/me"

[[routes]]
path = "/stock/{*rest}"
upstream = "UPSTREAM"
exchange = { issuer = "ISSUER", audience = "stock" }
"#;

/// An authorization server, a store, and the file of the gateways.
pub(crate) struct Fleet {
    pub(crate) world: World,
    pub(crate) redis: RedisServer,
    upstream: String,
    pub(crate) text: String,
}

impl Fleet {
    /// `None` if there is no `redis-server` here.
    pub(crate) async fn start() -> Option<Self> {
        Self::with(&[]).await
    }

    pub(crate) async fn with(settings: &[&str]) -> Option<Self> {
        let redis = RedisServer::start_with(settings)?;
        let world = World::new().await;
        for name in ["ring-k1", "ring-k2"] {
            world.file(name, &format!("{}\n", key(name)));
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upstream = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(get(async || "stock"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut fleet = Self {
            world,
            redis,
            upstream,
            text: String::new(),
        };
        fleet.text = fleet.filled(GATEWAY);
        Some(fleet)
    }

    fn filled(&self, text: &str) -> String {
        let text = text.replace("REDIS", &self.redis.url());
        let text = text.replace("RING1", &self.world.path("ring-k1"));
        let text = text.replace("RING2", &self.world.path("ring-k2"));
        text.replace("UPSTREAM", &self.upstream)
    }

    /// Starts a gateway with a change of the file.
    pub(crate) async fn gateway(&self, from: &str, to: &str) -> Running {
        let name = format!("gateway-{}.toml", to.len());
        let config = self.world.file(&name, &self.changed(from, to));
        Running::start(&self.world, &config).await
    }

    pub(crate) fn changed(&self, from: &str, to: &str) -> String {
        let text = self.text.replace(&self.filled(from), &self.filled(to));
        assert!(from == to || text != self.text, "{from}");
        text
    }

    pub(crate) fn token(&self, user: &str) -> String {
        let token = self.world.idp.user(user).audience("service-a");
        token.scope("orders:read").mint()
    }

    /// Logs a user out at a gateway. Returns the status.
    pub(crate) async fn logout(&self, at: &Running, token: &str) -> u16 {
        let url = format!("http://{}/backchannel-logout", at.listen);
        let response = self.world.idp.send_logout(&url, token).await;
        if response.status() == 503 {
            assert!(response.headers().contains_key("retry-after"));
        }
        response.status().as_u16()
    }

    pub(crate) fn logout_token(&self, user: &str) -> String {
        self.world.idp.logout_token(user, "service-a").mint()
    }
}

/// 32 bytes, others for each name.
pub(crate) fn key(name: &str) -> String {
    let letter = name.chars().last().unwrap();
    letter.to_string().repeat(42) + "A"
}

/// 0 if the response was ended: a strict gateway ends those of the moment when it starts to refuse.
async fn status(at: &Running, path: &str, token: &str) -> u16 {
    let response = at.get(&at.listen, path, token).await;
    let status = response.split(' ').nth(1).unwrap_or("0");
    status.parse().unwrap()
}

/// Sends requests until the status is this one. Returns how long that took.
async fn until(expected: u16, at: &Running, path: &str, token: &str) -> Duration {
    let start = Instant::now();
    // Each request has a connection of its own.
    let mut pace = tokio::time::interval(Duration::from_millis(10));
    loop {
        pace.tick().await;
        let status = status(at, path, token).await;
        if status == expected {
            return start.elapsed();
        }
        assert!(start.elapsed() < PATIENCE, "still {status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logout_reaches_all_gateways() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let (first, second) = (fleet.gateway("", "").await, fleet.gateway("", "").await);
    let (alice, bob) = (fleet.token("alice"), fleet.token("bob"));
    for at in [&first, &second] {
        assert_eq!(status(at, "/me", &alice).await, 200);
        assert_eq!(status(at, "/stock/tea", &alice).await, 200);
    }
    let logout = fleet.logout_token("alice");
    assert_eq!(fleet.logout(&first, &logout).await, 200);
    assert_eq!(status(&first, "/me", &alice).await, 401);
    until(401, &second, "/me", &alice).await;
    assert_eq!(status(&second, "/stock/tea", &alice).await, 401);
    for at in [&first, &second] {
        assert_eq!(status(at, "/me", &bob).await, 200);
        // A logout token is used once, at all gateways.
        assert_eq!(fleet.logout(at, &logout).await, 400);
    }

    // A new process knows it, and the admin port takes none.
    let third = fleet.gateway("", "").await;
    assert_eq!(status(&third, "/me", &alice).await, 401);
    assert_eq!(status(&third, "/me", &bob).await, 200);
    let event = fleet.world.idp.security_event("session-revoked", "bob");
    let event = event.claim("aud", "https://a.example/ssf").mint();
    let url = format!("http://{}/ssf", third.admin);
    let pushed = fleet.world.idp.send_security_event(&url, &event).await;
    assert_eq!(pushed.status(), 404);
    let url = format!("http://{}/ssf", third.listen);
    let pushed = fleet.world.idp.send_security_event(&url, &event).await;
    assert_eq!(pushed.status(), 202, "{}", pushed.body());
    until(401, &second, "/me", &bob).await;
    let response = third.get(&third.listen, "/ssf", "").await;
    assert!(response.starts_with("HTTP/1.1 405"), "{response}");

    // Nothing of a user or a token is in the store.
    let names = fleet.redis.command(&["KEYS", "*"]);
    assert!(names.lines().count() > 1, "{names}");
    assert!(
        !names.contains("alice") && !names.contains("service-a"),
        "{names}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn token_is_exchanged_once() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let (first, second) = (fleet.gateway("", "").await, fleet.gateway("", "").await);
    let alice = fleet.token("alice");
    for at in [&first, &second] {
        assert_eq!(status(at, "/stock/tea", &alice).await, 200);
    }
    let third = fleet.gateway("", "").await;
    assert_eq!(status(&third, "/stock/tea", &alice).await, 200);
    assert_eq!(fleet.world.idp.token_requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn gateway_serves_without_the_store() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let first = fleet.gateway("", "").await;
    let (alice, bob) = (fleet.token("alice"), fleet.token("bob"));
    assert_eq!(status(&first, "/me", &alice).await, 200);
    assert_eq!(
        fleet.logout(&first, &fleet.logout_token("alice")).await,
        200
    );
    fleet.redis.pause();
    // What is known stays known, and others are served.
    assert_eq!(status(&first, "/me", &alice).await, 401);
    assert_eq!(status(&first, "/me", &bob).await, 200);
    assert_eq!(status(&first, "/stock/tea", &bob).await, 200);
    let logout = fleet.logout_token("bob");
    assert_eq!(fleet.logout(&first, &logout).await, 503);

    // Another one starts, and is ready.
    let second = fleet.gateway("", "").await;
    let ready = second.get(&second.admin, "/readyz", "").await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
    assert_eq!(status(&second, "/stock/tea", &bob).await, 200);

    // The same logout token takes effect when the store is back.
    fleet.redis.resume();
    let start = Instant::now();
    while fleet.logout(&first, &logout).await == 503 {
        assert!(start.elapsed() < PATIENCE);
    }
    until(401, &second, "/me", &bob).await;
    until(401, &second, "/me", &alice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strict_gateway_refuses_after_silence() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let strict = "revocation = { strict = \"5s\" }\nkey_ring";
    let first = fleet.gateway("key_ring", strict).await;
    let alice = fleet.token("alice");
    assert_eq!(status(&first, "/me", &alice).await, 200);
    fleet.redis.stop();
    let refused = until(503, &first, "/me", &alice).await;
    assert!(refused > Duration::from_secs(2), "{refused:?}");

    // Another one starts and is not ready.
    let second = fleet.gateway("key_ring", strict).await;
    let ready = second.get(&second.admin, "/readyz", "").await;
    assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    assert!(
        ready.contains("the logouts of the shared store are missing"),
        "{ready}"
    );
    assert_eq!(status(&second, "/me", &alice).await, 503);

    fleet.redis.restart();
    for at in [&first, &second] {
        until(200, at, "/me", &alice).await;
    }
    let ready = second.get(&second.admin, "/readyz", "").await;
    assert!(ready.starts_with("HTTP/1.1 200"), "{ready}");
}

#[tokio::test(flavor = "multi_thread")]
async fn store_mistake_stops_the_start() {
    let Some(fleet) = Fleet::with(&["--requirepass", "right-s3cret-password"]).await else {
        return;
    };
    let password = fleet.world.path("password");
    let line = format!("password = {{ file = \"{password}\" }}\nkey_ring");
    let text = fleet.changed("key_ring", &line);
    let config = fleet.world.file("gateway.toml", &text);
    let start = ["gateway", "-c", &config, "--admin", "127.0.0.1:0"];
    for (wrong, problem) in [
        ("wrong-s3cret-password", "shared: the shared store"),
        ("", "shared.password.file: the file is empty"),
    ] {
        fleet.world.file("password", wrong);
        // `run` fails if a secret is printed.
        let ran = fleet.world.run(&start, "").await;
        assert!(ran.code == 1 && ran.err.contains(problem), "{ran:?}");
    }
    fleet.world.file("password", "right-s3cret-password\n");
    fleet.world.file("ring-k1", "s3cret");
    let ran = fleet.world.run(&start, "").await;
    assert!(ran.code == 1, "{ran:?}");
    assert!(ran.err.contains("shared.key_ring[0].file"), "{ran:?}");
    fleet.world.file("ring-k1", &key("ring-k1"));
    let running = Running::start(&fleet.world, &config).await;
    assert_eq!(status(&running, "/me", &fleet.token("alice")).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn key_ring_is_replaced_while_serving() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let ring = "{ id = \"k1\", file = \"RING1\" }";
    let both = [
        format!("{ring}, {{ id = \"k2\", file = \"RING2\" }}"),
        format!("{{ id = \"k2\", file = \"RING2\" }}, {ring}"),
    ];
    let configs = ["first.toml", "second.toml"].map(|name| fleet.world.file(name, &fleet.text));
    let mut running = [
        Running::start(&fleet.world, &configs[0]).await,
        Running::start(&fleet.world, &configs[1]).await,
    ];
    let user = |step: usize| format!("user-{step}");
    let mut tokens = Vec::new();
    for step in 0..5 {
        // Each gateway takes each step on its own.
        if step > 0 {
            let at = (step - 1) % 2;
            let name = ["first.toml", "second.toml"][at];
            fleet
                .world
                .file(name, &fleet.changed(ring, &both[(step - 1) / 2]));
            running[at].logged("configuration loaded again").await;
        }
        let token = fleet.token(&user(step));
        let logout = fleet.logout_token(&user(step));
        assert_eq!(status(&running[1], "/me", &token).await, 200);
        assert_eq!(fleet.logout(&running[0], &logout).await, 200);
        until(401, &running[1], "/me", &token).await;
        assert_eq!(fleet.logout(&running[1], &logout).await, 400);
        tokens.push(token);
    }
    // All logouts are known after each step.
    for (token, at) in tokens.iter().zip([0, 1].into_iter().cycle()) {
        assert_eq!(status(&running[at], "/me", token).await, 401);
    }

    // A file with another key is read again.
    fleet.world.file("ring-k1", &key("3"));
    for running in &mut running {
        running.logged("key ring renewed").await;
    }
    let token = fleet.token("alice");
    assert_eq!(
        fleet
            .logout(&running[0], &fleet.logout_token("alice"))
            .await,
        200
    );
    until(401, &running[1], "/me", &token).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logouts_survive_a_reload() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let config = fleet.world.file("gateway.toml", &fleet.text);
    let mut running = Running::start(&fleet.world, &config).await;
    let alice = fleet.token("alice");
    assert_eq!(
        fleet.logout(&running, &fleet.logout_token("alice")).await,
        200
    );
    // The store forgets, and the process does not, as long as `[shared]` is the same.
    fleet.redis.command(&["FLUSHALL"]);
    fleet
        .world
        .file("gateway.toml", &fleet.changed("\"/me\"", "\"/self\""));
    running.logged("configuration loaded again").await;
    assert_eq!(status(&running, "/self", &alice).await, 401);
    assert_eq!(status(&running, "/self", &fleet.token("bob")).await, 200);

    // Another store that does not respond is not taken, until it does.
    fleet.redis.stop();
    let other = fleet.changed("key_ring", "deadline = \"50ms\"\nkey_ring");
    fleet.world.file("gateway.toml", &other);
    let event = running
        .logged("configuration not loaded yet; the old one stays in use, and it is tried again")
        .await;
    let problem = event["problem"].as_str().unwrap();
    assert!(problem.starts_with("shared: the shared store"), "{problem}");
    assert_eq!(status(&running, "/self", &alice).await, 401);
    fleet.redis.restart();
    running.logged("configuration loaded again").await;
    let metrics = running.get(&running.admin, "/metrics", "").await;
    for count in ["{outcome=\"ok\"} 2", "{outcome=\"retry\"} "] {
        let line = format!("obo_gateway_reloads_total{count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}
