//! Arguments, completions and man pages.

use snapbox::{assert_data_eq, str};

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_unknown() {
    let world = World::new().await;
    for arguments in [&["inspekt"][..], &["check"], &["inspect", "--online"], &[]] {
        let ran = world.run(arguments, "").await;
        assert_eq!(ran.code, 2, "{ran:?}");
    }
    let ran = world.run(&["check", "GET", "--json", "/"], "").await;
    assert_data_eq!(
        ran.out,
        str![[r#"
{"error":"the following required arguments were not provided: --config <FILE>","exit_code":2,"place":null}

"#]]
    );
    let ran = world.run(&["--json", "--help"], "").await;
    assert!(ran.code == 0 && ran.out.contains("Usage:"), "{ran:?}");
    let ran = world.run(&["--help"], "").await;
    assert!(
        ran.code == 0 && ran.out.contains("Exit codes: 0 right"),
        "{ran:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shells_and_man_have_pages() {
    let world = World::new().await;
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = world.run(&["completions", shell], "").await;
        assert!(ran.code == 0 && ran.out.contains("inspect"), "{shell}");
    }
    let folder = world.path("man");
    let ran = world.run(&["man", &folder], "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for page in ["obo.1", "obo-doctor.1", "obo-gateway.1"] {
        let text = std::fs::read_to_string(format!("{folder}/{page}")).unwrap();
        assert!(text.contains(".TH"), "{page}");
    }
}
