//! <https://www.keycloak.org/securing-apps/token-exchange>. Refusals are from the source,
//! `protocol/oidc/tokenexchange`.

use obo_core::dialect::{Dialect as _, Registration, keycloak};
use obo_core::{Audience, ErrorClass, ExchangeRequest, Scope, TokenType};

use super::{
    ACCESS_TOKEN, actor, audience, body, classes, jwt, not_asked, read, resource, scoped, to,
    unsayable,
};
use crate::token::Token;
use crate::validate::{ISSUER, NOW, builder, issuer, published, validate};
use crate::wire::{grant, own, text};

/// KC-01, KC-02, KC-03, TX-02
#[test]
fn request_has_exact_bytes() {
    let target = audience("service-b").and_audience(Audience::new("service-c").unwrap());
    assert_eq!(
        body(&keycloak::exchange(), &to(scoped(target, "b.read c.read"))),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
             &requested_token_type={ACCESS_TOKEN}\
             &audience=service-b&audience=service-c&scope=b.read+c.read"
        )
    );
    let by_uri = to(resource("https://b.example"));
    unsayable(&keycloak::exchange(), &by_uri, "resource");
}

/// KC-01
#[test]
fn subject_is_always_an_access_token() {
    let elsewhere = obo_core::Issuer::new("https://sso.example/realms/other").unwrap();
    let by = Registration::new(&elsewhere, "service-a");
    let form = keycloak::exchange().request(&grant(&to(audience("service-b"))), by);
    let form = form.unwrap();
    let declared = form.pairs().find(|(name, _)| *name == "subject_token_type");
    assert_eq!(
        declared.unwrap().1,
        "urn:ietf:params:oauth:token-type:access_token"
    );
}

/// KC-01
#[test]
fn other_types_are_not_requested() {
    let request = to(audience("service-b"));
    for other in [TokenType::JWT, TokenType::ID_TOKEN, TokenType::SAML2] {
        let request = request.clone().with_requested_type(other);
        unsayable(&keycloak::exchange(), &request, "requested_token_type");
    }
    let same = request.with_requested_type(TokenType::ACCESS_TOKEN);
    body(&keycloak::exchange(), &same);
}

/// A caller's token for a service whose audience is not its client identifier.
fn of_audience(token: &Token) -> ExchangeRequest {
    let policy = builder()
        .audience(Audience::new("https://a.example").unwrap())
        .build()
        .unwrap();
    let caller = validate(&policy, &published(), &token.mint(), NOW).unwrap();
    ExchangeRequest::new(&caller, audience("service-b"))
}

