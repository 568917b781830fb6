use obo::ConfigError;
use obo::binding::{BoundTokens, CertificateHeader};
use serde::Deserialize;

use crate::form::{Form, Span, set};
use crate::setup::Setup;

/// Which bound tokens a service accepts, in a file: the table `binding`. See [`BoundTokens`].
///
/// | key | default | meaning |
/// | --- | --- | --- |
/// | `dpop` | `"off"` | tokens bound to a key (RFC 9449): `"off"`, `"accept"`, `"require"` |
/// | `base_url` | required with `dpop` | the URL that clients call; the `htu` of a proof has it |
/// | `window` | `"60s"` | how far the `iat` of a proof may be off, either way, `"1s"` to `"10m"` |
/// | `nonce` | `false` | `true` demands a nonce of this service in each proof |
/// | `certificate` | none | where the client's certificate is found (RFC 8705), see below |
/// | `danger_http` | `false` | `true` allows a `base_url` with `http` beyond loopback |
///
/// The `certificate` is one of:
///
/// - `"connection"`: the TLS acceptor puts a
///   [`ClientCertificate`](obo::binding::ClientCertificate) into each request
/// - `{ header = "client-cert", from = ["10.1.0.0/16"] }`: a proxy writes it into a header. The
///   header counts only on connections from these networks, and is removed from all other requests.
///   The header is `"client-cert"` (RFC 9440), `"x-forwarded-client-cert"` (Envoy) or
///   `"x-ssl-client-cert"` (a URL-encoded PEM text)
/// - `{ header = "client-cert", danger_from_anywhere = true }`: the header counts on
///   [each connection](BoundTokens::danger_certificate_header_from_anywhere)
///
/// Used proofs are recorded by what replicas [share](crate::SharedConfig), or else by this process.
///
/// ```
/// use obo_config::{BindingConfig, ResourceServerConfig, Setup};
///
/// let config: BindingConfig = toml::from_str(r#"
///     base_url = "https://a.example.com"
///     dpop = "accept"
///     certificate = { header = "client-cert", from = ["127.0.0.1/32"] }
/// "#)?;
/// let mut setup = Setup::new();
/// // For all resource servers that are built afterwards.
/// setup.binding(Some(config))?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BindingConfig {
    base_url: Option<String>,
    dpop: Dpop,
    nonce: bool,
    window: Option<Span>,
    certificate: Option<Certificate>,
    danger_http: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Dpop {
    #[default]
    Off,
    Accept,
    Require,
}

/// Where the certificate of a client is found.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Form<HeaderConfig>")]
enum Certificate {
    Connection,
    Header(HeaderConfig),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct HeaderConfig {
    header: Header,
    from: Option<Vec<String>>,
    #[serde(default)]
    danger_from_anywhere: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(
    clippy::enum_variant_names,
    reason = "these are the names of the headers"
)]
enum Header {
    ClientCert,
    XForwardedClientCert,
    XSslClientCert,
}

impl TryFrom<Form<HeaderConfig>> for Certificate {
    type Error = &'static str;

    fn try_from(form: Form<HeaderConfig>) -> Result<Self, &'static str> {
        match form {
            Form::Text(text) if text == "connection" => Ok(Self::Connection),
            Form::Text(_) => Err(
                "must be \"connection\" or a table such as { header = \"client-cert\", from = [\"127.0.0.1/32\"] }",
            ),
            Form::Table(header) => Ok(Self::Header(header)),
        }
    }
}

impl From<Header> for CertificateHeader {
    fn from(header: Header) -> Self {
        match header {
            Header::ClientCert => Self::ClientCert,
            Header::XForwardedClientCert => Self::XForwardedClientCert,
            Header::XSslClientCert => Self::XSslClientCert,
        }
    }
}

impl BindingConfig {
    /// Whether tokens that are bound to a key are accepted.
    pub fn accepts_dpop(&self) -> bool {
        self.dpop != Dpop::Off
    }

    /// Whether each token must be bound to a key.
    pub fn requires_dpop(&self) -> bool {
        self.dpop == Dpop::Require
    }

    /// Whether tokens that are bound to a certificate are accepted.
    pub fn accepts_certificates(&self) -> bool {
        self.certificate.is_some()
    }

