//! One attempt at a grant over HTTP: writes the request in the dialect of the server,
//! authenticates, sends, reads the response.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Response, StatusCode};
use obo_core::binding::Proven;
use obo_core::binding::dpop::ProofKey;
use obo_core::dialect::Registration;
use obo_core::{
    BearerToken, Caller, ErrorClass, Grant, IntrospectionResponse, IssuedToken, Target,
    TokenEndpointError, TokenRequest, TokenScheme, introspection_refusal, is_json,
};
use serde::Deserialize;
use tokio::time::Instant;

use super::builder::Settings;
use super::entries::Outcome;
use super::wanted::Wanted;
use crate::idp::admission::{Admission, Asker};
use crate::idp::endpoint::{
    AskError, Endpoint, Patience, Sender, introspection_endpoint, token_endpoint,
};
use crate::idp::proofs::has_nonce;
use crate::idp::server::AuthorizationServer;
use crate::outbound::error::ExchangeError;

/// How often a transient failure is retried.
const RETRIES: u32 = 2;

/// The token endpoint, for one client.
#[derive(Debug)]
pub(super) struct TokenEndpoint {
    endpoint: Endpoint,
    /// Whether it has granted what its metadata does not list.
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

    /// Requests a token, with retries. The deadline includes discovery and a client authentication
    /// that hangs.
    pub(super) async fn fetch(
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
        issued.map_err(|error| {
            let error = match refuses_client(&error) {
                None => error,
                Some(change) => {
                    let (id, issuer) = (settings.client.id(), self.server().issuer());
                    error.of_setup(&format!(
                        "this service is client {id:?} of {issuer}: {change}"
                    ))
                }
            };
            ExchangeError::of_grant(&wanted.grant, error)
        })
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
        let sender = Sender {
            client: &settings.client,
            clock: &settings.clock,
            accept: "application/json",
            patience,
            proof_key: grant.proof_key().map(|key| &**key),
            has_certificate: settings.certificate.is_some(),
        };
        let certificate = settings.certificate();
        let mut unlisted = None;
        let mut has_retried = false;
        let response = loop {
            let form = dialect.request(grant, by).map_err(AskError::NotAsked)?;
            let grant_type = form.pairs().find(|(name, _)| *name == "grant_type");
            let grant_type = grant_type.map(|(_, grant)| grant.to_owned());
            let response = self.endpoint.post(sender, form, |metadata, is_mutual_tls| {
                unlisted = grant_type.filter(|grant| metadata.leaves_out_grant(grant));
                token_endpoint(metadata, is_mutual_tls)
            });
            let response = response.await?;
            if sender.proof_key.is_none() || !demands_nonce(&response) {
                break response;
            }
            if has_retried || !has_nonce(response.headers()) {
                return Err(without_nonce(has_retried)
                    .with_status(response.status())
                    .into());
            }
            has_retried = true;
        };
        let issued = dialect.response(grant, &response, settings.clock.now());
        // A dialect from elsewhere may not know of proofs.
        let issued = issued.and_then(|issued| check_scheme(grant, issued));
        let issued = issued.and_then(|issued| {
            let checked = certificate.map(|own| check_certificate(own, grant, settings, &issued));
            checked.transpose().map(|_| issued)
        });
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
        match is_introspected(settings, &issued) {
            true => {
                let caller = grant.subject();
                let caller = caller.filter(|_| !dialect.has_pairwise_subjects());
                let proven = Proven {
                    key: sender.proof_key.map(ProofKey::thumbprint),
                    certificate: certificate.as_ref(),
                };
                let introspected = self.introspected(sender, issued, target, caller, proven);
                introspected.await.map_err(AskError::after_another)
            }
            false => Ok(issued),
        }
    }

    /// Returns the token if introspection confirms its target and, with a caller, its subject.
    async fn introspected(
        &self,
        sender: Sender<'_>,
        issued: IssuedToken,
        target: &Target,
        caller: Option<&Caller>,
        proven: Proven<'_>,
    ) -> Result<IssuedToken, AskError> {
        let token = BearerToken::parse(issued.expose()).map_err(|error| {
            let class = ErrorClass::ResponseUnusable;
            TokenEndpointError::new(class, error.to_string())
        })?;
        let form = TokenRequest::introspection(token);
        let sender = Sender {
            proof_key: None,
            ..sender
        };
        let sent = self.endpoint.post(sender, form, introspection_endpoint);
        let response = sent.await?;
        let now = sender.clock.now();
        if response.status() != StatusCode::OK {
            return Err(introspection_refusal(&response, now).into());
        }
        read_json(&response)
            .and_then(|read| read.confirm_issued(issued, target, caller, proven, now))
            .map_err(|error| error.with_status(response.status()).into())
    }

