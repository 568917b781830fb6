//! What the commands say of `[shared]`: the store, its keys, and the logouts in it.

use crate::fleet::{Fleet, key};

#[tokio::test(flavor = "multi_thread")]
async fn doctor_checks_store_and_keys() {
    let Some(fleet) = Fleet::with(&["--requirepass", "right-s3cret-password"]).await else {
        return;
    };
    let password = fleet.world.path("password");
    let ring = "[{ id = \"k1\", file = \"RING1\" }, { id = \"k2\", file = \"RING2\" }]";
    let line = format!("password = {{ file = \"{password}\" }}\nkey_ring = {ring}");
    let text = fleet.changed("key_ring = [{ id = \"k1\", file = \"RING1\" }]", &line);
    let config = fleet.world.file("gateway.toml", &text);
    fleet.world.file("password", "right-s3cret-password");
    let doctor = async || {
        fleet
            .world
            .run(&["doctor", "-c", &config], "")
            .await
            .plain()
    };
    let report = doctor().await;
    for right in [
        "✓ shared key k1 usable: it encrypts and decrypts; fingerprint ",
        "✓ shared key k2 usable: it decrypts; fingerprint ",
        "✓ shared store writes, reads and takes; ",
        "✓ shared logouts the log is read",
        "✓ shared deadline the store responds in time",
        "✓ shared store rights its user may do all that is needed",
        "✓ shared store eviction noeviction",
        "· shared store memory no limit",
        "· shared store persistence none",
        "→ set `appendonly yes`",
    ] {
        assert!(report.contains(right), "{right}: {report}");
    }
    // The probe leaves nothing but what was taken once.
    let names = fleet
        .redis
        .commands(&[&["AUTH", "right-s3cret-password"], &["KEYS", "*"]]);
    assert!(names[1].lines().count() <= 2, "{names:?}");

    fleet.world.file("ring-k2", "s3cret");
    let report = doctor().await;
    let wrong = "✗ shared key k2 shared.key_ring[1].file: key \"k2\" is not 32 bytes in base64url";
    assert!(
        report.contains(wrong) && report.contains("→ write 32 random bytes"),
        "{report}"
    );
    assert!(report.contains("✓ shared store"), "{report}");
    fleet.world.file("ring-k2", &key("ring-k1"));
    let report = doctor().await;
    assert!(report.contains("have the same secret"), "{report}");

    fleet.world.file("ring-k2", &key("ring-k2"));
    fleet.world.file("password", "wrong-s3cret-password");
    let report = doctor().await;
    assert!(
        report.contains("✗ shared store the shared store"),
        "{report}"
    );
    assert!(
        report.contains("→ correct the user in `redis`, the `password`"),
        "{report}"
    );
    fleet.redis.stop();
    let report = doctor().await;
    assert!(
        report.contains("? shared store the shared store"),
        "{report}"
    );
    assert!(report.contains("can this host reach it?"), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_names_what_may_lose_logouts() {
    let settings = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"];
    let Some(fleet) = Fleet::with(&[&settings[..], &["--appendonly", "yes"]].concat()).await else {
        return;
    };
    let rights = "reset on >s3cret ~obo:* &obo:* +@all -xadd -publish -config -info";
    let rights = ["ACL", "SETUSER", "obo"]
        .into_iter()
        .chain(rights.split(' '));
    let config = fleet.world.file("gateway.toml", &fleet.text);
    let doctor = async |config: &str| fleet.world.run(&["doctor", "-c", config], "").await;
    let ran = doctor(&config).await;
    let report = ran.plain();
    assert_eq!(ran.code, 1, "{report}");
    for line in [
        "✗ shared store eviction allkeys-lru: a store that is full may evict logouts",
        "→ set `maxmemory-policy noeviction`",
        "of 104.9 MB are used",
        "✓ shared store persistence appendonly",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }

    let set = rights.collect::<Vec<_>>();
    assert_eq!(fleet.redis.command(&set), "OK");
    let text = fleet.text.replace("redis://", "redis://obo:s3cret@");
    let config = fleet.world.file("limited.toml", &text);
    let ran = doctor(&config).await;
    let report = ran.plain();
    assert_eq!(ran.code, 1, "{report}");
    for line in [
        "✗ shared store rights its user lacks +xadd +publish",
        "→ `ACL SETUSER` the user of `redis` with +xadd +publish",
        "· shared store settings its user may run neither CONFIG GET nor INFO",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn doctor_compares_rings_without_keys() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let other = fleet.changed("RING1", "RING2");
    let configs = [("one.toml", &fleet.text), ("other.toml", &other)];
    let [one, other] = configs.map(|(name, text)| fleet.world.file(name, text));
    let fingerprint = async |config: &str| {
        let report = fleet.world.run(&["doctor", "-c", config], "").await.plain();
        let (_, after) = report.split_once("fingerprint ").unwrap();
        after.split_whitespace().next().unwrap().to_owned()
    };
    let first = fingerprint(&one).await;
    assert_eq!(first.len(), 8);
    assert_eq!(first, fingerprint(&one).await);
    assert_ne!(first, fingerprint(&other).await);

    let gateway = fleet.gateway("", "").await;
    let logout = fleet.logout_token("alice");
    assert_eq!(fleet.logout(&gateway, &logout).await, 200);
    let ran = fleet.world.run(&["doctor", "-c", &one], "").await;
    assert!(ran.plain().contains("its newest logout opens"), "{ran:?}");
    let ran = fleet.world.run(&["doctor", "-c", &other], "").await;
    assert_eq!(ran.code, 1, "{ran:?}");
    let wrong = "✗ shared logouts no key of this ring opens the newest logout";
    assert!(ran.plain().contains(wrong), "{ran:?}");
    assert!(ran.plain().contains("compare the fingerprints"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_lists_the_receivers() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    // It needs neither the store nor its keys.
    let text = fleet.changed("file = \"RING1\"", "file = \"/no/such/key\"");
    let config = fleet.world.file("gateway.toml", &text);
    for (method, path, code, shown) in [
        (
            "POST",
            "/backchannel-logout",
            0,
            "✓ [logout] /backchannel-logout takes logout tokens",
        ),
        (
            "POST",
            "/ssf",
            0,
            "✓ [signals] /ssf takes security event tokens",
        ),
        (
            "GET",
            "/ssf",
            1,
            "✗ [signals] /ssf 405: takes security event tokens",
        ),
        (
            "GET",
            "/me",
            0,
            "· [logout] /backchannel-logout takes logout tokens",
        ),
    ] {
        let ran = fleet
            .world
            .run(&["check", "-c", &config, method, path], "")
            .await;
        assert_eq!(ran.code, code, "{ran:?}");
        assert!(ran.plain().contains(shown), "{ran:?}");
    }
    let text = fleet.changed("path = \"/ssf\"", "path = \"/me\"");
    let config = fleet.world.file("gateway.toml", &text);
    let ran = fleet
        .world
        .run(&["check", "-c", &config, "GET", "/me"], "")
        .await;
    assert!(ran.err.contains("signals.path"), "{ran:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn logged_out_user_is_refused() {
    let Some(fleet) = Fleet::start().await else {
        return;
    };
    let gateway = fleet.gateway("", "").await;
    let (alice, bob) = (fleet.token("alice"), fleet.token("bob"));
    let logout = fleet.logout_token("alice");
    assert_eq!(fleet.logout(&gateway, &logout).await, 200);
    let config = fleet.world.file("gateway.toml", &fleet.text);
    let commands: [&[&str]; 3] = [
        &["inspect", "--online", "-c", &config],
        &["check", "-c", &config, "GET", "/me", "--token", "-"],
        &["doctor", "-c", &config, "--token", "-"],
    ];
    for command in commands {
        let ran = fleet.world.run(command, &alice).await;
        let shown = ran.plain();
        assert_eq!(ran.code, 1, "{shown}");
        assert!(
            shown.contains("logouts the log of [shared] was read"),
            "{shown}"
        );
        assert!(shown.contains("→ the user has logged out since"), "{shown}");
        assert!(!shown.contains("was exchanged"), "{shown}");
        let ran = fleet.world.run(command, &bob).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    // It is not known where the store is not reached.
    fleet.redis.stop();
    for command in &commands[..2] {
        let ran = fleet.world.run(command, &bob).await;
        let shown = ran.plain();
        assert_eq!(ran.code, 2, "{shown}");
        assert!(
            shown.contains("logouts not read: the shared store"),
            "{shown}"
        );
    }
}
