//! The `Authorization` header, and other places for a token (RFC 6750 §2, RFC 9110 §11).

use obo_tests::expected::{INVALID, MALFORMED, MISSING};

use crate::case::{Case, Expected, Sent};

/// `token` is valid, so only its place and form decide.
pub(crate) fn cases(token: &str) -> Vec<Case> {
    let mut cases = lines(token);
    cases.extend(several(token));
    cases.extend(elsewhere(token));
    cases.extend(methods(token));
    cases
}

fn lines(t: &str) -> Vec<Case> {
    let line = |line: String, expected: Expected| {
        let name = format!("line {:?}", line.replace(t, "T"));
        Case::request(name, Sent::line(line), expected)
    };
    let mut cases = Vec::new();
    for good in [
        "Bearer ",
        "bearer ",
        "BEARER ",
        "BeArEr ",
        "Bearer  ",
        "Bearer     ",
    ] {
        cases.push(line(format!("{good}{t}"), None));
    }
    // Credentials of another scheme count as missing.
    for other in [
        format!("Basic {t}"),
        format!("DPoP {t}"),
        format!("Token {t}"),
        format!("JWT {t}"),
        format!("MAC {t}"),
        format!("Negotiate {t}"),
        format!("Bearer1 {t}"),
        format!("Bearer-Token {t}"),
        format!("Bearers {t}"),
        format!("BearerBearer {t}"),
        format!("Beare {t}"),
        format!("earer {t}"),
        format!("Bearer: {t}"),
        format!("Bearer= {t}"),
        format!("Bearer, {t}"),
        format!("\"Bearer\" {t}"),
        format!("B\u{435}arer {t}"),
        format!("Bearer{t}"),
        format!("Bearer:{t}"),
        format!("Bearer={t}"),
        t.to_owned(),
        format!("Basic Bearer {t}"),
        "Basic YTpi".to_owned(),
        "Digest username=\"a\"".to_owned(),
        "null".to_owned(),
        "undefined".to_owned(),
        format!("access_token={t}"),
        format!("Basic YTpi, Bearer {t}"),
        String::new(),
    ] {
        cases.push(line(other, Some(MISSING)));
    }
    for bad in [
        "Bearer".to_owned(),
        "bearer".to_owned(),
        format!("Bearer {t} b"),
        format!("Bearer {t} {t}"),
        format!("Bearer {t},{t}"),
        format!("Bearer {t}, Basic YTpi"),
        format!("Bearer {t},b"),
        format!("Bearer {t};a=b"),
        format!("Bearer \t{t}"),
        format!("Bearer {t}\tb"),
        format!("Bearer Bearer {t}"),
        format!("Bearer \"{t}\""),
        format!("Bearer '{t}'"),
        format!("Bearer <{t}>"),
        format!("Bearer [{t}]"),
        format!("Bearer token={t}"),
        format!("Bearer token=\"{t}\""),
        format!("Bearer access_token={t}"),
        format!("Bearer ={t}"),
        "Bearer =".to_owned(),
        "Bearer ==".to_owned(),
        "Bearer a=b".to_owned(),
        format!("Bearer {t}\u{e9}"),
        format!("Bearer \u{feff}{t}"),
        format!("Bearer {t}\u{200b}"),
        format!("Bearer \u{a0}{t}"),
        format!("Bearer {}", t.replace('.', "%2E")),
        format!("Bearer {}", t.replace('.', "\u{2024}")),
        format!("Bearer {}", t.replace('.', "\u{ff0e}")),
        format!("Bearer {t}%00"),
        format!("Bearer {t}\\"),
        format!("Bearer {t}#"),
        format!("Bearer {t}?"),
        format!("Bearer {t}&a=b"),
        format!("Bearer {t}:"),
        format!("Bearer {t}@x"),
        format!("Bearer {t}|"),
        format!("Bearer {t}*"),
        format!("Bearer {t}!"),
        format!("Bearer ({t})"),
        format!("Bearer {{{t}}}"),
        "Bearer {\"alg\":\"none\"}".to_owned(),
        "Bearer *".to_owned(),
        format!("Bearer realm=\"x\", token=\"{t}\""),
    ] {
        cases.push(line(bad, Some(MALFORMED)));
    }
    let bytes: [(&str, &[u8]); 3] = [
        ("latin-1", b"\xe9"),
        ("0xff", b"\xff"),
        ("half of UTF-8", b"\xc3"),
    ];
    for (what, bytes) in bytes {
        let line = [b"Bearer ", t.as_bytes(), bytes].concat();
        cases.push(Case::request(what, Sent::line(line), Some(MALFORMED)));
    }
    // These have the form of a token, and no issuer has issued them.
    for unknown in [
        "Bearer null",
        "Bearer undefined",
        "Bearer None",
        "Bearer true",
        "Bearer token",
        "Bearer .",
        "Bearer ..",
        "Bearer ...",
        "Bearer -",
        "Bearer ~",
        "Bearer /",
        "Bearer +",
        "Bearer a=",
        "Bearer a==",
        "Bearer YTpi",
        "Bearer Basic",
        "Bearer 00000000-0000-0000-0000-000000000000",
    ] {
        cases.push(line(unknown.to_owned(), Some(INVALID)));
    }
    // Only HTTP/1.1 removes white space around a value.
    for (before, after, expected) in [
        ("", " ", MALFORMED),
        ("", "\t", MALFORMED),
        ("", "   ", MALFORMED),
        (" ", "", MISSING),
        ("\t", "", MISSING),
        (" ", " ", MISSING),
    ] {
        let around = line(format!("{before}Bearer {t}{after}"), Some(expected));
        cases.push(around.not_over_http1());
    }
    for padding in ["=", "==", "===="] {
        cases.push(line(format!("Bearer {t}{padding}"), Some(INVALID)));
    }
    cases
}

