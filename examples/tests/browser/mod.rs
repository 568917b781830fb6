//! Chromium without a window, driven by the DevTools protocol over a pipe.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// Passes the pipes as the file descriptors 3 and 4, which Chromium uses.
const START: &str = r#"exec "$@" 3<&0 4>&1 0</dev/null 1>&2"#;

const FLAGS: [&str; 7] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-pipe",
];

/// One page in a browser of its own.
pub(crate) struct Browser {
    process: Child,
    requests: ChildStdin,
    responses: mpsc::Receiver<Value>,
    profile: PathBuf,
    session: Option<Value>,
    sent: u64,
    events: VecDeque<Value>,
}

impl Browser {
    /// Starts Chromium. Without it, the test is skipped, but fails in CI.
    pub(crate) fn start() -> Option<Self> {
        static PROFILES: AtomicUsize = AtomicUsize::new(0);
        let works = Command::new("chromium").arg("--version").output();
        if !works.is_ok_and(|output| output.status.success()) {
            assert!(
                std::env::var_os("CI").is_none(),
                "chromium is not installed"
            );
            println!("skipped: chromium is not installed");
            return None;
        }
        let number = PROFILES.fetch_add(1, Ordering::Relaxed);
        let name = format!("chromium-{}-{number}", std::process::id());
        let profile = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let mut command = Command::new("sh");
        command.args(["-c", START, "sh", "chromium"]).args(FLAGS);
        command.arg(format!("--user-data-dir={}", profile.display()));
        let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = pipes.stderr(Stdio::null()).spawn().unwrap();
        let mut browser = Self {
            requests: process.stdin.take().unwrap(),
            responses: read(process.stdout.take().unwrap()),
            process,
            profile,
            session: None,
            sent: 0,
            events: VecDeque::new(),
        };
        let page = browser.command("Target.createTarget", json!({ "url": "about:blank" }));
        let page = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.command("Target.attachToTarget", page);
        browser.session = Some(attached["sessionId"].clone());
        for domain in ["Page", "Runtime", "Log"] {
            browser.command(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Sends a command, and waits for its result.
    pub(crate) fn command(&mut self, method: &str, params: Value) -> Value {
        self.sent += 1;
        let mut request = json!({ "id": self.sent, "method": method, "params": params });
        if let Some(session) = &self.session {
            request["sessionId"] = session.clone();
        }
        let mut request = request.to_string().into_bytes();
        request.push(0);
        self.requests.write_all(&request).unwrap();
        loop {
            let response = self.receive();
            if response["id"] == self.sent {
                assert!(response["error"].is_null(), "{method}: {response}");
                return response["result"].clone();
            }
            self.events.push_back(response);
        }
    }

    fn receive(&mut self) -> Value {
        let received = self.responses.recv_timeout(Duration::from_secs(60));
        received.unwrap_or_else(|error| panic!("chromium sends nothing: {error}"))
    }

    /// Opens a page, and waits until it is loaded.
    pub(crate) fn open(&mut self, address: &str) {
        self.command("Page.navigate", json!({ "url": address }));
        while !self
            .events
            .iter()
            .any(|it| it["method"] == "Page.loadEventFired")
        {
            let event = self.receive();
            self.events.push_back(event);
        }
        self.events
            .retain(|it| it["method"] != "Page.loadEventFired");
    }

    /// The value of an expression, or of its promise.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let params =
            json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let result = self.command("Runtime.evaluate", params);
        let error = &result["exceptionDetails"];
        assert!(error.is_null(), "{expression}: {error}");
        result["result"]["value"].clone()
    }

    /// Waits until an expression is true: now, or after a change of the page.
    pub(crate) fn wait_until(&mut self, expression: &str) {
        let wait = format!(
            "new Promise((done) => {{
                const isMet = () => {expression};
                const late = setTimeout(() => done(document.body.innerText), 30000);
                const check = (_, observer) => {{
                    if (!isMet()) return;
                    observer?.disconnect();
                    clearTimeout(late);
                    done(true);
                }};
                const changes = {{ subtree: true, childList: true, characterData: true, attributes: true }};
                new MutationObserver(check).observe(document, changes);
                check();
            }})"
        );
        let met = self.value(&wait);
        assert_eq!(met, true, "not met: {expression}");
    }

    /// Presses a key, as a reader without a mouse does.
    pub(crate) fn press(&mut self, key: &str) {
        let (code, text) = match key {
            "Tab" => (9, ""),
            "Enter" => (13, "\r"),
            other => panic!("unknown key {other}"),
        };
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { text } else { "" };
            let params = json!({
                "type": kind, "key": key, "code": key, "text": text, "windowsVirtualKeyCode": code
            });
            self.command("Input.dispatchKeyEvent", params);
        }
    }

    /// Errors of scripts, of the policy, and of what was loaded.
    pub(crate) fn errors(&mut self) -> Vec<String> {
        // What comes before the response of this has arrived.
        self.value("0");
        let is_error = |event: &&Value| match event["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => event["params"]["type"] == "error",
            Some("Log.entryAdded") => event["params"]["entry"]["level"] == "error",
            _ => false,
        };
        let errors = self.events.iter().filter(is_error);
        errors.map(ToString::to_string).collect()
    }
}

/// Reads messages in the background, so that a wait for one can have an end.
fn read(output: ChildStdout) -> mpsc::Receiver<Value> {
    let (sender, received) = mpsc::channel();
    let messages = BufReader::new(output).split(0).map_while(Result::ok);
    thread::spawn(move || {
        for message in messages {
            // The last message may be cut, and the test may have ended.
            if let Ok(message) = serde_json::from_slice(&message) {
                let _ = sender.send(message);
            }
        }
    });
    received
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The profile may stay if the browser does not end.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
