//! The thieves on the page: each button, what is drawn, and what it says of the binding.

use serde_json::json;

use super::browser::Browser;
use super::{Page, expect, press};

/// A theft: a part of its title, and the error with which each service refuses it.
type Theft = (&'static str, &'static str);

const OWN_CALL: &str = "as expected: bob's own call with the same token: 200";

/// The drawing with this title, whose theft was refused by each service.
fn expect_refused(browser: &mut Browser, (title, error): Theft, scheme: &str) {
    let section = section(title);
    browser.wait_until(&format!("{section} !== undefined"));
    let lines = "[...call.querySelectorAll('.response')].map((line) => line.textContent)";
    let responses = browser.value(&format!(
        "[...{section}.querySelectorAll('.call')].map((call) => {lines}.join(' '))"
    ));
    let refused = |status| format!("{status} {scheme} error=\"{error}\"");
    let refused = ["401", "gRPC 16", "401"].map(refused);
    assert_eq!(responses, json!(refused), "{title}");
    let columns = format!("[...{section}.querySelectorAll('.column title')]");
    let columns = browser.value(&format!("{columns}.map((it) => it.textContent).join()"));
    assert_eq!(columns, "thief,service-a,service-b,service-c");
    let bad = format!("{section}.querySelectorAll('svg .call.bad').length");
    assert_eq!(browser.value(&bad), 3, "{title}");
}

fn section(title: &str) -> String {
    format!(
        "[...document.querySelectorAll('.calls section')]\
         .find((it) => it.querySelector('h2').textContent.includes({title:?}))"
    )
}

/// Presses a thief's button. Each theft is drawn, and then the owner's own call.
fn steal(browser: &mut Browser, id: &str, scheme: &str, thefts: &[Theft]) {
    press(browser, id, OWN_CALL);
    browser.wait_until("document.querySelectorAll('.verdict.bad, .verdict.odd').length === 1");
    for theft in thefts {
        expect_refused(browser, *theft, scheme);
    }
    expect(
        browser,
        "count('.call.good') === 3 && text.includes('subject bob')",
    );
}

/// The marks of the services in a row of the panel.
fn row(browser: &mut Browser, rule: &str) -> String {
    let row = browser.value(&format!(
        "[...document.querySelectorAll('.panel tbody tr')]\
         .find((it) => it.cells[0].textContent === {rule:?})?.textContent ?? 'no row'"
    ));
    row.as_str().unwrap().to_owned()
}

fn panel(browser: &mut Browser, text: &str) {
    browser.wait_until(&format!(
        "document.querySelector('.panel').textContent.includes({text:?})"
    ));
}

/// Follows the link on an arrow of a drawing.
fn select(browser: &mut Browser, title: &str, label: &str) {
    let section = section(title);
    browser.value(&format!(
        "{section}.querySelector('svg a[aria-label*={label:?}]').dispatchEvent(\
         new MouseEvent('click', {{ bubbles: true, cancelable: true }}))"
    ));
}

/// DP-14
#[test]
fn thieves_of_keys_are_drawn_as_refused() {
    let page = Page::start(&["--dpop"]);
    let Some(mut browser) = page.open() else {
        return;
    };
    let browser = &mut browser;
    press(browser, "call-as-alice", "alice called service-a: 200");
    expect(
        browser,
        "['of the app', 'of service-a', 'of service-b'].every((it) => text.replaceAll('of', 'of ')\
         .replaceAll('  ', ' ').includes(it))",
    );
    panel(browser, "of service-b");
    panel(
        browser,
        "the proof is by this key, for this request, and new",
    );
    assert_eq!(
        row(browser, "proof of the binding"),
        "proof of the binding–not checked–not checked✓kept"
    );

    let (token, proof) = ("invalid_token", "invalid_dpop_proof");
    steal(
        browser,
        "steal-from-log",
        "DPoP",
        &[
            ("the token as a bearer token", token),
            ("the token without a proof", proof),
        ],
    );
    panel(browser, "thief → service-c");
    panel(browser, "the request has no proof");
    panel(
        browser,
        "401 DPoP error=\"invalid_dpop_proof\", algs=\"RS256",
    );
    assert_eq!(
        row(browser, "proof of the binding"),
        "proof of the binding–not checked–not checked✗broken"
    );
    steal(
        browser,
        "steal-from-service",
        "DPoP",
        &[
            ("a proof by the thief's own key", token),
            ("the owner's public key, another signature", proof),
        ],
    );
    select(browser, "a proof by the thief's own key", "to service-b");
    panel(browser, "of another client, for POST http://");
    panel(
        browser,
        "service-b: token is bound to another key than the proof's",
    );
    steal(
        browser,
        "steal-from-proxy",
        "DPoP",
        &[
            ("the same proof again", proof),
            ("a proof for another path", proof),
            ("a proof for another method", proof),
            ("a proof of 61 seconds ago", proof),
        ],
    );
    select(browser, "the same proof again", "to service-a");
    panel(browser, "service-a: proof was used before");
    assert_eq!(browser.errors(), [""; 0]);
    assert!(!page.get("/").contains("eyJ"), "a token on the page");
}

