//! TLS to upstreams.

use std::fmt::Display;
use std::sync::Arc;

use hyper_rustls::ConfigBuilderExt as _;
use obo::ConfigError;
use obo::authorization_server::TlsIdentity;
use tokio_rustls::rustls::client::WantsClientCert;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ConfigBuilder, RootCertStore};

/// The settings of connections: the authorities that are trusted, and the certificate to present.
pub(super) fn config(own: Option<&TlsIdentity>) -> Result<ClientConfig, ConfigError> {
    let config = trusting(own.and_then(TlsIdentity::roots))?;
    let Some(own) = own else {
        return Ok(config.with_no_client_auth());
    };
    let key = PrivateKeyDer::from_pem_slice(own.key().expose().as_bytes());
    let key = key.map_err(|error| unusable("the key", error))?;
    let config = config.with_client_auth_cert(certificates(own.chain())?, key);
    config.map_err(|error| unusable("the certificate", error))
}

fn trusting(
    roots: Option<&str>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, ConfigError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider);
    let config = config.with_safe_default_protocol_versions();
    let config = config.map_err(|error| unusable("TLS", error))?;
    let Some(roots) = roots else {
        return config.with_native_roots().map_err(|error| {
            let problem = format!(
                "is https, but this system has no root certificates; install them: {error}"
            );
            ConfigError::new("upstream", problem)
        });
    };
    let mut trusted = RootCertStore::empty();
    for root in certificates(roots)? {
        let added = trusted.add(root);
        added.map_err(|error| unusable("a certificate of the roots", error))?;
    }
    Ok(config.with_root_certificates(trusted))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let read: Result<_, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.map_err(|error| unusable("a certificate", error))
}

fn unusable(what: &str, error: impl Display) -> ConfigError {
    let problem = format!("{what} of the client's `certificate` cannot be used: {error}");
    ConfigError::new("exchange.bind", problem)
}
