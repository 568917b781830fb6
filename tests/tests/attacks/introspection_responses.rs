//! Introspection responses that are odd in other ways than their claims (RFC 7662 §2.2).

use obo_tests::expected::{INVALID, Refusal, UNINTROSPECTED};

use crate::case::Expected;
use crate::introspection_endpoint::IntrospectionResponse;
use crate::target::Target;

/// A response by its name, and the expected outcome.
pub(crate) type ResponseCase = (String, IntrospectionResponse, Expected);

/// The response does not decide about the token, so introspection is unavailable.
const NONE: Option<Refusal> = Some(UNINTROSPECTED);

pub(crate) fn responses(of: &Target<'_>) -> Vec<ResponseCase> {
    let good = of.at.draft().claims.json();
    let with = |members: &str| good.replacen('{', &format!("{{{members},"), 1);
    let mut responses = Vec::new();
    let mut add = |name: &str, json: String, expected| {
        responses.push((name.to_owned(), IntrospectionResponse::json(json), expected));
    };
    add("active", with(r#""active":true"#), None);
    add("inactive", r#"{"active":false}"#.to_owned(), Some(INVALID));
    add(
        "inactive, with claims",
        with(r#""active":false"#),
        Some(INVALID),
    );
    add(
        "inactive, wrong types",
        r#"{"active":false,"exp":"x","sub":1}"#.to_owned(),
        Some(INVALID),
    );
    for odd in [
        r#""active":"true""#,
        r#""active":1"#,
        r#""active":null"#,
        r#""active":[true]"#,
        r#""active":{"active":true}"#,
        r#""active":"""#,
        r#""active":"false""#,
        r#""active":0"#,
        r#""Active":true"#,
        r#""ACTIVE":true"#,
        r#""active ":true"#,
        r#""is_active":true"#,
        r#""active":true,"active":true"#,
        r#""active":false,"active":true"#,
        r#""active":true,"active":false"#,
        r#""active":true,"\u0061ctive":false"#,
        r#""token":{"active":true}"#,
        r#""active":TRUE"#,
        r#""active":yes"#,
        r#""active":true,,"x":1"#,
    ] {
        add(odd, with(odd), NONE);
    }
    let active = with(r#""active":true"#);
    for (name, body) in [
        ("nothing", String::new()),
        ("null", "null".to_owned()),
        ("true", "true".to_owned()),
        ("text", r#""active""#.to_owned()),
        ("an empty object", "{}".to_owned()),
        ("no `active`", good.clone()),
        ("an array", format!("[{active}]")),
        ("an array of values", "[true]".to_owned()),
        ("twice", format!("{active}{active}")),
        ("half", active[..active.len() / 2].to_owned()),
        ("HTML", format!("<html>{active}</html>")),
        ("a form", "active=true&sub=alice".to_owned()),
        ("with a BOM", format!("\u{feff}{active}")),
        ("with a prefix", format!(")]}}'\n{active}")),
        ("a JWT", of.at.good()),
        ("with NUL after it", format!("{active}\0")),
        (
            "within another",
            format!(r#"{{"token_introspection":{active}}}"#),
        ),
        ("300 kB", format!("{active}{}", " ".repeat(300_000))),
    ] {
        add(name, body, NONE);
    }
    let kinds = [
        (r#""Bearer""#, None),
        (r#""bearer""#, None),
        (r#""BEARER""#, None),
        (r#""access_token""#, None),
        (r#""DPoP""#, Some(INVALID)),
        (r#""dpop""#, Some(INVALID)),
        (r#""mac""#, Some(INVALID)),
        (r#""N_A""#, Some(INVALID)),
        (r#""refresh_token""#, Some(INVALID)),
        (r#""id_token""#, Some(INVALID)),
        (
            r#""urn:ietf:params:oauth:token-type:refresh_token""#,
            Some(INVALID),
        ),
        (r#""""#, Some(INVALID)),
        (r#"" Bearer""#, Some(INVALID)),
        ("1", Some(INVALID)),
        ("[]", Some(INVALID)),
        (r#"["Bearer"]"#, Some(INVALID)),
    ];
    for (kind, expected) in kinds {
        add(
            &format!("token_type {kind}"),
            with(&format!(r#""active":true,"token_type":{kind}"#)),
            expected,
        );
    }
    for (kind, expected) in [
        (r#""access""#, None),
        (r#""access_token""#, None),
        (r#""id""#, Some(INVALID)),
        (r#""refresh""#, Some(INVALID)),
        (r#""x""#, Some(INVALID)),
        ("1", Some(INVALID)),
    ] {
        add(
            &format!("token_use {kind}"),
            with(&format!(r#""active":true,"token_use":{kind}"#)),
            expected,
        );
    }
    add(
        "no issuer",
        of.at
            .draft()
            .without("iss")
            .claims
            .json()
            .replacen('{', r#"{"active":true,"#, 1),
        None,
    );
    add(
        "a user's name",
        with(r#""active":true,"username":"admin""#),
        None,
    );
    add(
        "pretty",
        with(r#""active":true"#).replace(',', " ,\r\n "),
        None,
    );
    add(
        "deep",
        with(&format!(
            r#""active":true,"deep":{}{}"#,
            "[".repeat(300),
            "]".repeat(300)
        )),
        Some(INVALID),
    );
    responses.extend(statuses(&active, of.trap));
    responses
}

/// Statuses that make any body unusable.
fn statuses(active: &str, trap: &str) -> Vec<ResponseCase> {
    let mut responses = Vec::new();
    for status in [
        201, 202, 204, 206, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 418,
    ] {
        let mut response = IntrospectionResponse::json(if status == 204 { "" } else { active });
        response.status = status;
        response
            .fields
            .push(("location", format!("{trap}/introspect")));
        responses.push((format!("status {status}"), response, NONE));
    }
    responses
}
