//! The page of `obo idp` as HTML. It needs no script.

use std::fmt::Write as _;

use obo_audit::page::live::{self, escaped};

use crate::claims::View;
use crate::mint::{Fields, Mint};
use crate::output::Report;
use crate::times;

/// What the last button did.
pub(crate) enum Outcome {
    /// No button was pressed.
    None,
    /// It minted this token.
    Minted(String),
    Done(String),
    Refused(String),
}

/// The style of the page of a chain, and of the form.
pub(crate) fn style() -> String {
    live::style().to_owned() + FORM
}

const FORM: &str = "\
.obo main { max-width: 980px; }
.obo .card { margin: 18px 0 0; padding: 18px 22px; background: var(--card); border: 1px solid var(--line); border-radius: 14px; overflow-x: auto; }
.obo .fields { display: grid; grid-template-columns: repeat(auto-fill, minmax(250px, 1fr)); gap: 12px 18px; margin: 10px 0 16px; }
.obo label { display: block; font-size: 13.5px; font-weight: 600; }
.obo small { display: block; color: var(--dim); font-size: 12.5px; }
.obo input, .obo select, .obo textarea { box-sizing: border-box; width: 100%; margin: 3px 0 0; padding: 7px 10px; font: inherit; color: var(--text); background: var(--back); border: 1px solid var(--line); border-radius: 8px; }
.obo textarea { font: 12.5px/1.5 ui-monospace, \"SF Mono\", Menlo, Consolas, monospace; }
.obo .status.bad { border-left-color: var(--bad); color: var(--bad); }
.obo .card table { width: 100%; }
.obo td form { margin: 0; }
.obo tr.good strong { color: var(--good); }
.obo tr.bad strong { color: var(--bad); }
";

/// Draws the page. `fields` are those of the last token, which the form shows again.
pub(crate) fn html(mint: &Mint, fields: Option<&Fields>, outcome: &Outcome) -> String {
    let issuer = escaped(mint.idp.issuer()).to_string();
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n<title>obo idp: development tokens</title>\n</head>\n\
         <body class=\"obo\">\n<main>\n<header>\n<h1>Development tokens</h1>\n\
         <p>Issuer <code>{issuer}</code>. For development only: anyone on this host gets a token for each of these \
         users.</p>\n</header>\n"
    );
    status(&mut html, outcome);
    if let Outcome::Minted(token) = outcome {
        minted(&mut html, token);
    }
    form(&mut html, mint, fields);
    users(&mut html, mint);
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

/// What was done. It has the focus, so that a screen reader reads it first.
fn status(html: &mut String, outcome: &Outcome) {
    let (class, role, text) = match outcome {
        Outcome::None => return,
        Outcome::Minted(_) => ("", "status", "The token is minted."),
        Outcome::Done(text) => ("", "status", &**text),
        Outcome::Refused(text) => (" bad", "alert", &**text),
    };
    let text = escaped(text);
    let _ = writeln!(
        html,
        "<p class=\"status{class}\" role=\"{role}\" tabindex=\"-1\" autofocus>{text}</p>"
    );
}

fn minted(html: &mut String, token: &str) {
    let mut report = Report::default();
    match View::of(token) {
        Some(view) => view.show(&mut report, times::now()),
        None => report.text("opaque: only the issuer can read it, by introspection"),
    }
    let token = escaped(token);
    let mut shown = String::new();
    for line in report.shown().trim_end().lines() {
        let _ = writeln!(shown, "{}", escaped(line));
    }
    let _ = writeln!(
        html,
        "<section class=\"card\" aria-labelledby=\"token\">\n<h2 id=\"token\">Token</h2>\n\
         <textarea readonly rows=\"6\" aria-label=\"Token\">{token}</textarea>\n\
         <pre class=\"json\" tabindex=\"0\">{shown}</pre>\n\
         <form class=\"controls\" method=\"post\" action=\"/\"><input type=\"hidden\" name=\"token\" value=\"{token}\">\
         <button class=\"attack\" name=\"press\" value=\"revoke\">Revoke this token</button></form>\n</section>"
    );
}

/// Each field of a token: its name, its label, and a hint.
const FIELDS: [[&str; 3]; 7] = [
    ["audience", "Audience", "empty: that of the user"],
    ["scope", "Scope", "empty: that of the user"],
    ["client", "Client", "empty: test-app"],
    ["actor", "Actors", "the current one last"],
    [
        "seconds",
        "Expires in seconds",
        "from now; empty: 300; negative: it has expired",
    ],
    [
        "issued_at",
        "Issued at, in seconds",
        "from now; empty: 0; 90: in the future",
    ],
    [
        "jkt",
        "Bound to the DPoP key",
        "its thumbprint; empty: to none",
    ],
];

fn form(html: &mut String, mint: &Mint, fields: Option<&Fields>) {
    let value = |name: &str| {
        fields
            .and_then(|fields| fields.get(name))
            .unwrap_or_default()
    };
    html.push_str(
        "<section class=\"card\" aria-labelledby=\"mint\">\n<h2 id=\"mint\">Mint a token</h2>\n\
         <form method=\"post\" action=\"/\">\n<div class=\"fields\">\n\
         <div><label for=\"user\">User</label><small id=\"user-hint\">of the file</small>\
         <select id=\"user\" name=\"user\" aria-describedby=\"user-hint\">",
    );
    for user in &mint.users {
        option(html, &user.name, &user.name, value("user") == user.name);
    }
    html.push_str("</select></div>\n");
    for [name, label, hint] in FIELDS {
        let list = match name {
            "audience" | "client" | "actor" => " list=\"clients\"",
            "seconds" | "issued_at" => " inputmode=\"numeric\"",
            _ => "",
        };
        let value = escaped(value(name));
        let _ = writeln!(
            html,
            "<div><label for=\"{name}\">{label}</label><small id=\"{name}-hint\">{hint}</small>\
             <input id=\"{name}\" name=\"{name}\" value=\"{value}\" aria-describedby=\"{name}-hint\" \
             autocomplete=\"off\"{list}></div>"
        );
    }
    html.push_str(
        "<div><label for=\"form\">Form</label><small id=\"form-hint\">opaque: it requires introspection</small>\
         <select id=\"form\" name=\"form\" aria-describedby=\"form-hint\">",
    );
    option(html, "jwt", "JWT", value("form") != "opaque");
    option(html, "opaque", "opaque", value("form") == "opaque");
    html.push_str("</select></div>\n</div>\n<datalist id=\"clients\">");
    for client in &mint.clients {
        let _ = write!(html, "<option value=\"{}\">", escaped(&client.id));
    }
    html.push_str("</datalist>\n<button class=\"first\">Mint</button>\n</form>\n</section>\n");
}

fn option(html: &mut String, value: &str, text: &str, is_selected: bool) {
    let selected = if is_selected { " selected" } else { "" };
    let (value, text) = (escaped(value), escaped(text));
    let _ = write!(html, "<option value=\"{value}\"{selected}>{text}</option>");
}

fn users(html: &mut String, mint: &Mint) {
    html.push_str(
        "<section class=\"card\" aria-labelledby=\"users\">\n<h2 id=\"users\">Users</h2>\n<table>\n<thead><tr>\
         <th scope=\"col\">User</th><th scope=\"col\">Audience</th><th scope=\"col\">Scope</th>\
         <th scope=\"col\">Tokens</th><th scope=\"col\">Change</th></tr></thead>\n<tbody>\n",
    );
    for user in &mint.users {
        let (class, state, press, label) = match mint.is_revoked(&user.name) {
            false => ("good", "active", "revoke", "Revoke"),
            true => ("bad", "revoked", "restore", "Restore"),
        };
        let name = escaped(&user.name);
        let audience = escaped(user.audience.as_deref().unwrap_or_default());
        let scopes = user.scopes.join(" ");
        let scopes = escaped(&scopes);
        let _ = writeln!(
            html,
            "<tr class=\"{class}\"><th scope=\"row\">{name}</th><td>{audience}</td><td>{scopes}</td><td><strong>{state}</strong></td>\
             <td><form method=\"post\" action=\"/\"><input type=\"hidden\" name=\"user\" value=\"{name}\">\
             <button name=\"press\" value=\"{press}\" aria-label=\"{label} the tokens of {name}\">{label}</button> \
             <button name=\"press\" value=\"logout\" aria-label=\"Log {name} out\">Log out</button></form></td></tr>"
        );
    }
    let at = mint.at;
    let _ = writeln!(
        html,
        "</tbody>\n</table>\n<p>A revoked token is inactive at the introspection endpoint, and cannot be exchanged. \
         A logout sends a logout token to each client with a <code>backchannel_logout_uri</code>.</p>\n\
         <pre class=\"json\" tabindex=\"0\">curl http://{at}/mint -d user=NAME &gt; token\n\
         curl http://{at}/revoke --data-urlencode token@token\n\
         curl http://{at}/revoke -d user=NAME\ncurl http://{at}/restore -d user=NAME\n\
         curl http://{at}/logout -d user=NAME</pre>\n</section>"
    );
}
