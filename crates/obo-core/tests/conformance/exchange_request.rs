//! The token exchange request on the wire: RFC 8693 section 2.1, RFC 8707.

use obo_core::dialect::{Dialect, Registration, Rfc8693};
use obo_core::{
    ActorToken, Audience, ErrorClass, ExchangeRequest, Issuer, Resource, Scope, Secret, Target,
    TokenEndpointError, TokenType,
};

use crate::validate::issuer;
use crate::wire::{alice, for_service_b, form, grant, text};

fn body_of(dialect: &Rfc8693, request: &ExchangeRequest) -> String {
    text(&form(dialect, request).unwrap())
}

/// Nothing is sent, and the message names the parameter.
fn unsayable(request: &ExchangeRequest, parameter: &str) {
    let error: TokenEndpointError = form(&Rfc8693::new(), request).unwrap_err();
    assert_eq!(error.class(), ErrorClass::ClientMisconfigured);
    assert!(error.to_string().contains(parameter), "{error}");
}

fn body(request: &ExchangeRequest) -> String {
    body_of(&Rfc8693::new(), request)
}

fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

fn resource(uri: &str) -> Resource {
    Resource::new(uri).unwrap()
}

/// The form up to the target. It is the same for every exchange of an access token.
fn opening(request: &ExchangeRequest) -> String {
    format!(
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
         &subject_token={}\
         &subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token",
        request.subject().subject_token().expose()
    )
}

/// TX-01, TE-02
#[test]
fn minimal_request_has_exact_bytes() {
    let request = for_service_b(&[]);
    let form = form(&Rfc8693::new(), &request).unwrap();
    assert_eq!(
        body(&request),
        format!("{}&audience=service-b", opening(&request))
    );
    assert!(form.authorization().is_none());
}

/// TX-02, TX-23
#[test]
fn subject_type_names_token_origin() {
    let request = for_service_b(&[]);
    assert_eq!(
        request.subject_token_type(&issuer()),
        TokenType::ACCESS_TOKEN
    );
    for foreign in ["https://other.example", "https://idp.example/t/"] {
        let foreign = Issuer::new(foreign).unwrap();
        let there = Registration::new(&foreign, "service-a");
        let form = Rfc8693::new().request(&grant(&request), there).unwrap();
        let pairs: Vec<_> = form.pairs().collect();
        assert_eq!(
            pairs[2],
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt")
        );
    }
}

/// TX-03
#[test]
fn actor_token_needs_its_type() {
    let request = for_service_b(&[]);
    assert!(!body(&request).contains("actor"));
    let actor = ActorToken::new(Secret::new("own"), TokenType::JWT, "service-a#1");
    let request = request.with_actor(actor);
    assert_eq!(
        body(&request),
        format!(
            "{}&actor_token=own&actor_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt&audience=service-b",
            opening(&request)
        )
    );
    for (token, token_type) in [("", TokenType::JWT), ("own", TokenType::new(""))] {
        let actor = ActorToken::new(Secret::new(token), token_type, "service-a#1");
        let half = for_service_b(&[]).with_actor(actor);
        unsayable(&half, "`actor_token`");
    }
}

/// TX-04, TX-05
#[test]
fn targets_are_ordered_pairs() {
    let target = Target::audience(audience("b"))
        .and_audience(audience("a"))
        .and_resource(resource("https://r.example/2"))
        .and_resource(resource("urn:r:1"));
    let request = ExchangeRequest::new(&alice(), target);
    assert_eq!(
        body(&request),
        format!(
            "{}&audience=b&audience=a&resource=https%3A%2F%2Fr.example%2F2&resource=urn%3Ar%3A1",
            opening(&request)
        )
    );
    let twice = Target::resource(resource("urn:r")).and_resource(resource("urn:r"));
    let request = ExchangeRequest::new(&alice(), twice);
    assert!(body(&request).ends_with("&resource=urn%3Ar&resource=urn%3Ar"));
}

