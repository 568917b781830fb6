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
use crate::idp::endpoint::{
    AskError, Endpoint as Asking, Patience, Sender, introspection_endpoint,
};
use crate::idp::jwks::{Jwks, Lookup};
use crate::idp::server::AuthorizationServer;

/// From the look for the place to the answer, and the keys to open it with.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a server answers that is down or has too much to do, whatever it is asked.
const OVERWHELMED: [StatusCode; 3] = [
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

const SIGNED: &str = "application/token-introspection+jwt";

/// Where one issuer is asked, and how it fares.
pub(super) struct Endpoint {
    asking: Asking,
    pub(super) settings: Introspection,
    pub(super) policy: Policy,
    jwks: Jwks,
    clock: Clock,
    /// Tells subjects and tokens apart.
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
            asking: Asking::new(server, admission),
            settings,
            policy,
            jwks,
            clock,
            hasher: RandomState::new(),
        }
    }

    /// Asks once: whoever waits for it has a caller of their own who can ask again.
    ///
    /// A token that no key vouches for may be made up so that the server fails over it, which is not held against the
    /// server: otherwise a few of them would shut out all others.
    pub(super) async fn ask(
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
        let pause = self.asking.pause(asker);
        if !pause.is_zero() {
            return Err(Admission::paused(pause));
        }
        let patience = Patience::new(Instant::now() + DEADLINE, DEADLINE, 0);
        let attempt = || async {
            let response = self.send(token, patience).await?;
            let status = response.status();
            if status != StatusCode::OK {
                let refusal = introspection_refusal(&response, self.clock.now());
                let is_of_token = status.is_server_error() && !OVERWHELMED.contains(&status);
                return Err(match is_of_token && vouched.is_none() {
                    true => AskError::NotAsked(refusal),
                    false => AskError::Asked(refusal),
                });
            }
            let read = patience.limit(self.read(&response)).await;
            read.map_err(AskError::Asked)?.map_err(|error| {
                AskError::Asked(match error.class() {
                    // The keys to open it with could not be had: that is another server's response.
                    ErrorClass::Transient => error,
                    _ => error.with_status(status),
                })
            })
        };
        self.asking.call(asker, None, patience, attempt).await
    }

    async fn send(
        &self,
        token: BearerToken<'_>,
        patience: Patience,
    ) -> Result<Response<Bytes>, AskError> {
        let settings = &self.settings;
        let sender = Sender {
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
            Some(url) => self.asking.post_to(sender, url, form).await,
            None => self.asking.post(sender, form, introspection_endpoint).await,
        }
    }

    async fn read(
        &self,
        answer: &Response<Bytes>,
    ) -> Result<IntrospectionResponse, TokenEndpointError> {
        if !self.settings.is_signed {
            // A page or a document of another kind is not to be taken for one, whatever it looks like.
            return match is_json(answer.headers()) {
                true => IntrospectionResponse::parse(answer.body()),
                false => Err(TokenEndpointError::unusable(not_json(answer))),
            };
        }
        if !has_media_type(answer.headers(), SIGNED) {
            return Err(TokenEndpointError::unusable(
                "the answer is not signed (`application/token-introspection+jwt`)",
            ));
        }
        let signed = SignedIntrospection::parse(answer.body())?;
        let (kid, algorithm) = (signed.kid().map(str::to_owned), signed.algorithm());
        let kid = kid.as_deref();
        let jwks = &self.jwks;
        let mut lookup = match jwks.lookup(kid, algorithm) {
            Lookup::Wait(refresh) => jwks.lookup_after(kid, algorithm, refresh).await,
            found => found,
        };
        // The key may have been replaced under its name, as for a token.
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
                let problem = format!("no keys to open the answer with: {}", error.problem);
                let error_class = ErrorClass::Transient;
                Err(TokenEndpointError::new(error_class, problem)
                    .with_retry_after(Some(error.retry_after)))
            }
            Lookup::Refused(_) | Lookup::Wait(_) => Err(TokenEndpointError::unusable(
                "no key of the issuer fits the answer",
            )),
        }
    }
}

fn not_json(answer: &Response<Bytes>) -> &'static str {
    match has_media_type(answer.headers(), SIGNED) {
        true => "the response is signed; set `signed` to accept signed responses, and these alone",
        false => "the response is not JSON by its content type; it must be `application/json`",
    }
}
