use std::fs;

use super::chart::chart;
use super::markdown::{row, table};
use super::versions::named;
use crate::behaviours::Behaviours;
use crate::peers;
use crate::speed::Speed;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/peers.md");
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/peers.svg");

/// Writes the page and the chart that the README shows.
pub(crate) fn publish(speed: &Speed, behaviours: &Behaviours) {
    let page = page(speed, behaviours);
    print!("{page}");
    fs::write(PAGE, page).unwrap();
    let names: Vec<String> = named().collect();
    let panels = speed.panels().into_iter().chain([behaviours.panel()]);
    let panels: Vec<_> = panels.collect();
    fs::write(CHART, chart(&names, &panels)).unwrap();
}

fn page(speed: &Speed, behaviours: &Behaviours) -> String {
    let setups =
        peers::all().map(|peer| row(peer.name, [peer.crypto.to_owned(), peer.setup.to_owned()]));
    let setups = table(
        ["", "signatures by", "set up with"].map(str::to_owned),
        setups,
    );
    let head = std::iter::once(String::new()).chain(named());
    let short = table(head, speed.short().into_iter().chain(behaviours.short()));
    format!(
        "{INTRODUCTION}\n{short}\n{SETUPS}\n{setups}\n{SPEED}\n{}\n{BEHAVIOUR}\n{}\n{BEYOND}",
        speed.markdown(),
        behaviours.markdown()
    )
}

const INTRODUCTION: &str = "\
# Side by side

This page compares `obo` with other published libraries that validate access tokens in a tower service. All libraries
get the same requests, in one process. This command measures and writes the page:

```sh
cargo run --release --manifest-path benches/peers/Cargo.toml
```

It takes about seven minutes, most of it waiting. In short, with F for one signature verification and H for one SHA-256
of the token:
";

const SETUPS: &str = "\
## How each library is set up

Each library is set up as its own documentation recommends and as strictly as possible: issuer, audience, algorithm. A
setting that serves a library better in this comparison is used.
";

const SPEED: &str = "\
## Speed

The table shows what a request costs beyond the same route under a layer that does nothing. The route is an axum router,
called in the process on one thread, and its handler reads the subject. Tokens have about 900 bytes of claims. A cold
token is new to the service, a warm one is not.

F is one verification of the signature by aws-lc-rs with a parsed key. H is one SHA-256 of the token. They stand for the
least work for a new token and for a known one. Each figure is a difference of medians of 250 rounds of 16 requests, in
processor time of the thread; all libraries take turns. The brackets show the lowest and the highest of five parts of
the run. obo caches the tokens that it has verified; the others verify each time.

Requests with a proof (DPoP) have one warm token, and each has a new ES256 proof, which must not have been used before.
obo records used proofs in the process; huskarl-axum has a trait for that, here with a `HashSet`.
";

const BEHAVIOUR: &str = "\
## Behaviour

An authorization server in the process counts the requests. Key sets are 65 s old when a row begins, so that pauses
after the first fetch are over. \"At once\" is within a tenth of a second. Otherwise a request was sent four times a
second.
";

const BEYOND: &str = "\
## Features of the others that obo lacks

- **huskarl-axum**: rejection of a token whose `jti` repeats, login of browsers.
- **oauth-resource-server**: API keys in addition to tokens, an initial key set, settings from environment variables,
  scopes for each tool of an MCP server.
- **jwt-authorizer**: keys from a PEM file, shared secrets, tokens in cookies.
- **tower-oauth2-resource-server**: a static key set that is never fetched.
";
