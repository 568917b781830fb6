//! Sends requests and compares each response with the expected one.

use std::time::Duration;

use axum::http::{Response, header};
use futures_util::future::join_all;
use obo_testkit::{TestAlg, TestKey};

use super::measured::Row;
use super::requests::{self, Case, Expected};
use super::world::{accepts_within, server, user};
use crate::app::App;
use crate::peers::{self, Peer, Trust};

const KID: &str = "requests";

pub(super) async fn rows(deviations: &mut [Vec<String>]) -> Vec<Row> {
    let seen = join_all(peers::all().map(refuse)).await;
    for (of_peer, seen) in deviations.iter_mut().zip(&seen) {
        of_peer.extend(seen.iter().filter_map(Seen::deviation));
    }
    let cells = |of: fn(&Seen) -> bool, good: fn(&Seen) -> bool| {
        seen.iter()
            .map(|seen| {
                let of: Vec<_> = seen.iter().filter(|seen| of(seen)).collect();
                let good = of.iter().filter(|seen| good(seen)).count();
                format!("{good} of {}", of.len())
            })
            .collect()
    };
    vec![
        Row::new(
            "requests that must be refused: refused",
            cells(Seen::must_be_refused, Seen::is_refused),
        )
        .short("bad requests that are refused"),
        Row::new(
            "… with the status and challenge of RFC 6750, or of gRPC",
            cells(Seen::must_be_refused, Seen::is_as_expected),
        )
        .short("… with the status and challenge of the RFC, or of gRPC"),
        Row::new(
            "unusual requests that must pass: passed",
            cells(|seen| !seen.must_be_refused(), Seen::is_as_expected),
        ),
    ]
}

struct Seen {
    name: &'static str,
    expected: Expected,
    status: u16,
    challenge: String,
    grpc_status: Option<String>,
}

impl Seen {
    fn new(name: &'static str, expected: Expected, response: &Response<()>) -> Self {
        let all = response.headers().get_all(header::WWW_AUTHENTICATE);
        let challenges: Vec<_> = all.iter().filter_map(|value| value.to_str().ok()).collect();
        let grpc_status = response.headers().get("grpc-status");
        Self {
            name,
            expected,
            status: response.status().as_u16(),
            challenge: challenges.join(", "),
            grpc_status: grpc_status.and_then(|value| value.to_str().ok().map(str::to_owned)),
        }
    }

    fn must_be_refused(&self) -> bool {
        self.expected != Expected::Accepted
    }

    fn is_refused(&self) -> bool {
        match &self.grpc_status {
            Some(status) => status != "0",
            None => matches!(self.status, 400..500),
        }
    }

    fn is_as_expected(&self) -> bool {
        let is_challenge = self.challenge.contains("Bearer");
        let has = |error: &str| self.challenge.contains(&format!("error=\"{error}\""));
        match self.expected {
            Expected::Accepted => self.status == 200,
            Expected::Challenge => {
                self.status == 401 && is_challenge && !self.challenge.contains("error=")
            }
            Expected::InvalidRequest => self.status == 400 || self.status == 401 && is_challenge,
            Expected::InvalidToken => self.status == 401 && is_challenge && has("invalid_token"),
            Expected::InsufficientScope => {
                self.status == 403 && is_challenge && has("insufficient_scope")
            }
            Expected::Unauthenticated => self.grpc_status.as_deref() == Some("16"),
        }
    }

    fn deviation(&self) -> Option<String> {
        if self.is_as_expected() {
            return None;
        }
        let challenge = match self.challenge.as_str() {
            "" if self.status == 200 => String::new(),
            "" => " without a challenge".to_owned(),
            challenge => format!(" `{challenge}`"),
        };
        Some(format!("{}: {}{challenge}", self.name, self.status))
    }
}

async fn refuse(peer: Peer) -> Vec<Seen> {
    let idp = server().await;
    let key = TestKey::generate(TestAlg::Es256);
    idp.publish_extra_jwk(key.public_jwk(KID));
    let trust = Trust::new(&idp, TestAlg::Es256);
    let plain = (peer.protect)(trust.clone()).await.unwrap();
    let grpc = (peer.protect_grpc)(trust.clone()).await.unwrap();
    let valid = user(&idp).sign_with(&key).kid(Some(KID)).mint();
    for app in [&plain, &grpc] {
        let accepted = accepts_within(app, Duration::from_secs(10), &valid).await;
        accepted.unwrap_or_else(|| panic!("{} rejects a valid token", peer.name));
    }
    let mut seen = Vec::new();
    for case in requests::all(&idp, &key, KID) {
        let app = match case.expected {
            Expected::Unauthenticated => &grpc,
            _ => &plain,
        };
        seen.push(response(app, case).await);
    }
    if peer.has_scopes {
        let scoped = (peer.protect)(trust.scoped()).await.unwrap();
        let accepted = accepts_within(&scoped, Duration::from_secs(10), &valid).await;
        accepted.unwrap_or_else(|| panic!("{} rejects a valid token with the scope", peer.name));
        let case = requests::without_scope(&idp, &key, KID);
        seen.push(response(&scoped, case).await);
    }
    seen
}

async fn response(app: &App, case: Case) -> Seen {
    let response = app.call(case.request).await;
    Seen::new(case.name, case.expected, &response)
}
