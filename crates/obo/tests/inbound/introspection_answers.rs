//! Introspection at a raw TCP server that answers wrongly, half or not at all, through the default client.

use std::net::Ipv4Addr;

use obo::{
    AuthorizationServer, BearerAuthLayer, HttpService, Issuer, ResourceServer, ServerMetadata,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::asked::{code, policy, service_a};
use crate::guarded::{Guarded, INVALID_TOKEN, challenges};

const ISSUER: &str = "https://idp.example";

/// A server that gives this answer to every connection, and the resource server that asks it.
async fn answering(answer: String) -> (ResourceServer, JoinSet<()>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/introspect", listener.local_addr().unwrap());
    let mut accepting = JoinSet::new();
    accepting.spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let answer = answer.clone();
            connections.spawn(async move {
                // The other side may have gone away already.
                let _ = serve(stream, &answer).await;
            });
        }
    });
    let issuer = Issuer::new(ISSUER).unwrap();
    let metadata = ServerMetadata::new(None, None).unwrap();
    let metadata = metadata.with_introspection_endpoint(&url).unwrap();
    let http = HttpService::default_client();
    let server = AuthorizationServer::with_metadata(issuer.clone(), metadata, http);
    let server = ResourceServer::introspecting(policy(&issuer), server, service_a()).unwrap();
    (server, accepting)
}

async fn serve(mut stream: TcpStream, answer: &str) -> std::io::Result<()> {
    let mut read = Vec::new();
    while !read.ends_with(b"token_type_hint=access_token") {
        if stream.read_buf(&mut read).await? == 0 {
            return Ok(());
        }
    }
    if answer.is_empty() {
        return stream.set_zero_linger();
    }
    stream.write_all(answer.as_bytes()).await
}

fn http(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn ok(body: &str) -> String {
    http("200 OK", body)
}

#[tokio::test]
async fn in_02_in_03_bt_18_what_is_no_answer_is_503_and_lets_nobody_in() {
    let good = good();
    for (answer, why) in [
        (String::new(), "a reset"),
        ("220 mail ready\r\n".to_owned(), "no HTTP"),
        (
            ok(&good).replace("content-length: ", "content-length: 9"),
            "cut",
        ),
        (ok(&good[..good.len() / 2]), "half"),
        (ok(""), "empty"),
        (ok("null"), "null"),
        (ok("[]"), "an array"),
        (ok("<html>active</html>"), "HTML"),
        (ok("{}"), "no `active`"),
        (ok(&good.replace("true", r#""true""#)), "a string"),
        (ok(&good.replace("true", "1")), "a number"),
        (ok(&good.replacen('{', r#"{"active":true,"#, 1)), "twice"),
        (ok(&" ".repeat(256 * 1024 + 1)), "too long"),
        (http("201 Created", &good), "201"),
        (
            http("302 Found\r\nlocation: /elsewhere", &good),
            "a redirect",
        ),
        (
            http("400 Bad Request", r#"{"error":"unsupported_token_type"}"#),
            "400",
        ),
        (
            http("400 Bad Request", r#"{"active":false}"#),
            "400, inactive",
        ),
        (http("401 Unauthorized", &good), "401"),
        (http("403 Forbidden", &good), "403"),
        (http("404 Not Found", &good), "404"),
        (http("429 Too Many Requests", &good), "429"),
        (http("500 Internal Server Error", &good), "500"),
        (http("502 Bad Gateway", "<html>"), "502"),
    ] {
        let (server, _serving) = answering(answer).await;
        let guarded = Guarded::new(BearerAuthLayer::new(server));
        let response = guarded.with("Bearer opaque").await;
        assert_eq!(response.status(), 503, "{why}");
        assert!(challenges(&response).is_empty(), "{why}");
        assert_eq!(guarded.admitted(), 0, "{why}");
    }
}

#[tokio::test]
async fn in_04_in_05_what_is_an_answer_against_the_token_is_401() {
    let good = good();
    for (answer, why) in [
        (r#"{"active":false}"#.to_owned(), "inactive"),
        (good.replace("true", "false"), "inactive"),
        (good.replace("service-a", "service-b"), "wrong_audience"),
        (
            good.replace("idp.example", "idp2.example"),
            "unknown_issuer",
        ),
        (good.replace("Bearer", "mac"), "not_an_access_token"),
        (good.replace("Bearer", "DPoP"), "binding_not_checked"),
        (good.replace(r#""sub":"alice","#, ""), "missing_claim"),
        (good.replace("alice", ""), "invalid_claim"),
        (
            good.replacen('{', r#"{"sub":"bob","#, 1),
            "duplicate_member",
        ),
    ] {
        let (server, _serving) = answering(ok(&answer)).await;
        assert_eq!(code(&server, "opaque").await, why, "{answer}");
        let guarded = Guarded::new(BearerAuthLayer::new(server));
        guarded.refuses("opaque", INVALID_TOKEN).await;
    }
}

#[tokio::test]
async fn the_answer_that_the_others_are_made_of_is_good() {
    let (server, _serving) = answering(ok(&good())).await;
    assert_eq!(code(&server, "opaque").await, "ok");
}

fn good() -> String {
    format!(
        r#"{{"active":true,"iss":"{ISSUER}","sub":"alice","aud":"service-a","client_id":"app","iat":1,"exp":9000000000,"jti":"t","token_type":"Bearer"}}"#
    )
}