/// KC-04
#[test]
fn aud_must_name_this_client() {
    let dialect = keycloak::exchange();
    let by_uri = Token::new().claim("aud", r#""https://a.example""#);
    let error = not_asked(&dialect, &of_audience(&by_uri));
    assert_eq!(error.class(), ErrorClass::TargetDenied);
    let message = error.to_string();
    assert!(
        message.contains("\"service-a\"") && message.contains("`aud`"),
        "{message}"
    );

    let both = by_uri
        .clone()
        .claim("aud", r#"["https://a.example","service-a"]"#);
    body(&dialect, &of_audience(&both));
    let issued_to_it = by_uri.claim("client_id", r#""service-a""#);
    body(&dialect, &of_audience(&issued_to_it));
}

/// KC-06, OT-02
#[test]
fn delegation_uses_actor_access_token() {
    let request = to(audience("service-b"));
    let dialect = keycloak::delegation();
    unsayable(&dialect, &request, "actor_token");
    let jwt = request.clone().with_actor(actor(TokenType::JWT));
    unsayable(&dialect, &jwt, "actor_token_type");
    let acting = request.clone().with_actor(actor(TokenType::ACCESS_TOKEN));
    assert_eq!(
        body(&dialect, &acting),
        format!(
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange\
             &subject_token=SUBJECT&subject_token_type={ACCESS_TOKEN}\
             &actor_token=own-token&actor_token_type={ACCESS_TOKEN}\
             &requested_token_type={ACCESS_TOKEN}&audience=service-b"
        )
    );
    unsayable(&keycloak::exchange(), &acting, "actor_token");
}

/// KC-06
#[test]
fn actor_uses_client_credentials() {
    let server = issuer();
    let by = Registration::new(&server, "service-a");
    let form = keycloak::delegation().request(&own(None), by).unwrap();
    assert_eq!(text(&form), "grant_type=client_credentials");
    // `audience` belongs only to the exchange; scopes add audiences.
    let target = scoped(audience("service-b"), "b.read");
    let form = keycloak::exchange().request(&own(Some(&target)), by);
    assert_eq!(
        text(&form.unwrap()),
        "grant_type=client_credentials&scope=b.read"
    );
}

/// KC-02, TX-17: a realm adds the client's default scopes and its own members.
#[test]
fn default_scopes_are_accepted() {
    let token = jwt(&format!(
        r#"{{"exp":1800000300,"iss":"{ISSUER}","aud":"service-b","sub":"alice","typ":"Bearer","azp":"service-a","scope":"email profile b.read"}}"#
    ));
    let body = format!(
        r#"{{"access_token":"{token}","expires_in":300,"refresh_expires_in":0,"token_type":"Bearer","not-before-policy":0,
            "session_state":"c0f6a1f1-2a41-4a3a-9a0b-7c8a6a4b1234","scope":"email profile b.read",
            "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"}}"#
    );
    let request = to(scoped(audience("service-b"), "b.read"));
    let issued = read(&keycloak::exchange(), &request, &body).unwrap();
    assert_eq!(issued.expose(), token);
    let scope = Scope::new(["email", "profile", "b.read"]).unwrap();
    assert_eq!(issued.scope(), &scope);

    let to_c = to(scoped(audience("service-c"), "b.read"));
    let error = read(&keycloak::exchange(), &to_c, &body).unwrap_err();
    assert_eq!(error.class(), ErrorClass::ResponseUnusable);
    let id_token = body
        .replace("Bearer\",\"not", "N_A\",\"not")
        .replace("type:access_token", "type:id_token");
    read(&keycloak::exchange(), &request, &id_token).unwrap_err();
}

/// TX-21
#[test]
fn each_refusal_has_its_class() {
    let refusals = [
        (
            400,
            r#"{"error":"invalid_request","error_description":"Invalid token"}"#,
            ErrorClass::SubjectInvalid,
        ),
        (
            400,
            r#"{"error":"invalid_client","error_description":"Audience not found"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_client","error_description":"Client disabled"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Requested audience not available: service-b"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            403,
            r#"{"error":"access_denied","error_description":"Client is not within the token audience"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_scope","error_description":"Invalid scopes: b.write"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_scope","error_description":"Missing consents for Token Exchange in client service-a"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Actor user is not allowed by the may_act claim inside the subject_token"}"#,
            ErrorClass::TargetDenied,
        ),
        (
            401,
            r#"{"error":"invalid_client","error_description":"Invalid client or Invalid client credentials"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            401,
            r#"{"error":"invalid_client","error_description":"Audience not found"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_client","error_description":"Public client is not allowed to exchange token"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Standard token exchange is not enabled for the requested client"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Parameter 'subject_token' supports access tokens only"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"requested_token_type unsupported"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"invalid_request","error_description":"Invalid actor token"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        (
            400,
            r#"{"error":"unauthorized_client","error_description":"Client not enabled to retrieve service account"}"#,
            ErrorClass::ClientMisconfigured,
        ),
        // Unknown: as in the standard.
        (
            400,
            r#"{"error":"invalid_request","error_description":"Session not active"}"#,
            ErrorClass::SubjectInvalid,
        ),
        (429, "", ErrorClass::Throttled),
        (
            503,
            r#"{"error":"invalid_client","error_description":"Audience not found"}"#,
            ErrorClass::Transient,
        ),
    ];
    classes(&keycloak::exchange(), &to(audience("service-b")), &refusals);
}
