use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body::Body;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use obo_core::event::{EventError, Logout};
use obo_core::{
    Audience, BearerToken, ConfigError, Policy, UnixTime, UnverifiedJwt, VerificationKey,
    has_media_type,
};
use tokio::time::timeout;

use super::failure::Failure;
use crate::box_error::BoxError;
use crate::fleet::{Fleet, StoreError};
use crate::inbound::resource_server::ResourceServer;
use crate::inbound::resource_server::Unverified;

const LONGEST_BODY: usize = 64 * 1024;
const BODY_DEADLINE: Duration = Duration::from_secs(5);
/// When a sender should try again after the store has failed.
const STORE_RETRY: Duration = Duration::from_secs(1);

/// What both services do.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    server: ResourceServer,
    fleet: Fleet,
    audience: Audience,
}

impl Receiver {
    pub(super) fn new<A>(
        server: &ResourceServer,
        fleet: &Fleet,
        audience: A,
    ) -> Result<Self, ConfigError>
    where
        A: TryInto<Audience, Error: Into<ConfigError>>,
    {
        Ok(Self {
            server: server.clone(),
            fleet: fleet.clone(),
            audience: audience.try_into().map_err(Into::into)?,
        })
    }

    /// Validates a token with the keys of its issuer.
    pub(super) async fn verify<T>(
        &self,
        token: &str,
        verify: impl Fn(
            &Policy,
            &UnverifiedJwt<'_>,
            &VerificationKey,
            &Audience,
            UnixTime,
        ) -> Result<T, EventError>,
    ) -> Result<T, Failure> {
        let parsed = BearerToken::parse(token).and_then(UnverifiedJwt::parse);
        let jwt = parsed.map_err(|error| Failure::Token(error.into()))?;
        let verify = |policy: &Policy, key: &VerificationKey, now| {
            verify(policy, &jwt, key, &self.audience, now)
        };
        let verified = self.server.verify_event(&jwt, verify).await;
        verified.map_err(|unverified| match unverified {
            Unverified::Refused(error) => Failure::Token(error),
            Unverified::NoKeys(error) => Failure::Unavailable {
                problem: error.problem,
                retry_after: error.retry_after,
            },
        })
    }

    /// Uses the identifier of the message and revokes the tokens. Returns `false` if it was used
    /// before.
    pub(super) async fn revoke(&self, logout: Logout) -> Result<bool, Failure> {
        let Logout {
            issuer,
            jti,
            of,
            until,
            ..
        } = logout;
        let revoked = self.fleet.revoke_once(&issuer, &jti, of, until).await;
        revoked.map_err(|error: StoreError| Failure::Unavailable {
            problem: error.to_string(),
            retry_after: STORE_RETRY,
        })
    }
}

/// Reads the body of a POST with this media type.
pub(super) async fn body<B>(request: Request<B>, media_type: &str) -> Result<Bytes, Failure>
where
    B: Body<Error: Into<BoxError>>,
{
    if request.method() != Method::POST {
        return Err(Failure::Method);
    }
    if !has_media_type(request.headers(), media_type) {
        return Err(Failure::MediaType);
    }
    let body = request.into_body();
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return Err(Failure::TooLong);
    }
    let whole = Limited::new(body, LONGEST_BODY).collect();
    let whole = timeout(BODY_DEADLINE, whole).await;
    let whole = whole.map_err(|_| Failure::TooSlow)?;
    let whole = whole.map_err(|error| match error.is::<LengthLimitError>() {
        true => Failure::TooLong,
        false => Failure::Request("the body ended too early"),
    })?;
    Ok(whole.to_bytes())
}
