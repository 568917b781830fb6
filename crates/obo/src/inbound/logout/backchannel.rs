use std::borrow::Cow;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::Full;
use obo_core::{Audience, ConfigError, Policy};
use serde_json::json;
use tower_service::Service;

use super::ResponseFuture;
use super::failure::{Failure, empty};
use super::receiver::{Receiver, body};
use crate::box_error::BoxError;
use crate::fleet::Fleet;
use crate::inbound::resource_server::ResourceServer;
use crate::observe;

const KIND: &str = "backchannel";

/// A service that receives logout tokens (OpenID Connect Back-Channel Logout 1.0) and revokes the
/// tokens of the user or the session at all replicas.
///
/// Register its URL at the authorization server as `backchannel_logout_uri` of the client.
///
/// | response | when |
/// | --- | --- |
/// | 200 | the tokens are revoked |
/// | 400 with a JSON `error` and `error_description` | the token is not valid, or was used |
/// | 405, 408, 413, 415 | the request is not a POST of a small form |
/// | 503 with `Retry-After` | the keys or the store are not available: send it again |
///
/// No response is stored (`Cache-Control: no-store`). [`Policy::verify_logout_token`] has the rules
/// for the token. The [module page](super) has the steps.
///
/// ```
/// use axum::Router;
/// use obo::ResourceServer;
/// use obo::fleet::Fleet;
/// use obo::logout::BackchannelLogout;
///
/// let fleet = Fleet::builder().build()?;
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com")
///     .fleet(fleet.clone())
///     .build()?;
/// // Logout tokens are for the client, whose identifier is the audience.
/// let logout = BackchannelLogout::new(&server, &fleet, "service-a-client")?;
/// // After `router.layer(…)`, so it needs no bearer token.
/// let app: Router = Router::new().route_service("/backchannel-logout", logout);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct BackchannelLogout {
    receiver: Receiver,
}

impl BackchannelLogout {
    /// Receives logout tokens of the issuers that `server` trusts, for `audience`: the identifier
    /// of the client at the authorization server.
    ///
    /// # Errors
    ///
    /// Fails if the audience is malformed.
    pub fn new<A>(server: &ResourceServer, fleet: &Fleet, audience: A) -> Result<Self, ConfigError>
    where
        A: TryInto<Audience, Error: Into<ConfigError>>,
    {
        let receiver = Receiver::new(server, fleet, audience)?;
        Ok(Self { receiver })
    }
}

impl<B> Service<Request<B>> for BackchannelLogout
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let receiver = self.receiver.clone();
        ResponseFuture::new(async move {
            match receive(&receiver, request).await {
                Ok(()) => empty(StatusCode::OK),
                Err(failure) => {
                    failure.record(KIND);
                    failure.response(|| {
                        let description = failure.description();
                        json!({ "error": "invalid_request", "error_description": description })
                    })
                }
            }
        })
    }
}

async fn receive<B>(receiver: &Receiver, request: Request<B>) -> Result<(), Failure>
where
    B: Body<Error: Into<BoxError>>,
{
    let form = body(request, "application/x-www-form-urlencoded").await?;
    let token = logout_token(&form)?;
    let logout = receiver.verify(&token, Policy::verify_logout_token).await?;
    let issuer = logout.issuer.clone();
    match receiver.revoke(logout).await? {
        true => {
            observe::logout_received(KIND, &issuer, true);
            Ok(())
        }
        false => Err(Failure::Repeated),
    }
}

/// The only `logout_token` of a form. Other parameters are ignored (section 2.5).
fn logout_token(form: &[u8]) -> Result<Cow<'_, str>, Failure> {
    let pairs = form_urlencoded::parse(form);
    let mut tokens = pairs.filter(|(name, _)| name == "logout_token");
    match (tokens.next(), tokens.next()) {
        (Some((_, token)), None) => Ok(token),
        (None, _) => Err(Failure::Request("logout_token is missing")),
        (Some(_), Some(_)) => Err(Failure::Request("logout_token occurs twice")),
    }
}
