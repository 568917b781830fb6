//! `obo trace`: records of several services become chains.

use serde_json::{Value, json};
use snapbox::{assert_data_eq, str};

use crate::world::World;

fn request(service: &str, time: &str, jti: &str, actor: Option<&str>) -> String {
    let mut record = json!({
        "schema": "obo-audit/1", "time": format!("2026-11-29T12:00:00.{time}Z"), "service": service,
        "record": "request", "decision": "allow", "method": "GET", "path": "/orders/42",
        "issuer": "https://idp.example", "subject": "alice", "audience": service, "jti": jti,
    });
    if let Some(actor) = actor {
        record["actor"] = actor.into();
    }
    record.to_string() + "\n"
}

fn token(service: &str, time: &str, target: &str, caller: &str, issued: &str) -> String {
    let record = json!({
        "schema": "obo-audit/1", "time": format!("2026-11-29T12:00:00.{time}Z"), "service": service,
        "record": "token", "source": "exchange", "seconds": 0.02, "target_audience": target,
        "issuer": "https://idp.example", "subject": "alice", "client_id": service,
        "caller_jti": caller, "issued_jti": issued,
    });
    record.to_string() + "\n"
}

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_logs_join_into_one_chain() {
    let world = World::new().await;
    let gateway = token("gateway", "020000", "orders", "j1", "j2")
        + &request("gateway", "000100", "j1", None);
    let orders = token("orders", "040000", "stock", "j2", "j3")
        + &request("orders", "022000", "j2", Some("gateway"));
    let stock = request("stock", "042000", "j3", Some("orders"));
    let logs = [("b.log", stock), ("c.log", gateway), ("a.log", orders)];
    let logs = logs.map(|(name, text)| world.file(name, &text));
    let ran = world
        .run(&["trace", &logs[0], &logs[1], &logs[2]], "")
        .await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
2026-11-29T12:00:00.000100Z
✓ gateway GET /orders/42
│ subject alice audience gateway
└─ ✓ orders GET /orders/42 exchanged in 20 ms +21.9 ms
│ subject alice actor gateway audience orders
└─ ✓ stock GET /orders/42 exchanged in 20 ms +41.9 ms
subject alice actor orders audience stock

· responses ✓ means that the service let the request in; its response is not recorded
exit code 0

"#]]
    );
    let ran = world
        .run(&["--json", "trace", &logs[0], &logs[1], &logs[2]], "")
        .await;
    let json: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(json["chains"].as_array().unwrap().len(), 1, "{json}");
    let page = world.path("chains.html");
    let ran = world
        .run(
            &["trace", "--html", &page, &logs[0], &logs[1], &logs[2]],
            "",
        )
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let html = std::fs::read_to_string(page).unwrap();
    assert!(
        html.starts_with("<!doctype html>") && html.contains("stock"),
        "{html}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_line_is_named_others_shown() {
    let world = World::new().await;
    let good = request("gateway", "000100", "j1", None);
    let other = good.replace("obo-audit/1", "obo-audit/9");
    let text = format!(
        "{good}{other}just text\n{}",
        good.replace("\"path\"", "\"pfad\" 7")
    );
    let log = world.file("bad.log", &text);
    let ran = world.run(&["trace", &log], "").await;
    assert_data_eq!(
        ran.plain(),
        str![[r#"
2026-11-29T12:00:00.000100Z
✓ gateway GET /orders/42
subject alice audience gateway

· responses ✓ means that the service let the request in; its response is not recorded
? not a record FOLDER/bad.log:2: the schema `obo-audit/9`; expected `obo-audit/1`; read it with a program of its version
? not a record FOLDER/bad.log:4: not JSON: expected `:` at column 106; expected one JSON object in one line
· left out FOLDER/bad.log: 1 other line, not audit records
exit code 2

"#]]
    );
    let ran = world.run(&["trace", "-"], "no record\n").await;
    assert_eq!(ran.code, 2, "{ran:?}");
    let ran = world.run(&["trace", &world.path("none.log")], "").await;
    assert!(
        ran.code == 2 && ran.err.contains("cannot be read"),
        "{ran:?}"
    );
}
