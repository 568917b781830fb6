//! What the tokens of the chain are bound to, and those who can prove it.

use std::fmt;
use std::net::SocketAddr;

use obo::binding::{BoundTokens, ClientCertificate};
use obo::client::{DpopKey, SigningKey};
use obo::exchange::TokenExchangeBuilder;
use obo::policy::Algorithm;
use obo::resource_server::ResourceServerBuilder;
use obo::{Destination, Secret};
use obo_testkit::{TestAlg, TestCertificate, TestIdp, TestKey, TestProof, TokenBuilder};

use super::connections::Tls;
use crate::BoxError;

/// What the tokens of the chain are bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// Nothing. A bearer token works for each holder.
    #[default]
    None,
    /// A key of the sender, which signs a proof for each request (DPoP, RFC 9449).
    Dpop,
    /// The sender's certificate of the connection (mutual TLS, RFC 8705).
    Certificate,
}

impl Binding {
    /// Lets a service accept only tokens that are bound like this. `url` is that of the service.
    pub(super) fn required(
        self,
        server: ResourceServerBuilder,
        url: &str,
    ) -> ResourceServerBuilder {
        match self {
            Self::None => server,
            Self::Dpop => server.bound_tokens(BoundTokens::new().dpop(url).require_dpop()),
            Self::Certificate => server.bound_tokens(BoundTokens::new().certificates()),
        }
    }

    /// The URL of a service at this address.
    pub(super) fn url(self, at: SocketAddr) -> String {
        match self {
            Self::None | Self::Dpop => format!("http://{at}"),
            Self::Certificate => format!("https://{at}"),
        }
    }
}

/// Alice's app, or a service as a client: what its tokens are bound to.
#[derive(Clone)]
pub(super) enum Holder {
    Bearer,
    Key(TestKey),
    Certificate(Tls),
}

impl Holder {
    /// Makes a holder with a key or a certificate of its own.
    pub(super) fn new(binding: Binding, idp: &TestIdp, name: &str) -> Self {
        match binding {
            Binding::None => Self::Bearer,
            Binding::Dpop => Self::Key(TestKey::generate(TestAlg::Es256)),
            Binding::Certificate => Self::Certificate(Tls::with_certificate(idp, name)),
        }
    }

    pub(super) fn certificate(&self) -> Option<&TestCertificate> {
        match self {
            Self::Certificate(tls) => tls.own.as_ref(),
            Self::Bearer | Self::Key(_) => None,
        }
    }

    /// Issues a token to this holder.
    pub(super) fn bound(&self, token: TokenBuilder) -> TokenBuilder {
        match (self, self.certificate()) {
            (Self::Key(key), _) => token.bound_to(key),
            (_, Some(own)) => token.bound_to_certificate(own.der()),
            (_, None) => token,
        }
    }

    /// What a service shows of a token that is bound like this; empty for a bearer token.
    pub(super) fn shown(&self) -> String {
        match (self, self.certificate()) {
            (Self::Key(key), _) => short(&key.thumbprint()),
            (_, Some(own)) => short(&own.thumbprint()),
            (_, None) => String::new(),
        }
    }

    /// Binds the tokens of an exchange to this holder.
    pub(super) fn exchange(
        &self,
        exchange: TokenExchangeBuilder,
    ) -> Result<TokenExchangeBuilder, BoxError> {
        if let Some(own) = self.certificate() {
            let thumbprint = *ClientCertificate::from_der(own.der()).thumbprint();
            let exchange = exchange.bound_to_certificate(move || thumbprint);
            // An opaque token does not show to what it is bound.
            return Ok(exchange.introspect_issued());
        }
        let Self::Key(key) = self else {
            return Ok(exchange);
        };
        let key = SigningKey::from_pem(Algorithm::Es256, &Secret::new(key.private_pem()))?;
        Ok(exchange.dpop(DpopKey::new(key)?))
    }

    /// Binds the tokens of a destination of this exchange.
    pub(super) fn destination(&self, destination: Destination) -> Destination {
        match self {
            Self::Bearer | Self::Certificate(_) => destination,
            Self::Key(_) => destination.bind_dpop(),
        }
    }

    /// The headers of a request with a token of this holder.
    pub(super) fn headers(&self, method: &str, url: &str, token: &str) -> Headers {
        match self {
            Self::Bearer | Self::Certificate(_) => as_bearer(token),
            Self::Key(key) => {
                let proof = TestProof::new(key, method, url).token(token);
                with_proof(token, proof.make())
            }
        }
    }
}

/// Does not show a private key.
impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Holder").field(&self.shown()).finish()
    }
}

/// Credentials, and what proves the binding.
pub(super) type Headers = Vec<(&'static str, String)>;

/// A token that is bound to a certificate has the scheme `Bearer` too.
pub(super) fn as_bearer(token: &str) -> Headers {
    vec![("authorization", format!("Bearer {token}"))]
}

pub(super) fn with_proof(token: &str, proof: String) -> Headers {
    vec![("authorization", format!("DPoP {token}")), ("dpop", proof)]
}

/// The first characters of a thumbprint.
pub(super) fn short(thumbprint: &str) -> String {
    thumbprint.chars().take(8).collect()
}