fn several(t: &str) -> Vec<Case> {
    let bearer = format!("Bearer {t}");
    let mut cases = Vec::new();
    for (what, lines) in [
        ("twice the same", vec![&*bearer, &bearer]),
        ("a bad one first", vec!["Bearer x", &bearer]),
        ("a bad one last", vec![&bearer, "Bearer x"]),
        ("Basic first", vec!["Basic YTpi", &bearer]),
        ("Basic last", vec![&bearer, "Basic YTpi"]),
        ("nothing first", vec!["", &bearer]),
        ("nothing last", vec![&bearer, ""]),
        ("three", vec![&bearer, &bearer, &bearer]),
        ("DPoP and Bearer", vec!["DPoP x", &bearer]),
        ("twice Basic", vec!["Basic YTpi", "Basic YTpi"]),
    ] {
        let sent = lines.iter().fold(Sent::nothing(), |sent, line| {
            sent.field("authorization", line)
        });
        cases.push(Case::request(
            format!("several lines: {what}"),
            sent,
            Some(MALFORMED),
        ));
    }
    for query in [
        format!("access_token={t}"),
        "access_token=x".to_owned(),
        "access_token=".to_owned(),
        "access_token".to_owned(),
        "a=b&access_token=x".to_owned(),
        "access%5Ftoken=x".to_owned(),
        "%61ccess_token=x".to_owned(),
    ] {
        let name = format!("with the query {}", query.replace(t, "T"));
        cases.push(Case::request(
            name,
            Sent::token(t).query(&query),
            Some(MALFORMED),
        ));
    }
    for query in [
        "Access_Token=x",
        "token=x",
        "q=access_token",
        "access_token2=x",
        "a=access_token%3Dx",
    ] {
        let name = format!("with the harmless query {query}");
        cases.push(Case::request(name, Sent::token(t).query(query), None));
    }
    let form = Sent::token(t).body(format!("access_token={t}"));
    let form = form.field("content-type", "application/x-www-form-urlencoded");
    cases.push(Case::request("with a form, which is ignored", form, None));
    let others = Sent::token(t)
        .field("proxy-authorization", "Basic YTpi")
        .field("dpop", "x");
    cases.push(Case::request("with other fields", others, None));
    cases
}

