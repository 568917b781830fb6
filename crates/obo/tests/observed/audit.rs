use std::io::Write;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;

use crate::running::Running;

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Log {
    /// The audit events, each a line.
    fn audit(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        let lines = text.lines().filter(|line| line.contains("obo::audit"));
        lines.map(str::to_owned).collect()
    }
}

fn has(event: &str, fields: &[&str]) {
    for field in fields {
        assert!(event.contains(field), "{field} in {event}");
    }
}

#[tokio::test]
async fn ob_08_ob_06_allow_and_deny_are_told_with_who_and_why() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let running = Running::start().await;
    let of = |user: &str| running.idp.user(user).audience("service-a");
    let allowed = of("alice").actor("service-c").actor("service-d");
    assert_eq!(running.call(Some(&allowed.mint())).await, 200);
    assert_eq!(running.call(Some(&of("alice").mint())).await, 403);
    assert_eq!(running.call(Some(&of("bob").mint())).await, 403);
    assert_eq!(running.call(Some("opaque")).await, 401);
    assert_eq!(running.call(None).await, 401);

    // A refusal by a rule comes after the layer has let the request pass.
    let events = log.audit();
    let [allow, _, by_rule, _, of_bob, no_token, nothing] = events.as_slice() else {
        panic!("{events:#?}");
    };
    let who = [
        &*format!("issuer=\"{}\"", running.idp.issuer()),
        r#"client_id="test-app""#,
        r#"audience="service-a""#,
        "jti=",
    ];
    let request = [r#"method="GET""#, r#"path="/orders""#];
    has(
        allow,
        &[
            r#"decision="allow""#,
            r#"actor="service-d""#,
            r#"prior_actors="service-c""#,
        ],
    );
    has(by_rule, &[r#"decision="deny""#, r#"code="actor_refused""#]);
    has(no_token, &[r#"code="malformed_token""#, "reason="]);
    has(nothing, &[r#"code="missing_credentials""#]);
    for event in [allow, by_rule, of_bob] {
        has(event, &who);
    }
    for event in [allow, by_rule, of_bob, no_token, nothing] {
        has(event, &request);
        for secret in ["alice", "bob", "opaque", "secret"] {
            assert!(!event.contains(secret), "{event}");
        }
    }
    assert_eq!(pseudonym(allow), pseudonym(by_rule));
    assert_ne!(pseudonym(allow), pseudonym(of_bob));
}

fn pseudonym(event: &str) -> &str {
    let (_, rest) = event.split_once("subject=\"").unwrap();
    let (pseudonym, _) = rest.split_once('"').unwrap();
    assert_eq!(pseudonym.len(), 16);
    pseudonym
}