/// MT-02
#[test]
fn thieves_of_certificates_are_drawn_as_refused() {
    let page = Page::start(&["--mtls"]);
    let Some(mut browser) = page.open() else {
        return;
    };
    let browser = &mut browser;
    press(browser, "call-as-alice", "alice called service-a: 200");
    panel(browser, "of service-b");
    panel(browser, "the connection has this certificate");

    let theft = |title| (title, "invalid_token");
    steal(
        browser,
        "steal-from-log",
        "Bearer",
        &[
            theft("the token without a certificate"),
            theft("the token over the thief's certificate"),
        ],
    );
    select(browser, "over the thief's certificate", "to service-b");
    panel(browser, "of another client");
    panel(browser, "token is bound to another certificate");
    steal(
        browser,
        "steal-from-service",
        "Bearer",
        &[theft("the token over that service's certificate")],
    );
    steal(
        browser,
        "steal-from-proxy",
        "Bearer",
        &[
            theft("the owner's certificate in a header"),
            theft("the same, over the thief's certificate"),
        ],
    );
    select(
        browser,
        "the owner's certificate in a header",
        "to service-a",
    );
    panel(browser, "the connection has no certificate");
    panel(browser, "the header client-cert does not count");
    assert_eq!(browser.errors(), [""; 0]);
    assert!(!page.get("/").contains("eyJ"), "a token on the page");
}

#[test]
fn thieves_of_plain_tokens_succeed() {
    let page = Page::start(&[]);
    let Some(mut browser) = page.open() else {
        return;
    };
    let browser = &mut browser;
    let says = |browser: &mut Browser, text: &str| {
        let says = format!("document.querySelector('main').textContent.includes({text:?})");
        assert_eq!(browser.value(&says), true, "{text}");
    };
    says(browser, "Nothing binds these tokens");
    says(browser, "A thief sends bob's tokens: accepted");
    let accepted = "as expected without a binding: ";
    for (id, theft) in [
        ("steal-from-log", "to each service the token for it"),
        (
            "steal-from-service",
            "the token that each service has received",
        ),
        ("steal-from-proxy", "all that was sent to each service"),
    ] {
        press(browser, id, OWN_CALL);
        says(browser, &format!("{accepted}{theft}: accepted by each"));
        let calls = format!(
            "{}?.querySelectorAll('svg .call.good').length",
            section(theft)
        );
        // The thief calls each service, and these call others.
        browser.wait_until(&format!("{calls} === 6"));
    }
    press(browser, "steal-from-log", OWN_CALL);
    let theft = "to each service the token for service-a";
    says(
        browser,
        &format!("{accepted}{theft}: accepted by service-a only"),
    );
    let refused = format!(
        "{}.querySelectorAll('svg .call.bad').length",
        section(theft)
    );
    browser.wait_until(&format!("{refused} === 2"));
    panel(browser, "wrong_audience");
    panel(browser, "works for everyone who holds it");
    assert_eq!(browser.errors(), [""; 0]);
}

#[test]
fn attacks_stay_refused_with_bound_tokens() {
    for binding in ["--dpop", "--mtls"] {
        for more in [&[][..], &["--opaque"]] {
            let arguments: Vec<_> = [binding].iter().chain(more).copied().collect();
            let page = Page::start(&arguments);
            for name in [
                "replay",
                "call-by-unlisted",
                "call-not-allowed",
                "steal-from-log",
                "steal-from-service",
                "steal-from-proxy",
                "revoke-alice",
            ] {
                page.post(name);
                let shown = page.get("/");
                let (_, status) = shown.split_once("id=\"status\"").unwrap();
                let (status, _) = status.split_once("</ul>\n</div>").unwrap_or((status, ""));
                assert!(
                    status.contains("as expected: "),
                    "{arguments:?} {name}: {status}"
                );
                assert!(
                    !shown.contains("not as expected"),
                    "{arguments:?} {name}: {status}"
                );
            }
        }
    }
}

#[test]
fn keyboard_reaches_the_thieves() {
    let page = Page::start(&["--dpop"]);
    let Some(mut browser) = page.open() else {
        return;
    };
    let browser = &mut browser;
    super::tab_to(browser, "#steal-from-proxy");
    browser.press("Enter");
    browser.wait_until(&format!(
        "document.getElementById('status').textContent.includes({OWN_CALL:?})"
    ));
    browser.wait_until("document.querySelectorAll('.calls section').length === 6");
    assert_eq!(
        browser.value("document.activeElement.id"),
        "steal-from-proxy"
    );
    let group = "document.getElementById('steal-from-log').parentElement.ariaLabel";
    assert_eq!(browser.value(group), "A thief sends bob's tokens: refused");
    super::tab_to(browser, "svg a[aria-label$='refused']");
    browser.press("Enter");
    browser.wait_until("document.activeElement.ariaCurrent === 'true'");
    panel(browser, "refuses it");
    assert_eq!(super::unnamed(browser), 0);
    assert_eq!(browser.errors(), [""; 0]);
}
