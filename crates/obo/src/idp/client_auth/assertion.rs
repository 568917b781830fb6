//! Shared by the methods with an assertion: its claims, and its form fields (RFC 7521 section 4.2,
//! RFC 7523).

use std::borrow::Cow;
use std::time::Duration;

use obo_core::{ErrorClass, JwsHeader, TokenEndpointError, TokenRequest};
use serde_json::json;

use super::Attempt;
use crate::random;

pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const TYP: &str = "client-authentication+jwt";
const LIFETIME: Duration = Duration::from_secs(60);

/// How this service writes assertions about itself.
#[derive(Clone, Debug)]
pub(super) struct OwnAssertion {
    pub(super) header: JwsHeader,
    is_for_endpoint: bool,
}

impl OwnAssertion {
    pub(super) fn new(alg: &'static str) -> Self {
        Self {
            header: JwsHeader::new(alg, TYP),
            is_for_endpoint: false,
        }
    }

    pub(super) fn with_plain_typ(mut self) -> Self {
        self.header = self.header.with_typ("JWT");
        self
    }

    pub(super) fn for_token_endpoint(mut self) -> Self {
        self.is_for_endpoint = true;
        self
    }

    /// The text to sign for one attempt, under a header that names the current key.
    pub(super) fn signing_input(
        &self,
        header: &JwsHeader,
        attempt: Attempt<'_>,
    ) -> Result<String, TokenEndpointError> {
        let audience = match self.is_for_endpoint {
            true => attempt.token_endpoint,
            false => attempt.server.as_str(),
        };
        let id = random::token_id();
        let claims = json!({
            "iss": attempt.client_id,
            "sub": attempt.client_id,
            "aud": audience,
            "iat": attempt.now.as_secs(),
            "exp": attempt.now.saturating_add(LIFETIME).as_secs(),
            "jti": id.ok_or_else(|| misconfigured("the operating system provides no random bytes"))?,
        });
        Ok(header.signing_input(&claims))
    }
}

/// Adds an assertion to the form.
pub(super) fn push(request: &mut TokenRequest, assertion_type: &'static str, assertion: &str) {
    request.push_public("client_assertion_type", assertion_type);
    request.push("client_assertion", assertion);
}

/// The error without a usable credential: a retry would not help.
pub(super) fn misconfigured(problem: impl Into<Cow<'static, str>>) -> TokenEndpointError {
    TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem)
}
