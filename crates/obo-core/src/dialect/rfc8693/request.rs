#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not be sent"
)]

use super::Rfc8693;
use super::settings::{Actor, GrantType, TargetBy};
use crate::dialect::Registration;
use crate::grant::request::ExchangeRequest;
use crate::grant::target::Target;
use crate::grant::token_endpoint::{ErrorClass, TokenEndpointError};
use crate::grant::token_request::TokenRequest;
use crate::token::token_type::TokenType;
use crate::validate::caller::PrincipalKind;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const CLIENT_CREDENTIALS: &str = "client_credentials";

impl Rfc8693 {
    pub(super) fn exchange_form(
        &self,
        request: &ExchangeRequest,
        by: Registration<'_>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        self.check_subject(request, by)?;
        self.check_actor(request)?;
        self.check_requested_type(request)?;
        let mut form = match self.settings.grant {
            GrantType::TokenExchange => self.token_exchange(request, by),
            GrantType::JwtBearer => {
                let mut form = TokenRequest::new(JWT_BEARER);
                form.push("assertion", request.subject().subject_token().expose());
                form.push_public("requested_token_use", "on_behalf_of");
                form
            }
        };
        self.push_target(&mut form, request.target(), self.settings.target)?;
        if let Some(claims) = request.claims() {
            if !self.settings.allow_claims {
                return Err(unsupported(
                    "claims",
                    "this server does not support the request of particular claims",
                ));
            }
            form.push_public("claims", claims.as_json());
        }
        self.push_extra(&mut form);
        Ok(form)
    }

    /// The form of RFC 6749 section 4.4.2.
    pub(super) fn client_form(
        &self,
        target: Option<&Target>,
    ) -> Result<TokenRequest, TokenEndpointError> {
        let mut form = TokenRequest::new(CLIENT_CREDENTIALS);
        if let Some(target) = target {
            let parameters = self.settings.client_target.unwrap_or(self.settings.target);
            self.push_target(&mut form, target, parameters)?;
        }
        self.push_extra(&mut form);
        Ok(form)
    }

    fn token_exchange(&self, request: &ExchangeRequest, by: Registration<'_>) -> TokenRequest {
        let mut form = TokenRequest::new(TOKEN_EXCHANGE);
        form.push("subject_token", request.subject().subject_token().expose());
        let derived = request.subject_token_type(by.server);
        let subject_type = self.settings.subject_type.as_ref().unwrap_or(&derived);
        form.push_public("subject_token_type", subject_type.as_str());
        if let Some(actor) = request.actor() {
            form.push("actor_token", actor.expose());
            form.push_public("actor_token_type", actor.token_type().as_str());
        }
        if let Some(requested) = self.type_to_request(request) {
            form.push_public("requested_token_type", requested.as_str());
        }
        form
    }

