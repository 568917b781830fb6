use std::time::Duration;

use obo_core::binding::BindingChecks;
use obo_core::binding::certificate::CertificateHeader;
use obo_core::binding::dpop::BaseUrl;
use obo_core::{ConfigError, as_in_files};

use super::proxies::Proxies;

const SHORTEST_WINDOW: Duration = Duration::from_secs(1);
const LONGEST_WINDOW: Duration = Duration::from_secs(600);

/// Which bound tokens a [`ResourceServer`](crate::ResourceServer) accepts, and how it finds what
/// the sender proves. By default, tokens that are bound to a key or a certificate are refused.
///
/// Without it, a token works for each holder. A token that is bound to a key works only with a
/// proof of that key for each request (DPoP, RFC 9449); one that is bound to a certificate only
/// over mutual TLS with it (RFC 8705). A token with both bindings needs both proofs.
///
/// ```
/// use obo::ResourceServer;
/// use obo::binding::BoundTokens;
///
/// let server = ResourceServer::builder("service-a")
///     .trust("https://idp.example.com/realms/corp")
///     .bound_tokens(BoundTokens::new().dpop("https://a.example.com"))
///     .build()?;
/// # Ok::<(), obo::ConfigError>(())
/// ```
///
/// Plain bearer tokens stay accepted. [`Rule::bound`](crate::Rule::bound),
/// [`Trust::require_bound`](crate::Trust::require_bound) and [`require_dpop`](Self::require_dpop)
/// refuse them.
#[derive(Clone, Debug)]
#[must_use]
pub struct BoundTokens(Result<Settings, ConfigError>);

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) dpop: Option<Dpop>,
    pub(super) certificates: bool,
    /// The header of a proxy, and from where it counts.
    pub(super) header: Option<(CertificateHeader, Proxies)>,
}

#[derive(Clone, Debug)]
pub(super) struct Dpop {
    pub(super) base: BaseUrl,
    pub(super) window: Duration,
    pub(super) is_required: bool,
    pub(super) demands_nonce: bool,
}

impl BoundTokens {
    /// Accepts no bound tokens yet.
    pub fn new() -> Self {
        Self(Ok(Settings {
            dpop: None,
            certificates: false,
            header: None,
        }))
    }

    /// Accepts tokens that are bound to a key, with the scheme `DPoP` and a proof (RFC 9449).
    ///
    /// `base_url` is the URL under which clients call this service, such as
    /// `https://a.example.com`. It may have a path. The `htu` of a proof is compared with it and
    /// the path of the request. Headers of the request never change it.
    pub fn dpop(self, base_url: &str) -> Self {
        let base = BaseUrl::new(base_url);
        self.with(|settings| {
            settings.dpop = Some(Dpop {
                base: base?,
                window: Duration::from_secs(60),
                is_required: false,
                demands_nonce: false,
            });
            Ok(())
        })
    }

    /// As [`dpop`](Self::dpop), for a URL with `http` on any host, where a proof can be read on the
    /// way.
    pub fn danger_dpop_http(self, base_url: &str) -> Self {
        let base = BaseUrl::danger_http(base_url);
        let settings = self.dpop("https://base.invalid");
        settings.with_dpop("base_url", |dpop| {
            dpop.base = base?;
            Ok(())
        })
    }

    /// How far the `iat` of a proof may be off, either way: 60 s by default, from 1 s to 10 min.
    /// There is no leeway on top.
    pub fn window(self, window: Duration) -> Self {
        self.with_dpop("window", |dpop| {
            if !(SHORTEST_WINDOW..=LONGEST_WINDOW).contains(&window) {
                let problem = format!("{} is not between 1s and 10m", as_in_files(window));
                return Err(ConfigError::new("window", problem));
            }
            dpop.window = window;
            Ok(())
        })
    }

    /// Refuses requests without a proof: plain bearer tokens, and tokens that are bound to a
    /// certificate only.
    pub fn require_dpop(self) -> Self {
        self.with_dpop("require_dpop", |dpop| {
            dpop.is_required = true;
            Ok(())
        })
    }

    /// Demands that each proof repeats a nonce of this service (RFC 9449 section 9). A nonce is
    /// good for one to two windows. Replicas with one fleet accept each other's nonces.
    pub fn demand_nonce(self) -> Self {
        self.with_dpop("demand_nonce", |dpop| {
            dpop.demands_nonce = true;
            Ok(())
        })
    }

    /// Accepts tokens that are bound to the certificate of the connection, which the TLS acceptor
    /// puts into the extensions as a [`ClientCertificate`](super::ClientCertificate).
    pub fn certificates(self) -> Self {
        self.with(|settings| {
            settings.certificates = true;
            Ok(())
        })
    }

    /// As [`certificates`](Self::certificates), and reads the certificate from a header that a
    /// proxy writes, on connections from these networks, such as `10.1.0.0/16` or `127.0.0.1`.
    ///
    /// The server puts the address into the extensions as a [`PeerAddress`](super::PeerAddress).
    /// From any other address the header is not read, and it is removed from the request.
    ///
    /// An IPv4 address counts as the same one mapped to IPv6 (`::ffff:10.1.0.1`), in a network too.
    /// Networks that have every address are a mistake: see
    /// [`danger_certificate_header_from_anywhere`](Self::danger_certificate_header_from_anywhere).
    pub fn certificate_header<N: AsRef<str>>(
        self,
        header: CertificateHeader,
        from: impl IntoIterator<Item = N>,
    ) -> Self {
        let proxies = Proxies::listed(from);
        self.certificates().with(|settings| {
            settings.header = Some((header, proxies?));
            Ok(())
        })
    }

    /// As [`certificate_header`](Self::certificate_header), on each connection. Everyone who can
    /// connect to this service can write the header, and so use every stolen token that is bound to
    /// a certificate, because certificates are public.
    pub fn danger_certificate_header_from_anywhere(self, header: CertificateHeader) -> Self {
        self.certificates().with(|settings| {
            settings.header = Some((header, Proxies::Anywhere));
            Ok(())
        })
    }

    /// The `htu` that the proof of a request with this path has, if proofs are accepted: for tools.
    pub fn htu(&self, path: &str) -> Option<String> {
        let dpop = self.0.as_ref().ok()?.dpop.as_ref()?;
        Some(dpop.base.htu(path))
    }

    /// The first mistake, which `build` of the resource server returns.
    pub fn mistake(&self) -> Option<&ConfigError> {
        self.0.as_ref().err()
    }

    pub(super) fn checked(self) -> Result<Settings, ConfigError> {
        self.0
    }

    fn with(self, set: impl FnOnce(&mut Settings) -> Result<(), ConfigError>) -> Self {
        Self(self.0.and_then(|mut settings| {
            set(&mut settings)?;
            Ok(settings)
        }))
    }

    fn with_dpop(
        self,
        field: &'static str,
        set: impl FnOnce(&mut Dpop) -> Result<(), ConfigError>,
    ) -> Self {
        self.with(|settings| match &mut settings.dpop {
            Some(dpop) => set(dpop),
            None => {
                let problem = "needs `dpop` with the base URL of this service first";
                Err(ConfigError::new(field, problem))
            }
        })
    }
}

impl Default for BoundTokens {
    fn default() -> Self {
        Self::new()
    }
}

impl Settings {
    pub(super) fn checks(&self) -> BindingChecks {
        BindingChecks {
            dpop: self.dpop.is_some(),
            certificate: self.certificates,
        }
    }
}