    /// Whether each proof must have a nonce of this service.
    pub fn demands_nonce(&self) -> bool {
        self.nonce
    }

    /// Returns the URL that clients call, as it is written.
    pub fn base_url(&self) -> Option<&str> {
        self.base_url.as_deref()
    }

    /// Returns the `htu` of the proof of a request with this path, if proofs are accepted.
    pub fn htu(&self, path: &str) -> Option<String> {
        self.clone().build().ok()?.htu(path)
    }

    /// Whether the TLS acceptor of the service says which certificate a client has.
    pub fn uses_connection(&self) -> bool {
        self.certificate == Some(Certificate::Connection)
    }

    /// Returns the header in which a proxy writes the certificate of a client.
    pub fn certificate_header(&self) -> Option<CertificateHeader> {
        match &self.certificate {
            Some(Certificate::Header(header)) => Some(header.header.into()),
            _ => None,
        }
    }

    /// Builds the settings.
    ///
    /// # Errors
    ///
    /// Fails if a value is wrong, or `dpop` has no `base_url`. The field is the key, such as
    /// `certificate.from`.
    pub fn build(self) -> Result<BoundTokens, ConfigError> {
        let mut tokens = BoundTokens::new();
        if let Some(url) = &self.base_url {
            tokens = match self.danger_http {
                true => tokens.danger_dpop_http(url),
                false => tokens.dpop(url),
            };
            tokens = set(tokens, self.window, |tokens, Span(span)| {
                tokens.window(span)
            });
            tokens = match self.dpop {
                Dpop::Require => tokens.require_dpop(),
                Dpop::Off | Dpop::Accept => tokens,
            };
            if self.nonce {
                tokens = tokens.demand_nonce();
            }
        } else if self.accepts_dpop() {
            let problem = "is missing, and `dpop` needs it; write the URL that clients call, such as \
                           \"https://a.example.com\"";
            return Err(ConfigError::new("base_url", problem));
        }
        check(&tokens)?;
        if !self.accepts_dpop() {
            // The keys about proofs are checked, but they have no effect.
            tokens = BoundTokens::new();
        }
        tokens = match self.certificate {
            None => tokens,
            Some(Certificate::Connection) => tokens.certificates(),
            Some(Certificate::Header(header)) => header
                .set(tokens)
                .map_err(|error| error.within("certificate"))?,
        };
        Ok(tokens)
    }
}

impl HeaderConfig {
    fn set(self, tokens: BoundTokens) -> Result<BoundTokens, ConfigError> {
        let header = self.header.into();
        let tokens = match (self.from, self.danger_from_anywhere) {
            (Some(from), false) => tokens.certificate_header(header, from),
            (None, true) => tokens.danger_certificate_header_from_anywhere(header),
            (Some(_), true) => {
                let problem = "has no effect with `danger_from_anywhere`; remove one of them";
                return Err(ConfigError::new("from", problem));
            }
            (None, false) => {
                let problem = "is missing; list the networks of the proxies that write the header, \
                               such as [\"10.1.0.0/16\"]";
                return Err(ConfigError::new("from", problem));
            }
        };
        check(&tokens)?;
        Ok(tokens)
    }
}

fn check(tokens: &BoundTokens) -> Result<(), ConfigError> {
    tokens.mistake().cloned().map_or(Ok(()), Err)
}

impl Setup {
    /// Sets which bound tokens are accepted by the resource servers that are built afterwards.
    /// [`Config::build`](crate::Config::build) does it for the table `binding`. Call
    /// [`shared`](Self::shared) first, if there is something to share.
    ///
    /// # Errors
    ///
    /// Fails like [`BindingConfig::build`]. The field starts with `binding`.
    pub fn binding(&mut self, binding: Option<BindingConfig>) -> Result<(), ConfigError> {
        let Some(binding) = binding else {
            return Ok(());
        };
        // One record of used proofs for all that is built, also when the file is read again.
        if binding.accepts_dpop() {
            self.require_fleet()?;
        }
        let tokens = binding.build().map_err(|error| error.within("binding"))?;
        self.bound_tokens = Some(tokens);
        Ok(())
    }
}
