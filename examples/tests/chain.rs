//! The chain with bound tokens as a program: its table of thefts, and its exit codes.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

use std::process::{Command, Output};

fn chain(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chain"));
    command.args(arguments).output().unwrap()
}

/// Runs the chain with the tokens bound like this, and checks its table of this many thefts.
fn assert_table(binding: &str, thefts: usize, errors: &[&str]) {
    for more in [&[][..], &["--opaque"]] {
        let arguments: Vec<_> = [binding].iter().chain(more).copied().collect();
        let output = chain(&arguments);
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{printed}");
        let (_, table) = printed.split_once("what a stolen token is worth").unwrap();
        let rows: Vec<Vec<_>> = table
            .lines()
            .skip(1)
            .map(|line| {
                line.split("  ")
                    .map(str::trim)
                    .filter(|it| !it.is_empty())
                    .collect()
            })
            .collect();
        let [head, tried @ .., owner] = &*rows else {
            panic!("{table}");
        };
        assert_eq!(*head, ["service-a", "service-b", "service-c"]);
        assert_eq!(tried.len(), thefts);
        for row in tried {
            let error = row[1].strip_prefix("401 ").unwrap();
            assert!(errors.contains(&error));
            assert_eq!(row[1..], [row[1], &format!("gRPC 16 {error}"), row[1]]);
        }
        assert_eq!(owner[1..], ["200", "gRPC 0", "200"]);
        assert!(!printed.contains("eyJ"), "a token is printed");
    }
}

/// DP-14
#[test]
fn table_shows_thefts_at_each_hop() {
    assert_table("--dpop", 8, &["invalid_token", "invalid_dpop_proof"]);
}

/// MT-02
#[test]
fn table_shows_thefts_over_tls_too() {
    assert_table("--mtls", 5, &["invalid_token"]);
}

#[test]
fn replicas_have_bearer_tokens() {
    let output = chain(&["--dpop", "--replicas", "2"]);
    assert!(!output.status.success());
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("leave out --dpop, --mtls or --replicas"),
        "{error}"
    );
}