/// Tokens in other places, which are ignored.
fn elsewhere(t: &str) -> Vec<Case> {
    let mut cases = vec![Case::request("nothing", Sent::nothing(), Some(MISSING))];
    let bearer = format!("Bearer {t}");
    for name in [
        "proxy-authorization",
        "x-authorization",
        "x-forwarded-authorization",
        "x-access-token",
        "x-auth-token",
        "authentication",
        "www-authenticate",
        "x-original-authorization",
        "http-authorization",
        "authorization-bearer",
        "dpop",
        "sec-websocket-protocol",
        "x-goog-iap-jwt-assertion",
        "x-amzn-oidc-data",
        "token",
        "access_token",
    ] {
        let sent = Sent::nothing().field(name, &bearer);
        cases.push(Case::request(format!("field {name}"), sent, Some(MISSING)));
    }
    for (what, sent) in [
        (
            "cookie",
            Sent::nothing().field(
                "cookie",
                format!("access_token={t}; Authorization={bearer}"),
            ),
        ),
        (
            "grpc metadata",
            Sent::nothing().field("grpc-metadata-authorization", &bearer),
        ),
        ("query", Sent::nothing().query(&format!("access_token={t}"))),
        (
            "query of another name",
            Sent::nothing().query(&format!("token={t}&jwt={t}&authorization=Bearer%20{t}")),
        ),
        (
            "form",
            Sent::nothing()
                .body(format!("access_token={t}"))
                .field("content-type", "application/x-www-form-urlencoded"),
        ),
        (
            "body",
            Sent::nothing()
                .body(bearer.clone())
                .field("content-type", "text/plain"),
        ),
        (
            "names of callers",
            Sent::nothing()
                .field("x-forwarded-user", "alice")
                .field("x-remote-user", "alice"),
        ),
    ] {
        cases.push(Case::request(what, sent, Some(MISSING)));
    }
    cases
}

/// Every method and every path requires a token, and no response reveals which ones exist.
fn methods(t: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for method in [
        "GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "PRI",
        "FOO", "get", "post",
    ] {
        let to = |sent: Sent| sent.method(method).body(String::new());
        for (what, sent, expected) in [
            ("no credentials", Sent::nothing(), MISSING),
            ("a bad token", Sent::token("x"), INVALID),
            (
                "a malformed token",
                Sent::line(format!("Bearer {t} b")),
                MALFORMED,
            ),
            (
                "no credentials, as another method",
                Sent::nothing().field("x-http-method-override", "OPTIONS"),
                MISSING,
            ),
        ] {
            cases.push(Case::request(
                format!("{method} with {what}"),
                to(sent),
                Some(expected),
            ));
        }
    }
    let preflight = Sent::nothing().method("OPTIONS").body(String::new());
    let preflight = preflight.field("origin", "https://a.test");
    let preflight = preflight.field("access-control-request-method", "GET");
    cases.push(Case::request(
        "a preflight without CORS",
        preflight,
        Some(MISSING),
    ));
    for path in [
        "/",
        "/admin",
        "/healthz",
        "/metrics",
        "/.well-known/jwks.json",
        "/.well-known/oauth-protected-resource",
        "/favicon.ico",
        "/grpc.health.v1.Health/Check",
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        "/test.Probe/call",
        "/test.Probe//Call",
        "/test.Probe/../admin",
        "/test.Probe/%2e%2e/admin",
        "//test.Probe/Call",
        "/test.Probe/Call%00",
        "/test.Probe/Call;jsessionid=1",
        "/test.Probe/Call?x=/healthz",
        "/%",
        "/%zz",
    ] {
        cases.push(Case::request(
            format!("{path} with no credentials"),
            Sent::nothing().to(path),
            Some(MISSING),
        ));
        cases.push(Case::request(
            format!("{path} with a bad token"),
            Sent::token("x").to(path),
            Some(INVALID),
        ));
    }
    cases
}
