//! The page of the chain in a browser: every button, the drawn result, the keyboard, both themes.
//! And without a browser: the way without a script, and what the page refuses.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed assumption fails the test"
)]

mod browser;
mod thefts;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use self::browser::Browser;

/// The chain with its page. It is killed when the test ends.
struct Page {
    process: Child,
    address: String,
}

impl Page {
    fn start(more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chain"));
        command.arg("--page").args(more);
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines.map_while(Result::ok).find_map(|line| {
            let rest = line.strip_prefix("the page is at http://")?;
            Some(rest.split_once('/')?.0.to_owned())
        });
        let address = address.unwrap();
        Self { process, address }
    }

    fn open(&self) -> Option<Browser> {
        let mut browser = Browser::start()?;
        // Without the animation of new calls.
        media(&mut browser, "light");
        browser.open(&format!("http://{}/", self.address));
        Some(browser)
    }

    /// Sends a request with these lines of its head, and returns the response.
    fn send(&self, head: &[&str]) -> String {
        let mut connection = TcpStream::connect(&self.address).unwrap();
        let head = head.join("\r\n");
        let request = format!("{head}\r\nconnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        connection.read_to_string(&mut response).unwrap();
        response
    }

    fn get(&self, path: &str) -> String {
        let (start, host) = (
            format!("GET {path} HTTP/1.1"),
            format!("host: {}", self.address),
        );
        self.send(&[&start, &host])
    }

    /// Presses a button without a script.
    fn post(&self, name: &str) -> String {
        let start = format!("POST /actions/{name} HTTP/1.1\r\ncontent-length: 0");
        let host = format!("host: {}", self.address);
        let origin = format!("origin: http://{}", self.address);
        self.send(&[&start, &host, &origin])
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // The process has ended already if it could not start.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn media(browser: &mut Browser, theme: &str) {
    let features = json!([
        { "name": "prefers-color-scheme", "value": theme },
        { "name": "prefers-reduced-motion", "value": "reduce" },
    ]);
    browser.command(
        "Emulation.setEmulatedMedia",
        json!({ "features": features }),
    );
}

/// Presses a button, and waits for this text in the status.
fn press(browser: &mut Browser, id: &str, status: &str) {
    // The status of an earlier action does not count.
    browser.value("document.getElementById('status').textContent = ''");
    browser.value(&format!("document.getElementById('{id}').click()"));
    browser.wait_until(&format!(
        "document.getElementById('status').textContent.includes({status:?})"
    ));
}

/// Waits until the latest call is drawn like this.
fn expect(browser: &mut Browser, what: &str) {
    let latest = "document.querySelector('.calls section')";
    let count = format!("((of) => {latest}.querySelectorAll('svg ' + of).length)");
    let text = format!("{latest}.querySelector('svg').textContent");
    browser.wait_until(&format!(
        "{latest} !== null && ((count, text) => {what})({count}, {text})"
    ));
}

/// Waits until the state of the page has this text.
fn expect_fact(browser: &mut Browser, fact: &str) {
    browser.wait_until(&format!(
        "document.querySelector('.facts').textContent.includes({fact:?})"
    ));
}

/// Goes to an element by the keyboard, and returns the outline that it has then.
fn tab_to(browser: &mut Browser, target: &str) -> Value {
    let is_there = format!("document.activeElement.matches({target:?})");
    for _ in 0..60 {
        browser.press("Tab");
        if browser.value(&is_there) == true {
            return browser.value("getComputedStyle(document.activeElement).outlineStyle");
        }
    }
    panic!("{target} cannot be reached");
}

/// The number of elements that screen readers cannot name.
fn unnamed(browser: &mut Browser) -> Value {
    browser.value(
        "[...document.querySelectorAll('button, a, svg, section, form')]\
         .filter((it) => !it.ariaLabel && !it.textContent.trim()).length",
    )
}

const KID: &str = "document.querySelector('.facts li:nth-child(3) b').textContent";

#[test]
fn buttons_draw_what_happens() {
    let page = Page::start(&[]);
    let Some(mut browser) = page.open() else {
        return;
    };
    let browser = &mut browser;

    press(browser, "call-as-alice", "alice called service-a: 200");
    expect(
        browser,
        "count('.call.good') === 3 && count('.exchanged') === 2",
    );
    expect(
        browser,
        "['alice', 'actor service-b', 'before service-a'].every((it) => text.includes(it))",
    );
    press(browser, "call-as-alice", "alice called service-a: 200");
    expect(
        browser,
        "count('.call.good') === 3 && count('.cached') === 2",
    );
    press(browser, "call-as-bob", "bob called service-a: 200");
    expect(
        browser,
        "count('.exchanged') === 2 && text.includes('subject bob')",
    );

    press(
        browser,
        "replay",
        "as expected: alice's token for service-a, sent straight",
    );
    expect(
        browser,
        "count('.call.bad') === 1 && text.includes('wrong_audience')",
    );
    let marks = "[...document.querySelectorAll('.panel tbody tr')].find((it) => \
                 it.cells[0].textContent === 'audience').textContent";
    assert_eq!(browser.value(marks), "audience✓kept✗broken✗broken");
    press(
        browser,
        "call-by-unlisted",
        "not listed calls service-c: 403",
    );
    expect(
        browser,
        "text.includes('actor_refused') && text.includes('service-x')",
    );
    let refused = "document.querySelectorAll('.calls section .call.bad').length";
    assert_eq!(browser.value(refused), 3);
    press(
        browser,
        "call-not-allowed",
        "which the server does not allow: 403",
    );
    expect(
        browser,
        "count('.call.bad.dashed') === 1 && text.includes('not made: service-c')",
    );
    expect(browser, "text.includes('target_denied')");

    let kid = browser.value(KID);
    press(browser, "rotate-keys", "new key");
    browser.wait_until(&format!("{KID} !== {kid}"));
    press(browser, "call-as-alice", "alice called service-a: 200");
    expect(browser, "count('.exchanged') === 2");
    browser.wait_until(&format!(
        "document.querySelector('.panel .json').textContent.includes({KID})"
    ));

    press(
        browser,
        "revoke-alice",
        "as expected: alice, whose token was revoked: 401",
    );
    expect(
        browser,
        "text.includes('not made: service-b') && text.includes('was revoked')",
    );
    expect_fact(browser, "alice revoked");
    press(browser, "call-as-alice", "alice called service-a: 401");
    press(browser, "sign-in-alice", "signed in again");
    expect_fact(browser, "alice signed in");
    press(browser, "call-as-alice", "alice called service-a: 200");

    press(browser, "stop-server", "has stopped");
    expect_fact(browser, "authorization server stopped");
    press(browser, "call-as-alice", "alice called service-a: 200");
    expect(browser, "count('.cached') === 2");
    press(browser, "call-as-bob", "bob called service-a: 503");
    expect(
        browser,
        "text.includes('not made: service-b') && text.includes('transient')",
    );
    press(browser, "start-server", "runs again");
    expect_fact(browser, "authorization server running");
    press(browser, "call-as-bob", "bob called service-a: 200");
    expect(browser, "count('.call.good') === 3");

    assert_eq!(browser.errors(), [""; 0]);
    assert!(!page.get("/").contains("eyJ"), "a token on the page");
}

#[test]
fn keyboard_reaches_everything() {
    let page = Page::start(&[]);
    let Some(mut browser) = page.open() else {
        return;
    };
    assert_eq!(tab_to(&mut browser, "#call-as-alice"), "solid");
    browser.press("Enter");
    expect(&mut browser, "count('.call.good') === 3");
    // The page has changed around the focus.
    assert_eq!(browser.value("document.activeElement.id"), "call-as-alice");

    tab_to(&mut browser, "svg a");
    let stroke = "getComputedStyle(document.activeElement.querySelector('.area')).strokeWidth";
    assert_eq!(browser.value(stroke), "3px");
    browser.press("Enter");
    browser.wait_until("document.querySelector('.panel h2').textContent === 'alice → service-a'");
    assert_eq!(browser.value("location.search.endsWith('&hop=0')"), true);
    assert_eq!(browser.value("document.activeElement.ariaCurrent"), "true");

    tab_to(&mut browser, "summary");
    browser.press("Enter");
    let rows = "document.querySelector('details[open] tbody').rows.length";
    assert_eq!(browser.value(rows), 3);
    // Another call leaves the opened table open.
    press(&mut browser, "call-as-bob", "bob called service-a: 200");
    browser.wait_until("document.querySelectorAll('.calls section').length === 2");
    assert_eq!(
        browser.value("document.querySelectorAll('details[open]').length"),
        1
    );
    // What was selected gives way once the form is sent.
    browser.wait_until("location.search === '' && main.ariaBusy === null");

    let live = "document.getElementById('status').ariaLive";
    assert_eq!(browser.value(live), "polite");
    assert_eq!(unnamed(&mut browser), 0);
    assert_eq!(browser.errors(), [""; 0]);
}

/// With `WRITE_SCREENSHOT`, writes `docs/page.png`.
#[test]
fn page_has_two_themes() {
    let page = Page::start(&[]);
    let Some(mut browser) = page.open() else {
        return;
    };
    let size = json!({ "width": 1440, "height": 1290, "deviceScaleFactor": 1, "mobile": false });
    browser.command("Emulation.setDeviceMetricsOverride", size);
    browser.command("Emulation.setScrollbarsHidden", json!({ "hidden": true }));
    press(&mut browser, "replay", "as expected");
    press(&mut browser, "call-as-alice", "alice called service-a: 200");
    expect(&mut browser, "count('.call.good') === 3");
    let fits = "document.documentElement.scrollWidth <= innerWidth";
    let wide = "[...document.querySelectorAll('.chain > .wide')].filter((it) => it.scrollWidth > it.clientWidth).length";
    assert_eq!(browser.value(fits), true);
    assert_eq!(browser.value(wide), 0, "a diagram has to be scrolled");

    let mut pictures = Vec::new();
    for theme in ["dark", "light"] {
        media(&mut browser, theme);
        let picture = browser.command("Page.captureScreenshot", json!({ "format": "png" }));
        let picture = picture["data"].as_str().map(|data| STANDARD.decode(data));
        pictures.push(picture.unwrap().unwrap());
    }
    assert_ne!(pictures[0], pictures[1]);
    if std::env::var_os("WRITE_SCREENSHOT").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/page.png");
        std::fs::write(path, &pictures[1]).unwrap();
    }
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn page_works_without_script() {
    for more in [&[][..], &["--opaque"]] {
        let page = Page::start(more);
        let response = page.post("call-as-alice");
        assert!(response.starts_with("HTTP/1.1 303 "), "{response}");
        assert!(response.contains("\r\nlocation: /\r\n"), "{response}");
        let shown = page.get("/");
        assert_eq!(shown.matches("<g class=\"call good\">").count(), 3);
        assert!(shown.contains("alice called service-a: 200"), "{shown}");
        let link = shown.split_once("<a href=\"?").unwrap().1;
        let link = link.split_once('"').unwrap().0.replace("&amp;", "&");
        assert!(link.ends_with("&hop=0"), "{link}");
        let panel = page.get(&format!("/?{link}"));
        assert!(panel.contains("<h2>alice → service-a</h2>"), "{panel}");
        assert!(page.post("no-such-action").starts_with("HTTP/1.1 404 "));
    }
}

#[test]
fn requests_of_other_sites_are_refused() {
    let page = Page::start(&[]);
    let host = format!("host: {}", page.address);
    let ours = format!("origin: http://{}", page.address);
    let post = "POST /actions/stop-server HTTP/1.1\r\ncontent-length: 0";
    for (head, status) in [
        (&[post, &host][..], "403"),
        (&[post, &host, "origin: https://other.example"], "403"),
        (&[post, &host, &ours, "sec-fetch-site: cross-site"], "403"),
        (&[post, "host: rebound.example", &ours], "421"),
        (&["GET / HTTP/1.1", "host: rebound.example"], "421"),
        (&["GET /events HTTP/1.1", "host: rebound.example"], "421"),
        (&["GET /actions/stop-server HTTP/1.1", &host], "405"),
    ] {
        let response = page.send(head);
        assert!(
            response.starts_with(&format!("HTTP/1.1 {status} ")),
            "{head:?}: {response}"
        );
    }
    let shown = page.get("/");
    assert!(shown.contains("<b>running</b>"), "{shown}");
    let policy = "\r\ncontent-security-policy: default-src 'none'; style-src 'sha256-";
    assert!(shown.contains(policy), "{shown}");
    for inline in [" onclick=", " style=", "javascript:"] {
        assert!(!shown.contains(inline), "{inline}");
    }
}
