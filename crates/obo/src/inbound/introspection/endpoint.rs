use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};
use obo_core::{
    BearerToken, Caller, ErrorClass, IntrospectionResponse, Policy, SignedIntrospection,
    TokenEndpointError, TokenRequest, has_media_type, introspection_refusal, is_json,
};
use tokio::time::Instant;

use super::Introspection;
use crate::clock::Clock;
use crate::idp::admission::{Admission, Asker};
use crate::idp::endpoint::{self as idp, AskError, Patience, Sender, introspection_endpoint};
use crate::idp::jwks::{Jwks, Lookup};
use crate::idp::server::AuthorizationServer;

/// For the whole introspection: discovery, the request, and the keys of a signed response.
pub(super) const DEADLINE: Duration = Duration::from_secs(5);

/// The statuses of a server that is down or overloaded, whatever the request is.
const SERVER_DOWN: [StatusCode; 3] = [
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

const SIGNED: &str = "application/token-introspection+jwt";

/// The introspection endpoint of one issuer.
pub(super) struct Endpoint {
    inner: idp::Endpoint,
    pub(super) settings: Introspection,
    pub(super) policy: Policy,
    jwks: Jwks,
    clock: Clock,
    /// Digests of subjects and tokens.
    pub(super) hasher: RandomState,
}

impl Endpoint {
    pub(super) fn new(
        settings: Introspection,
        policy: Policy,
        server: AuthorizationServer,
        jwks: Jwks,
        clock: Clock,
    ) -> Self {
        let admission = Admission::of_introspection(server.issuer().clone());
        Self {
            inner: idp::Endpoint::new(server, admission),
            settings,
            policy,
            jwks,
            clock,
            hasher: RandomState::new(),
        }
    }

    /// Introspects a token with a single request; the caller may try again.
    ///
    /// `vouched` is the caller of a token that was validated by the issuer's keys. Any other token
    /// may be forged to make the server fail. Such a failure does not count for the circuit
    /// breaker, or a few forged tokens would block all others.
    pub(super) async fn introspect(
        &self,
        token: BearerToken<'_>,
        vouched: Option<&Caller>,
    ) -> Result<IntrospectionResponse, TokenEndpointError> {
        let subject = match vouched {
            Some(caller) => self.hasher.hash_one(caller.subject()),
            None => self.hasher.hash_one(token.expose()),
        };
        let asker = Asker {
            subject,
            target: 0,
            is_vouched: vouched.is_some(),
        };
        let pause = self.inner.pause(asker);
        if !pause.is_zero() {
            return Err(Admission::paused(pause));
        }
        let patience = Patience::new(Instant::now() + DEADLINE, DEADLINE, 0);
        let attempt = || async {
            let response = self.send(token, patience).await?;
            let status = response.status();
            if status != StatusCode::OK {
                let refusal = introspection_refusal(&response, self.clock.now());
                let is_of_token = status.is_server_error() && !SERVER_DOWN.contains(&status);
                return Err(match is_of_token && vouched.is_none() {
                    true => AskError::NotAsked(refusal),
                    false => AskError::Asked(refusal),
                });
            }
            let read = patience.limit(self.read(&response)).await;
            read.map_err(AskError::Asked)?.map_err(|error| {
                // Transient: the keys are not available, which is not a response of this endpoint.
                let is_of_keys = error.class() == ErrorClass::Transient;
                AskError::Asked(if is_of_keys {
                    error
                } else {
                    error.with_status(status)
                })
            })
        };
        self.inner.call(asker, None, patience, attempt).await
    }

    async fn send(
        &self,
        token: BearerToken<'_>,
        patience: Patience,
    ) -> Result<Response<Bytes>, AskError> {
        let settings = &self.settings;
        let sender = Sender {
            signer: None,
            has_certificate: false,
            client: &settings.client,
            clock: &self.clock,
            accept: match settings.is_signed {
                true => SIGNED,
                false => "application/json",
            },
            patience,
        };
        let form = TokenRequest::introspection(token);
        match &settings.endpoint {
            Some(url) => self.inner.post_to(sender, url, form).await,
            None => self.inner.post(sender, form, introspection_endpoint).await,
        }
    }

    async fn read(
        &self,
        response: &Response<Bytes>,
    ) -> Result<IntrospectionResponse, TokenEndpointError> {
        if !self.settings.is_signed {
            // An error page must not count as a response, whatever its body looks like.
            return match is_json(response.headers()) {
                true => IntrospectionResponse::parse(response.body()),
                false => Err(TokenEndpointError::unusable(not_json(response))),
            };
        }
        if !has_media_type(response.headers(), SIGNED) {
            return Err(TokenEndpointError::unusable(
                "the response is not signed, expected `application/token-introspection+jwt`",
            ));
        }
        let signed = SignedIntrospection::parse(response.body())?;
        let (kid, algorithm) = (signed.kid().map(str::to_owned), signed.algorithm());
        let kid = kid.as_deref();
        let jwks = &self.jwks;
        let mut lookup = jwks.lookup(kid, algorithm);
        if let Lookup::Wait(refresh) = lookup {
            lookup = jwks.lookup_after(kid, algorithm, refresh).await;
        }
        // The issuer may have replaced the key under the same `kid`, as for a token.
        if let Lookup::Key(key, _) = &lookup
            && !signed.is_signed_by(key)
            && let Some(refresh) = jwks.doubt(kid)
        {
            lookup = jwks.lookup_after(kid, algorithm, refresh).await;
        }
        match lookup {
            Lookup::Key(key, _) => {
                let client = self.settings.client.id();
                self.policy.open(signed, &key, client, self.clock.now())
            }
            Lookup::Unavailable(error) => {
                let problem = format!("no keys to verify the response with: {}", error.problem);
                let error_class = ErrorClass::Transient;
                Err(TokenEndpointError::new(error_class, problem)
                    .with_retry_after(Some(error.retry_after)))
            }
            Lookup::Refused(_) | Lookup::Wait(_) => Err(TokenEndpointError::unusable(
                "no key of the issuer verifies the response",
            )),
        }
    }
}

fn not_json(response: &Response<Bytes>) -> &'static str {
    match has_media_type(response.headers(), SIGNED) {
        true => "the response is signed; set `signed` to accept only signed responses",
        false => "the content type of the response is not JSON, expected `application/json`",
    }
}
