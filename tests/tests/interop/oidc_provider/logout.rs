//! A user logs out at the server, which sends logout tokens (OpenID Connect Back-Channel Logout
//! 1.0).

use axum::Router;
use obo::fleet::Fleet;
use obo::logout::BackchannelLogout;
use obo::{ResourceServer, Trust};
use serde_json::Value;

use super::{A, peer};
use crate::peer::{Peer, code, http};

/// ServiceA and another process of it, with one fleet. The first one receives logouts.
struct Services {
    peer: Peer,
    receiving: ResourceServer,
    other: ResourceServer,
}

impl Services {
    /// `query` registers the receiver at the server.
    async fn start(query: &str) -> Self {
        let (peer, fleet) = (peer(), Fleet::builder().build().unwrap());
        let service = || {
            let server = ResourceServer::builder(A).trust(Trust::new(peer.server.clone()));
            server.fleet(fleet.clone()).build().unwrap()
        };
        let (receiving, other) = (service(), service());
        let logout = BackchannelLogout::new(&receiving, &fleet, "web-app").unwrap();
        let app = Router::new().route_service("/backchannel-logout", logout);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        let uri = format!("http://{address}/backchannel-logout");
        let register = format!("/interop/backchannel?uri={uri}{query}");
        peer.post(&register, None, &[]).await;
        Self {
            peer,
            receiving,
            other,
        }
    }

    /// The cookie and the `sid` of a browser in which a user signed in.
    async fn browser(&self, user: &str) -> (String, String) {
        let path = format!("/interop/browser?sub={user}");
        let browser = self.peer.post(&path, None, &[]).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        (text(&browser["cookie"]), text(&browser["sid"]))
    }

    /// A token of a user's session.
    async fn token(&self, user: &str, sid: &str) -> String {
        let grant = ("grant_type", "urn:obo:interop:sign-in");
        let form = [grant, ("sub", user), ("resource", A), ("sid", sid)];
        let response = self.peer.post("/token", Some("web-app"), &form).await;
        response["access_token"].as_str().unwrap().to_owned()
    }

    /// Logs out in a browser: asks, and confirms.
    async fn log_out(&self, cookie: &str) {
        let url = |path: &str| format!("{}{path}", self.peer.issuer());
        let page = http().get(url("/session/end")).header("cookie", cookie);
        let page = page.send().await.unwrap().text().await.unwrap();
        let (_, secret) = page.split_once(r#"name="xsrf" value=""#).unwrap();
        let (secret, _) = secret.split_once('"').unwrap();
        let confirmed = http()
            .post(url("/session/end/confirm"))
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("xsrf={secret}&logout=yes"));
        let confirmed = confirmed.send().await.unwrap();
        assert_eq!(confirmed.status(), 303);
    }
}

#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn logout_stops_the_user() {
    let services = Services::start("").await;
    let (cookie, sid) = services.browser("alice").await;
    let alice = services.token("alice", &sid).await;
    let elsewhere = services.token("alice", "another-session").await;
    let bob = services.token("bob", "of-bob").await;
    for token in [&alice, &elsewhere, &bob] {
        services.receiving.validate(token).await.unwrap();
        services.other.validate(token).await.unwrap();
    }

    services.log_out(&cookie).await;
    for server in [&services.receiving, &services.other] {
        for token in [&alice, &elsewhere] {
            assert_eq!(code(server.validate(token).await), "revoked");
        }
        server.validate(&bob).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs the server: cargo xtask interop"]
async fn logout_of_session_stops_it_alone() {
    let services = Services::start("&session").await;
    let (cookie, sid) = services.browser("carol").await;
    let here = services.token("carol", &sid).await;
    let elsewhere = services.token("carol", "another-session").await;
    services.log_out(&cookie).await;
    assert_eq!(code(services.other.validate(&here).await), "revoked");
    services.other.validate(&elsewhere).await.unwrap();
}