    /// The type to request.
    pub(super) fn type_to_request<'a>(
        &'a self,
        request: &'a ExchangeRequest,
    ) -> Option<&'a TokenType> {
        let requested = request.requested_type();
        let is_omitted =
            self.settings.without_requested_type || self.settings.grant == GrantType::JwtBearer;
        requested
            .or(self.settings.requested_type.as_ref())
            .filter(|_| !is_omitted)
    }

    fn push_target(
        &self,
        form: &mut TokenRequest,
        target: &Target,
        by: TargetBy,
    ) -> Result<(), TokenEndpointError> {
        let (audiences, resources) = (target.audiences(), target.resources());
        let (has_audience, has_resource) = match by {
            TargetBy::AudienceAndResource => (true, true),
            TargetBy::Audience | TargetBy::OneAudience => (true, false),
            TargetBy::Resource => (false, true),
            TargetBy::Scope => (false, false),
        };
        if !has_resource && !resources.is_empty() {
            return Err(unsupported(
                "resource",
                "this server does not support `resource`; name the target by audience or scope",
            ));
        }
        if by == TargetBy::Resource && !audiences.is_empty() {
            return Err(unsupported(
                "audience",
                "this server supports only `resource`; add the audience with `Target::or_named` (`or_named` of the destination in a file)",
            ));
        }
        if by == TargetBy::OneAudience && audiences.len() != 1 {
            return Err(unsupported(
                "audience",
                "this server issues tokens for one audience at a time; make a target for each",
            ));
        }
        if self.settings.require_scope && target.scope().is_empty() {
            return Err(unsupported(
                "scope",
                "this server requires a scope; add one to the target",
            ));
        }
        for audience in audiences.iter().filter(|_| has_audience) {
            form.push_public("audience", audience.as_str());
        }
        for resource in resources {
            form.push_public("resource", resource.as_str());
        }
        form.push_public("scope", target.scope().to_string());
        Ok(())
    }

    fn push_extra(&self, form: &mut TokenRequest) {
        for (name, value) in &self.extra {
            form.push(name.clone(), value.expose());
        }
    }

    /// Rejects a caller's token that the server would refuse.
    fn check_subject(
        &self,
        request: &ExchangeRequest,
        by: Registration<'_>,
    ) -> Result<(), TokenEndpointError> {
        let subject = request.subject();
        if self.settings.require_user && subject.kind() != PrincipalKind::User {
            return Err(denied(
                "the caller is an application, and this server acts only for users",
            ));
        }
        let actors = usize::from(subject.current_actor().is_some()) + subject.prior_actors().len();
        if let Some(most) = self.settings.max_actors.filter(|most| actors >= *most) {
            return Err(denied(format!(
                "the caller's token has {actors} actors already, and this server allows {most}: the chain of services is too \
                 long"
            )));
        }
        let is_named = subject.audience().any(|aud| aud == by.client_id)
            || subject.client_id() == Some(by.client_id);
        if self.settings.require_client_in_audience && !is_named {
            return Err(denied(format!(
                "the caller's token does not name the client {:?} in `aud`, and this server exchanges no other; have it add \
                 this audience",
                by.client_id
            )));
        }
        Ok(())
    }

    /// Rejects an actor without token or type, one that the server does not accept, and a missing
    /// one.
    fn check_actor(&self, request: &ExchangeRequest) -> Result<(), TokenEndpointError> {
        let Some(actor) = request.actor() else {
            return match self.settings.actor {
                Actor::Required => Err(unsupported("actor_token", "this server requires one")),
                Actor::Forbidden | Actor::Optional => Ok(()),
            };
        };
        if self.settings.actor == Actor::Forbidden || self.settings.grant == GrantType::JwtBearer {
            return Err(unsupported(
                "actor_token",
                "this server accepts none: to it, the authenticated client is the actor",
            ));
        }
        if actor.expose().is_empty() || actor.token_type().as_str().is_empty() {
            return Err(unsupported(
                "actor_token",
                "the token or its type is empty; give both or no actor (RFC 8693 section 2.1)",
            ));
        }
        match &self.settings.actor_types {
            Some(types) if !types.contains(actor.token_type()) => Err(unsupported(
                "actor_token_type",
                "this server accepts no actor token of this type",
            )),
            _ => Ok(()),
        }
    }

    /// Rejects a requested refresh token, which would outlive the user's session, and types that
    /// the server does not issue.
    fn check_requested_type(&self, request: &ExchangeRequest) -> Result<(), TokenEndpointError> {
        let Some(requested) = request.requested_type() else {
            return Ok(());
        };
        if *requested == TokenType::REFRESH_TOKEN {
            return Err(unsupported(
                "requested_token_type",
                "a refresh token cannot be sent downstream; request an access token",
            ));
        }
        let is_sent = self.type_to_request(request).is_some();
        let is_offered = match &self.settings.offered {
            Some(offered) => offered.contains(requested),
            None => is_sent || *requested == TokenType::ACCESS_TOKEN,
        };
        if is_offered {
            return Ok(());
        }
        Err(unsupported(
            "requested_token_type",
            "this server does not issue tokens of this type",
        ))
    }
}

/// A request that this server can never fulfil.
fn unsupported(parameter: &str, problem: &str) -> TokenEndpointError {
    let problem = format!("request not sent, `{parameter}`: {problem}");
    TokenEndpointError::new(ErrorClass::ClientMisconfigured, problem)
}

/// A request that this server would refuse for this caller.
fn denied(problem: impl Into<String>) -> TokenEndpointError {
    let problem = format!("request not sent: {}", problem.into());
    TokenEndpointError::new(ErrorClass::TargetDenied, problem)
}
