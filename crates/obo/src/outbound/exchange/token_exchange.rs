use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Method};
use obo_core::binding::Thumbprint;
use obo_core::{
    Algorithm, Caller, ConfigError, ExchangeRequest, IssuedToken, Issuer, Target,
    TokenEndpointError, UnixTime,
};
use tokio::time::{Instant, timeout};
use tower_service::Service;

use super::cache::Place;
use super::engine::Engine;
use super::future::ResponseFuture;
use super::wanted::Wanted;
use crate::idp::client_auth::{DpopKey, ProofSigner, Proving};
use crate::observe;
use crate::outbound::destination::Found;
use crate::outbound::error::{ExchangeError, ExchangeErrorKind};

/// Exchanges tokens at one authorization server, as one client: a service of [`ExchangeRequest`]s
/// with a cache.
///
/// [`builder`](Self::builder) configures one. Clones share its cache: make one per process and
/// authorization server. It requires a tokio runtime.
///
/// | for | use |
/// | --- | --- |
/// | calls on behalf of users | [`to`], [`to_destination`], [`to_destinations`] |
/// | calls as this service itself | [`app_only_to`] and its variants |
/// | a client that is not a tower service | [`token`], [`app_only_token`] |
/// | a logout | [`revoke`] |
///
/// [`to`]: Self::to
/// [`to_destination`]: Self::to_destination
/// [`to_destinations`]: Self::to_destinations
/// [`app_only_to`]: Self::app_only_to
/// [`token`]: Self::token
/// [`app_only_token`]: Self::app_only_token
/// [`revoke`]: Self::revoke
///
/// ```
/// use obo::{Client, PrivateKeyJwt, TokenExchange};
/// use obo::policy::Algorithm;
/// use tower::ServiceBuilder;
///
/// # fn example(channel: impl Clone) -> Result<(), obo::ConfigError> {
/// let key = PrivateKeyJwt::from_pem_file(Algorithm::Es256, "service-a.pem", Some("key-1"));
/// let client = Client::new("service-a", key);
/// let exchange = TokenExchange::builder("https://idp.example.com/realms/corp", client).build()?;
///
/// // One client per destination: made once, cloned freely.
/// let stock = exchange.to("https://stock.corp.example", "service-b")?;
/// let stock = ServiceBuilder::new().layer(stock).service(channel);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TokenExchange(pub(super) Arc<Engine>);

/// What is wrong with a bound destination of an exchange without a key.
pub(in crate::outbound) const WITHOUT_KEY: &str = "tokens of the destination are bound by `bind_dpop`, but the exchange has no key; set one by \
     `TokenExchangeBuilder::dpop`";

/// A token and its source.
#[derive(Clone, Debug)]
pub struct Exchanged {
    pub(super) token: IssuedToken,
    pub(super) source: TokenSource,
    pub(super) place: Place,
    /// Of the key that the token is bound to.
    pub(super) signer: Option<Arc<ProofSigner>>,
}

impl Exchanged {
    /// Returns the token.
    pub fn token(&self) -> &IssuedToken {
        &self.token
    }

    /// Returns the source of the token.
    pub fn source(&self) -> TokenSource {
        self.source
    }

    /// The called service has rejected a proof.
    pub(in crate::outbound) fn doubt_signer(&self) {
        if let Some(signer) = &self.signer {
            signer.doubt();
        }
    }
}

/// Where a token came from. The response of a call has it in its extensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TokenSource {
    /// It was cached.
    Cache,
    /// The authorization server issued it for this call, for a concurrent call that wanted the same
    /// token, or for another replica of the [fleet](crate::fleet::Fleet).
    Exchange,
}

impl TokenExchange {
    /// Returns the issuer of the authorization server.
    pub fn issuer(&self) -> &Issuer {
        self.0.endpoint.server().issuer()
    }

