use std::fmt;
use std::sync::Arc;

use obo_core::binding::certificate::thumbprint_of_pem;
use obo_core::{ConfigError, Secret};

/// The certificate of this service and its private key, for mutual TLS (RFC 8705).
///
/// ```no_run
/// use obo::authorization_server::{HttpService, TlsIdentity};
/// use obo::client::TlsClientAuth;
/// use obo::error::BoxError;
/// use obo::{AuthorizationServer, Client, Secret, TokenExchange};
///
/// # #[cfg(feature = "default-client")]
/// fn exchange() -> Result<TokenExchange, BoxError> {
///     let chain = std::fs::read_to_string("service-a.pem")?;
///     let key = Secret::new(std::fs::read_to_string("service-a.key")?);
///     let own = TlsIdentity::from_pem(&chain, key)?;
///     let server = AuthorizationServer::builder("https://idp.example.com/realms/corp")
///         .with_http(HttpService::with_identity(&own)?)
///         .build()?;
///     let thumbprint = *own.thumbprint();
///     let exchange = TokenExchange::builder(server, Client::new("service-a", TlsClientAuth));
///     Ok(exchange.bound_to_certificate(move || thumbprint).build()?)
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct TlsIdentity(Arc<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    chain: String,
    key: Secret,
    roots: Option<String>,
    thumbprint: [u8; 32],
}

impl TlsIdentity {
    /// Takes PEM texts: the certificate with those that issued it, and the private key.
    ///
    /// # Errors
    ///
    /// Fails if a text has no such block. Whether the key is that of the certificate is checked by
    /// what uses them.
    pub fn from_pem(chain: &str, key: Secret) -> Result<Self, ConfigError> {
        let thumbprint = thumbprint_of_pem(chain).ok_or_else(|| without("chain", "CERTIFICATE"))?;
        if !key.expose().contains("PRIVATE KEY-----") {
            return Err(without("key", "PRIVATE KEY"));
        }
        Ok(Self(Arc::new(Inner {
            chain: chain.to_owned(),
            key,
            roots: None,
            thumbprint,
        })))
    }

    /// Trusts servers with a certificate that these authorities have issued, a PEM text. By default
    /// the authorities of the system count.
    ///
    /// # Errors
    ///
    /// Fails if the text has no certificate.
    pub fn with_roots(self, roots: &str) -> Result<Self, ConfigError> {
        thumbprint_of_pem(roots).ok_or_else(|| without("roots", "CERTIFICATE"))?;
        Ok(Self(Arc::new(Inner {
            roots: Some(roots.to_owned()),
            ..(*self.0).clone()
        })))
    }

    /// SHA-256 of the certificate in DER, to which tokens are bound.
    pub fn thumbprint(&self) -> &[u8; 32] {
        &self.0.thumbprint
    }

    /// The certificate and its issuers, in PEM.
    pub fn chain(&self) -> &str {
        &self.0.chain
    }

    /// The private key, in PEM.
    pub fn key(&self) -> &Secret {
        &self.0.key
    }

    /// The authorities whose servers are trusted, in PEM; `None` for those of the system.
    pub fn roots(&self) -> Option<&str> {
        self.0.roots.as_deref()
    }
}

fn without(field: &'static str, label: &str) -> ConfigError {
    let problem = format!("has no `BEGIN {label}`; expected a PEM text");
    ConfigError::new(field, problem)
}

impl fmt::Debug for TlsIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsIdentity([redacted])")
    }
}