/// TX-04, RI-01
#[test]
fn resource_must_be_absolute_uri() {
    for bad in [
        "",
        "api",
        "/api",
        "//a.example",
        "https://",
        "https://a.example/#x",
        "https://a.example/#",
        "https://a.example/?q",
        "https://a.example/ b",
        " https://a.example",
        "https://a.example\n",
        "https://a.exa\tmple",
    ] {
        let error = Resource::new(bad).unwrap_err();
        assert_eq!(error.field(), "resource", "{bad:?}");
    }
}

/// TX-06
#[test]
fn scope_is_one_parameter_or_absent() {
    assert!(!body(&for_service_b(&[])).contains("scope"));
    let request = for_service_b(&["b:Read", "a/.default"]);
    assert!(body(&request).ends_with("&audience=service-b&scope=a%2F.default+b%3ARead"));
    for bad in ["", "a b", "a\"", "é"] {
        assert_eq!(Scope::new([bad]).unwrap_err().field(), "scope");
    }
}

/// TX-07
#[test]
fn requested_type_is_sent() {
    let request = for_service_b(&[]);
    assert!(!body(&request).contains("requested_token_type"));
    let request = request.with_requested_type(TokenType::ACCESS_TOKEN);
    assert_eq!(
        body(&request),
        format!(
            "{}&requested_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Aaccess_token&audience=service-b",
            opening(&request)
        )
    );
}

/// TX-18
#[test]
fn refresh_token_is_never_requested() {
    let request = for_service_b(&[]).with_requested_type(TokenType::REFRESH_TOKEN);
    unsayable(&request, "`requested_token_type`");
}

/// TX-22
#[test]
fn token_type_identifiers_round_trip() {
    for (constant, name) in [
        (TokenType::ACCESS_TOKEN, "access_token"),
        (TokenType::REFRESH_TOKEN, "refresh_token"),
        (TokenType::ID_TOKEN, "id_token"),
        (TokenType::SAML1, "saml1"),
        (TokenType::SAML2, "saml2"),
        (TokenType::JWT, "jwt"),
    ] {
        let urn = format!("urn:ietf:params:oauth:token-type:{name}");
        assert_eq!(constant.as_str(), urn);
        assert_eq!(constant, TokenType::new(urn));
    }
    assert_eq!(TokenType::new("https://x/T").as_str(), "https://x/T");
    assert_ne!(
        TokenType::new("urn:ietf:params:oauth:token-type:access-token"),
        TokenType::ACCESS_TOKEN
    );
}

/// TX-05
#[test]
fn extra_parameters_never_override() {
    let dialect = Rfc8693::new()
        .extra_parameter("organization", "a&b=c")
        .unwrap();
    let request = for_service_b(&[]);
    assert_eq!(
        body_of(&dialect, &request),
        format!(
            "{}&audience=service-b&organization=a%26b%3Dc",
            opening(&request)
        )
    );
    for reserved in [
        "grant_type",
        "subject_token",
        "subject_token_type",
        "actor_token",
        "actor_token_type",
        "requested_token_type",
        "audience",
        "resource",
        "scope",
        "client_id",
        "client_secret",
        "client_assertion",
        "client_assertion_type",
        "assertion",
        "requested_token_use",
        "claims",
        "",
        "organization",
    ] {
        let error = dialect.clone().extra_parameter(reserved, "x").unwrap_err();
        assert_eq!(error.field(), "extra_parameters", "{reserved}");
    }
}

/// CA-01
#[test]
fn basic_credentials_have_exact_bytes() {
    // base64 of "s%3A6BhdRkqt3:gX1f%25Bat3bV+%2B%C3%A9" and of the simplest pair.
    for (id, secret, header) in [
        (
            "s:6BhdRkqt3",
            "gX1f%Bat3bV +é",
            "Basic cyUzQTZCaGRSa3F0MzpnWDFmJTI1QmF0M2JWKyUyQiVDMyVBOQ==",
        ),
        ("a", "b", "Basic YTpi"),
    ] {
        let mut form = form(&Rfc8693::new(), &for_service_b(&[])).unwrap();
        form.set_basic(id, &Secret::new(secret));
        let sent = form.authorization().unwrap();
        assert_eq!(sent, header);
        assert!(sent.is_sensitive());
        assert!(!text(&form).contains("client_"));
    }
}
