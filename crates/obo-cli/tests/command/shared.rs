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
        "✓ shared key k1 usable: it encrypts and decrypts",
        "✓ shared key k2 usable: it decrypts",
        "✓ shared store writes, reads and takes; ",
        "✓ shared logouts the log is read",
        "✓ shared deadline the store responds in time",
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
