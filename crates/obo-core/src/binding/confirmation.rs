use super::thumbprint::{Thumbprint, read_digest};
use crate::error::TokenError;
use crate::jose::crypto::are_same;
use crate::wire::json;

/// The bindings that this service checks. By default none, so each bound token is rejected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BindingChecks {
    /// The binding to a key (`jkt`, RFC 9449 section 6).
    pub dpop: bool,
    /// The binding to a certificate (`x5t#S256`, RFC 8705 section 3.1).
    pub certificate: bool,
}

/// What a token is bound to (`cnf`, RFC 7800 section 3.1). Empty for a plain bearer token.
///
/// A token with both bindings requires both proofs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Binding {
    /// The thumbprint of the key (`jkt`).
    pub jkt: Option<Thumbprint>,
    /// SHA-256 of the certificate in DER (`x5t#S256`).
    pub certificate: Option<[u8; 32]>,
}

/// What the sender of a request has proven.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proven<'a> {
    /// The key of a verified proof. Set it exactly if the scheme is `DPoP`.
    pub key: Option<&'a Thumbprint>,
    /// SHA-256 of the certificate of the connection.
    pub certificate: Option<&'a [u8; 32]>,
}

pub(crate) static UNBOUND: Binding = Binding {
    jkt: None,
    certificate: None,
};

impl Binding {
    /// Whether the token is bound.
    pub fn is_bound(&self) -> bool {
        self.jkt.is_some() || self.certificate.is_some()
    }

    /// Checks that the sender has the key and the certificate to which the token is bound.
    ///
    /// A plain token passes with any certificate, but not with a proof: the scheme `DPoP` is for
    /// tokens that are bound to a key (RFC 9449 section 7.2).
    ///
    /// # Errors
    ///
    /// Returns the first part of the binding that is not proven.
    pub fn check(&self, proven: Proven<'_>) -> Result<(), TokenError> {
        match (&self.jkt, proven.key) {
            (None, None) => {}
            (None, Some(_)) => return Err(TokenError::NotBoundToKey),
            (Some(_), None) => return Err(TokenError::MissingProof),
            (Some(jkt), Some(key)) if jkt == key => {}
            (Some(_), Some(_)) => return Err(TokenError::AnotherKey),
        }
        match (&self.certificate, proven.certificate) {
            (None, _) => Ok(()),
            (Some(_), None) => Err(TokenError::MissingCertificate),
            (Some(bound), Some(shown)) if are_same(bound, shown) => Ok(()),
            (Some(_), Some(_)) => Err(TokenError::AnotherCertificate),
        }
    }
}

/// What a token or a response says about its binding. Plain tokens need no allocation.
#[derive(Default)]
pub(crate) struct Confirmation {
    binding: Option<Box<Binding>>,
    /// `cnf` has a method that is unknown or malformed, or none.
    is_unknown: bool,
    /// `token_type` is `DPoP`.
    pub(crate) is_dpop: bool,
}

impl Confirmation {
    /// Reads the value of `cnf`.
    #[cold]
    pub(crate) fn read(&mut self, cnf: &str) {
        let mut binding = Binding::default();
        let mut is_unknown = false;
        let read = json::members(cnf, |name, value| {
            let value = json::text(value);
            let value = value.as_deref();
            match name {
                "jkt" if binding.jkt.is_none() => {
                    binding.jkt = value.and_then(Thumbprint::parse);
                    is_unknown |= binding.jkt.is_none();
                }
                "x5t#S256" if binding.certificate.is_none() => {
                    binding.certificate = value.and_then(read_digest);
                    is_unknown |= binding.certificate.is_none();
                }
                _ => is_unknown = true,
            }
        });
        self.is_unknown |= is_unknown || read.is_none() || !binding.is_bound();
        self.binding = Some(Box::new(binding));
    }

    /// Whether there is any mark of a binding.
    pub(crate) fn is_bound(&self) -> bool {
        self.binding.is_some() || self.is_unknown || self.is_dpop
    }

    /// Checks that the service checks everything to which the token is bound.
    pub(crate) fn check(&self, checks: BindingChecks) -> Result<(), TokenError> {
        if !self.is_bound() {
            return Ok(());
        }
        let binding = self.binding();
        let is_checked = !self.is_unknown
            && (checks.dpop || binding.jkt.is_none())
            && (checks.certificate || binding.certificate.is_none());
        // `DPoP` without a key leaves nothing to check.
        match is_checked && (binding.jkt.is_some() || !self.is_dpop) {
            true => Ok(()),
            false => Err(TokenError::Binding),
        }
    }

    /// Checks that it adds nothing to `binding`.
    pub(crate) fn check_within(&self, binding: &Binding) -> Result<(), TokenError> {
        let own = self.binding();
        let is_within = (own.jkt.is_none() || own.jkt == binding.jkt)
            && (own.certificate.is_none() || own.certificate == binding.certificate);
        let is_dpop = self.is_dpop && binding.jkt.is_none();
        match is_within && !self.is_unknown && !is_dpop {
            true => Ok(()),
            false => Err(TokenError::Binding),
        }
    }

    pub(crate) fn binding(&self) -> &Binding {
        self.binding.as_deref().unwrap_or(&UNBOUND)
    }

    pub(crate) fn into_binding(self) -> Option<Box<Binding>> {
        self.binding
    }
}
