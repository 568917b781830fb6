//! One attempt at a grant over HTTP: ask in the server's dialect, authenticate, send, read the response.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Response, StatusCode};
use obo_core::dialect::Registration;
use obo_core::{
    BearerToken, Caller, ErrorClass, IntrospectionResponse, IssuedToken, Target,
    TokenEndpointError, TokenRequest, introspection_refusal, is_json,
};
use tokio::time::Instant;

use super::builder::Settings;
use super::entries::Outcome;
use super::wanted::Wanted;
use crate::idp::admission::{Admission, Asker};
use crate::idp::endpoint::{
    AskError, Endpoint, Patience, Sender, introspection_endpoint, token_endpoint,
};
use crate::idp::server::AuthorizationServer;
use crate::outbound::error::ExchangeError;

/// How often a failure that may pass is tried again.
const RETRIES: u32 = 2;

/// Where the grants of one client are asked for.
#[derive(Debug)]
pub(super) struct TokenEndpoint {
    endpoint: Endpoint,
    /// Whether it was seen to grant what its metadata does not list.
    offers_unlisted: AtomicBool,
}

impl TokenEndpoint {
    pub(super) fn new(server: AuthorizationServer) -> Self {
        let admission = Admission::of_token_endpoint(server.issuer().clone());
        Self {
            endpoint: Endpoint::new(server, admission),
            offers_unlisted: AtomicBool::default(),
        }
    }

    pub(super) fn server(&self) -> &AuthorizationServer {
        self.endpoint.server()
    }

    /// Asks, with retries; discovery and a client authentication that hangs are in its deadline too.
    pub(super) async fn ask(
        &self,
        wanted: &Wanted,
        settings: &Settings,
        asker: Asker,
        deadline: Instant,
    ) -> Outcome {
        let target = wanted.grant.target().map(|target| &**target);
        let patience = Patience::new(deadline, settings.deadline, RETRIES);
        let attempt = || self.attempt(wanted, settings, patience);
        let issued = self.endpoint.call(asker, target, patience, attempt).await;
        issued.map_err(|error| ExchangeError::of_grant(&wanted.grant, error))
    }

    async fn attempt(
        &self,
        wanted: &Wanted,
        settings: &Settings,
        patience: Patience,
    ) -> Result<IssuedToken, AskError> {
        let grant = &wanted.grant;
        let by = Registration::new(self.server().issuer(), settings.client.id());
        let dialect = settings.dialect_of(wanted);
        let form = dialect.request(grant, by).map_err(AskError::NotAsked)?;
        let sender = Sender {
            client: &settings.client,
            clock: &settings.clock,
            accept: "application/json",
            patience,
        };
        let grant_type = form.pairs().find(|(name, _)| *name == "grant_type");
        let grant_type = grant_type.map(|(_, grant)| grant.to_owned());
        let mut unlisted = None;
        let response = self.endpoint.post(sender, form, |metadata, is_mutual_tls| {
            unlisted = grant_type.filter(|grant| metadata.leaves_out_grant(grant));
            token_endpoint(metadata, is_mutual_tls)
        });
        let response = response.await?;
        let issued = dialect.response(grant, &response, settings.clock.now());
        let issued = issued.map_err(|error| {
            let error = error.with_status(response.status());
            match &unlisted {
                Some(grant) if self.lacks_grant(&error) => without_grant(error, grant),
                _ => error,
            }
        })?;
        if unlisted.is_some() {
            self.offers_unlisted.store(true, Ordering::Relaxed);
        }
        let Some(target) = grant.target() else {
            return Ok(issued);
        };
        check_scope(target, &issued)?;
        match settings.introspects_issued && !issued.is_jwt() {
            true => {
                let caller = grant.subject();
                let caller = caller.filter(|_| !dialect.has_pairwise_subjects());
                let introspected = self.introspected(sender, issued, target, caller).await;
                introspected.map_err(AskError::after_another)
            }
            false => Ok(issued),
        }
    }

    /// The token, if the server says that it is for the target and, with a caller, not of another one.
    async fn introspected(
        &self,
        sender: Sender<'_>,
        issued: IssuedToken,
        target: &Target,
        caller: Option<&Caller>,
    ) -> Result<IssuedToken, AskError> {
        let token = BearerToken::parse(issued.expose()).map_err(|error| {
            let class = ErrorClass::ResponseUnusable;
            TokenEndpointError::new(class, error.to_string())
        })?;
        let form = TokenRequest::introspection(token);
        let asked = self.endpoint.post(sender, form, introspection_endpoint);
        let response = asked.await?;
        let now = sender.clock.now();
        if response.status() != StatusCode::OK {
            return Err(introspection_refusal(&response, now).into());
        }
        read_json(&response)
            .and_then(|said| said.confirm_issued(issued, target, caller, now))
            .map_err(|error| error.with_status(response.status()).into())
    }

    /// Whether a server may refuse so a grant that it does not offer at all; some have no code for it.
    fn lacks_grant(&self, error: &TokenEndpointError) -> bool {
        let is_of_grant = matches!(
            error.oauth_code(),
            None | Some("unsupported_grant_type" | "unauthorized_client" | "invalid_request")
        );
        let is_denied = error.class() == ErrorClass::TargetDenied;
        error.status() == Some(StatusCode::BAD_REQUEST)
            && is_of_grant
            && !is_denied
            && !self.offers_unlisted.load(Ordering::Relaxed)
    }
}

/// A page or a document of another kind is not a response, whatever it looks like.
fn read_json(answer: &Response<Bytes>) -> Result<IntrospectionResponse, TokenEndpointError> {
    match is_json(answer.headers()) {
        true => IntrospectionResponse::parse(answer.body()),
        false => Err(TokenEndpointError::new(
            ErrorClass::ResponseUnusable,
            "the introspection of the issued token: the response is not JSON by its content type; it must be \
             `application/json`",
        )),
    }
}

/// The user can do nothing about it, and a new sign-in would be refused in the same way.
fn without_grant(error: TokenEndpointError, grant: &str) -> TokenEndpointError {
    error.of_setup(&format!(
        "the server's metadata does not list the grant {grant} in `grant_types_supported`: it may \
         not offer {}",
        match grant {
            "urn:ietf:params:oauth:grant-type:token-exchange" => "token exchange",
            _ => "it",
        }
    ))
}

/// To grant a part of the scope is to deny what needs all of it, as `invalid_scope` does (RFC 6749 section 5.2).
fn check_scope(target: &Target, issued: &IssuedToken) -> Result<(), TokenEndpointError> {
    let granted = issued.scope();
    let missing = target.scope().iter().find(|value| !granted.contains(value));
    match missing.filter(|_| target.requires_scope()) {
        None => Ok(()),
        Some(value) => Err(TokenEndpointError::new(
            ErrorClass::TargetDenied,
            format!("the server granted less scope than is required: {value:?} is missing"),
        )),
    }
}