    /// Returns a token for `target` on behalf of `caller`, for clients that are not a tower
    /// service.
    ///
    /// # Errors
    ///
    /// Fails if there is no token; the kind says why. The caller's own token is never a substitute.
    pub async fn token<C, T>(
        &self,
        caller: &Caller<C>,
        target: T,
    ) -> Result<Exchanged, ExchangeError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        let target = self.named(target, Some(&caller.untyped()))?;
        self.request(ExchangeRequest::new(&caller.untyped(), target))
            .await
    }

    /// Evicts all cached tokens of a user. From now on refuses the user's own tokens that were
    /// issued until `issued_until`, for background work too.
    ///
    /// Call it when the user logs out, for example on a logout token (OpenID Connect Back-Channel
    /// Logout) with its `iat` as the time. The last 65,536 users are recorded. It affects this
    /// exchange only: the inbound side accepts those tokens until they expire. For both sides and
    /// all replicas, see [`Fleet::revoke`](crate::fleet::Fleet::revoke).
    ///
    /// Tokens state their time of issue in whole seconds. A token of the very second of
    /// `issued_until` is refused if this exchange has seen it before. Otherwise it is accepted,
    /// since the token of a user who logs in again at once looks the same. A token without `iat` is
    /// dated by its `auth_time`. A token without both is refused for a day.
    pub fn revoke(&self, issuer: &Issuer, subject: &str, issued_until: UnixTime) {
        self.0.revoke(issuer, subject, issued_until);
    }

    /// Whether this exchange is ready for calls, for a readiness probe. The counterpart of
    /// [`ResourceServer::is_ready`](crate::ResourceServer::is_ready) for services whose requests
    /// need calls.
    ///
    /// It is ready once it knows the token endpoint: by configuration, or from the discovery
    /// document of the authorization server. Once ready it stays ready: if the authorization server
    /// fails later, calls with a cached token keep working.
    ///
    /// It does not wait, and it exchanges no token. If the document is missing, it fetches it in
    /// the background, with a pause after a failure. So it needs a tokio runtime.
    ///
    /// ```
    /// # use obo::{ResourceServer, TokenExchange};
    /// # async fn of(server: ResourceServer, exchange: TokenExchange) -> http::StatusCode {
    /// match server.is_ready() && exchange.is_ready() {
    ///     true => http::StatusCode::OK,
    ///     false => http::StatusCode::SERVICE_UNAVAILABLE,
    /// }
    /// # }
    /// ```
    pub fn is_ready(&self) -> bool {
        (self.0.endpoint.server()).has_started(&self.0.settings.clock)
    }

    /// Returns a proof for one request with this token, the value of its `DPoP` header, for clients
    /// that are not a tower service; `None` for a bearer token.
    ///
    /// `uri` is that of the request as it is sent. Each request needs a new proof, a retry too.
    /// Pass the response to [`keep_nonce`](Self::keep_nonce).
    ///
    /// # Errors
    ///
    /// Fails if the operating system has no random bytes, if the key cannot sign, or if its signer
    /// does not sign within the [`deadline`](super::TokenExchangeBuilder::deadline).
    pub async fn proof(
        &self,
        exchanged: &Exchanged,
        method: &Method,
        uri: &str,
    ) -> Result<Option<HeaderValue>, ExchangeError> {
        let proof = match self.prove(exchanged, method, uri) {
            None => return Ok(None),
            Some(Ok(proving)) => self.proven(proving).await,
            Some(Err(error)) => Err(error),
        };
        let proof = proof.map_err(|error| ExchangeError::of_token_endpoint(None, error))?;
        Ok(Some(proof))
    }

    /// Starts a proof, if the token is bound to a key.
    pub(in crate::outbound) fn prove(
        &self,
        exchanged: &Exchanged,
        method: &Method,
        uri: &str,
    ) -> Option<Result<Proving, TokenEndpointError>> {
        let signer = exchanged.signer.as_ref()?;
        let token = Some(exchanged.token.expose());
        let (nonces, now) = (&self.0.nonces, self.0.settings.clock.now());
        Some(nonces.prove(signer, method.as_str(), uri, token, now))
    }

    /// Waits for a proof.
    pub(in crate::outbound) fn proven(
        &self,
        proving: Proving,
    ) -> impl Future<Output = Result<HeaderValue, TokenEndpointError>> + use<> {
        proving.before(Instant::now() + self.0.settings.deadline)
    }

    /// Keeps the nonce for proofs that a response to `uri` may have in its `DPoP-Nonce` header.
    ///
    /// If the response is a 401 with the error `use_dpop_nonce`, send the request once more with a
    /// new [`proof`](Self::proof).
    pub fn keep_nonce(&self, uri: &str, headers: &HeaderMap) {
        self.0.nonces.keep(uri, headers);
    }

    /// Reads the file of the [DPoP key](super::TokenExchangeBuilder::dpop) again, if the key is in
    /// a file.
    ///
    /// That happens after each request for a token too. Call this to use a new key while tokens of
    /// the old one are still cached. If the file is not usable, or is not read within the
    /// [deadline](super::TokenExchangeBuilder::deadline), this is logged, and the previous key
    /// stays in use.
    pub async fn renew_dpop_key(&self) {
        if let Some(key) = &self.0.settings.dpop {
            let _ = timeout(self.0.settings.deadline, key.renew()).await;
        }
    }

    /// The algorithm of the proofs, if tokens can be bound to a key
    /// ([`dpop`](super::TokenExchangeBuilder::dpop)).
    pub fn proof_algorithm(&self) -> Option<Algorithm> {
        Some(self.current_signer()?.public().algorithm())
    }

    /// Whether tokens are bound to the certificate of this service
    /// ([`bound_to_certificate`](super::TokenExchangeBuilder::bound_to_certificate)).
    pub fn binds_certificate(&self) -> bool {
        self.0.settings.certificate.is_some()
    }

    /// Whether tokens can be bound to a key.
    pub(in crate::outbound) fn binds(&self) -> bool {
        self.0.settings.dpop.is_some()
    }

    /// Of the key for the tokens of a destination, if they are bound to one.
    pub(in crate::outbound) fn signer(
        &self,
        found: &Found,
    ) -> Result<Option<Arc<ProofSigner>>, ExchangeError> {
        if !found.is_bound {
            return Ok(None);
        }
        let without = || {
            let kind = ExchangeErrorKind::ClientMisconfigured;
            ExchangeError::new(kind, Some(&found.target), WITHOUT_KEY)
        };
        self.current_signer().map(Some).ok_or_else(without)
    }

    /// Of the key with this thumbprint, which must be the current one.
    fn signer_of(
        &self,
        thumbprint: &Thumbprint,
        target: &Target,
    ) -> Result<Arc<ProofSigner>, ExchangeError> {
        let current = self.current_signer();
        let signer = current.filter(|signer| signer.thumbprint() == thumbprint);
        signer.ok_or_else(|| {
            let problem = format!(
                "the request binds its token to the key {thumbprint}, which is not the current key of \
                 `TokenExchangeBuilder::dpop`; pass `DpopKey::thumbprint` of that one"
            );
            ExchangeError::new(ExchangeErrorKind::ClientMisconfigured, Some(target), problem)
        })
    }

    fn current_signer(&self) -> Option<Arc<ProofSigner>> {
        self.0.settings.dpop.as_ref().and_then(DpopKey::current)
    }

    /// The cached token, or a future of it.
    pub(crate) fn request(&self, wanted: impl Into<Wanted>) -> ResponseFuture {
        self.0.request(wanted.into(), true)
    }

    /// Records a call that is not made, because there is nothing to exchange.
    pub(crate) fn not_made(&self, error: &ExchangeError, caller: Option<&Caller>) {
        observe::call_not_made(&error.failure(), self.0.settings.call_of(caller));
    }

    /// Converts a target; records a mistake in its name as a call that is not made.
    pub(in crate::outbound) fn named<T>(
        &self,
        target: T,
        caller: Option<&Caller>,
    ) -> Result<Target, ExchangeError>
    where
        T: TryInto<Target, Error: Into<ConfigError>>,
    {
        target.try_into().map_err(|error| {
            let error: ConfigError = error.into();
            let error = ExchangeError::of_token_endpoint(None, error.into());
            self.not_made(&error, caller);
            error
        })
    }

    /// Evicts a token that the called service rejected. Returns whether another token may be
    /// accepted.
    pub(crate) fn reject(&self, exchanged: &Exchanged) -> bool {
        self.0.tokens.reject(&exchanged.place, &exchanged.token)
    }
}

impl Service<ExchangeRequest> for TokenExchange {
    type Response = Exchanged;
    type Error = ExchangeError;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ExchangeError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: ExchangeRequest) -> ResponseFuture {
        let bound_to = request.thumbprint();
        let signer = bound_to.map(|thumbprint| self.signer_of(thumbprint, request.target()));
        match signer.transpose() {
            Ok(signer) => self.request(Wanted::new(request, None, signer)),
            Err(error) => {
                self.not_made(&error, Some(request.subject()));
                ResponseFuture::failed(error)
            }
        }
    }
}

impl fmt::Debug for TokenExchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenExchange")
            .field("server", self.0.endpoint.server())
            .field("client", &self.0.settings.client)
            .field("dialect", &self.0.settings.dialect)
            .finish_non_exhaustive()
    }
}