    /// Whether the error may mean that the server does not offer the grant; some servers have no
    /// code for it.
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

/// Whether the server demands a nonce in the proof (RFC 9449 section 8).
fn demands_nonce(response: &Response<Bytes>) -> bool {
    #[derive(Deserialize)]
    struct Body {
        error: String,
    }
    let body = || serde_json::from_slice(response.body());
    response.status() == StatusCode::BAD_REQUEST
        && body().is_ok_and(|body: Body| body.error == "use_dpop_nonce")
}

fn without_nonce(has_retried: bool) -> TokenEndpointError {
    let problem = match has_retried {
        true => "the token endpoint demands another nonce than the one it has just sent",
        false => "the token endpoint demands a nonce, but its response has no usable `DPoP-Nonce`",
    };
    TokenEndpointError::unusable(problem).with_oauth("use_dpop_nonce", None)
}

/// A token that must be bound to a key is never sent as a bearer token, and no other as a bound
/// one.
fn check_scheme(grant: &Grant, issued: IssuedToken) -> Result<IssuedToken, TokenEndpointError> {
    let is_bound = issued.scheme() == TokenScheme::Dpop;
    match is_bound == grant.proof_key().is_some() {
        true => Ok(issued),
        false if is_bound => Err(TokenEndpointError::unusable(
            "the issued token is bound to a key, but the request had no proof of one",
        )),
        false => Err(TokenEndpointError::unusable(
            "the issued token is a bearer token, and not bound to the key of the proof",
        )),
    }
}

fn is_introspected(settings: &Settings, issued: &IssuedToken) -> bool {
    settings.introspects_issued && !issued.is_jwt()
}

/// A JWT that must be bound to the certificate of this service says so (RFC 8705 section 3.1). The
/// certificate may have been renewed while the request was under way.
///
/// Nothing in a response says so about an opaque token: its type is `Bearer` too.
fn check_certificate(
    certificate: [u8; 32],
    grant: &Grant,
    settings: &Settings,
    issued: &IssuedToken,
) -> Result<(), TokenEndpointError> {
    let Some(binding) = issued.binding() else {
        // An actor token goes back to the server that issued it, and to no service.
        let is_sent = grant.target().is_some();
        return match is_sent && !settings.trusts_binding && !is_introspected(settings, issued) {
            false => Ok(()),
            true => Err(TokenEndpointError::unusable(
                "the issued token is opaque, so it does not show that it is bound to the certificate of this \
                 service; let the server issue JWTs, or set `introspect_issued`",
            )),
        };
    };
    let bound = binding.certificate;
    match bound.is_some() && (bound == Some(certificate) || bound == settings.certificate()) {
        true => Ok(()),
        false => Err(TokenEndpointError::unusable(
            "the issued token is not bound to the certificate of this service: `x5t#S256` in its `cnf` \
             is missing or of another certificate; let the server bind tokens of this client, and \
             connect to it with the certificate",
        )),
    }
}

/// Only JSON is a response, whatever else the body looks like.
fn read_json(response: &Response<Bytes>) -> Result<IntrospectionResponse, TokenEndpointError> {
    match is_json(response.headers()) {
        true => IntrospectionResponse::parse(response.body()),
        false => Err(TokenEndpointError::new(
            ErrorClass::ResponseUnusable,
            "introspection of the issued token: the response's content type is not `application/json`",
        )),
    }
}

/// What to change if the server's response rejects the client or its credential.
fn refuses_client(error: &TokenEndpointError) -> Option<&'static str> {
    if error.class() != ErrorClass::ClientMisconfigured {
        return None;
    }
    match (error.status()?, error.oauth_code()) {
        (_, Some("invalid_client")) | (StatusCode::UNAUTHORIZED, None) => Some(
            "compare its identifier, its method of authentication and its secret or key with the registration there",
        ),
        (_, Some("unauthorized_client")) => {
            Some("allow it the grant there, such as token exchange")
        }
        _ => None,
    }
}

/// The user cannot fix it, and a new sign-in would be refused in the same way.
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

/// A server that grants part of a required scope denies the target, as by `invalid_scope` (RFC 6749
/// section 5.2).
fn check_scope(target: &Target, issued: &IssuedToken) -> Result<(), TokenEndpointError> {
    let granted = issued.scope();
    let missing = target.scope().iter().find(|value| !granted.contains(value));
    match missing.filter(|_| target.requires_scope()) {
        None => Ok(()),
        Some(value) => Err(TokenEndpointError::new(
            ErrorClass::TargetDenied,
            format!("the server granted less scope than required: {value:?} is missing"),
        )),
    }
}
