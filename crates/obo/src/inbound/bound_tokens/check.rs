use std::sync::Arc;
use std::time::Duration;

use http::{Extensions, HeaderMap, Method, Request, Uri};
use obo_core::binding::dpop::{Proof, ProofError, ProofHeader, ProofRequest, VerifiedProof};
use obo_core::binding::{BindingChecks, Proven};
use obo_core::{Caller, ConfigError, TokenError, TokenScheme, UnixTime};
use quick_cache::sync::Cache;

use super::connection::{ClientCertificate, OriginalTarget, PeerAddress};
use super::offered::Offered;
use super::settings::{BoundTokens, Dpop, Settings};
use crate::fleet::{Fleet, TakenOnce};
use crate::refusal::rejection::Rejection;

const PROOF: &str = "dpop";

/// Of how many clients the parsed header of proofs is kept: about 1 KiB each.
const CLIENTS: usize = 4096;

/// Checks what the sender of a request has proven.
#[derive(Clone)]
pub(crate) struct BoundCheck(Arc<Inner>);

struct Inner {
    settings: Settings,
    /// The headers of proofs that passed, by their text. A client's proofs have the same one.
    headers: Cache<Box<str>, Arc<ProofHeader>>,
    /// Where used proofs are recorded, and the secret of nonces.
    fleet: Fleet,
}

/// What a request presents besides its token.
#[derive(Clone, Copy)]
pub(crate) struct Presented<'r> {
    pub(crate) scheme: TokenScheme,
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) extensions: &'r Extensions,
}

impl<'r> Presented<'r> {
    pub(crate) fn of<B>(scheme: TokenScheme, request: &'r Request<B>) -> Self {
        Self {
            scheme,
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }

    /// Path and query as they were received.
    fn target(&self) -> &'r str {
        let original = self.extensions.get::<OriginalTarget>();
        let original = original.map(|OriginalTarget(target)| target);
        let target = original.or_else(|| self.uri.path_and_query());
        target.map_or("/", |target| target.as_str())
    }
}

impl BoundCheck {
    /// Uses `fleet` for used proofs and nonces, or else one of this process.
    pub(crate) fn new(tokens: BoundTokens, fleet: Option<Fleet>) -> Result<Self, ConfigError> {
        let settings = tokens.checked()?;
        let fleet = fleet.map_or_else(|| Fleet::builder().build(), Ok)?;
        Ok(Self(Arc::new(Inner {
            settings,
            headers: Cache::new(CLIENTS),
            fleet,
        })))
    }

    pub(crate) fn checks(&self) -> BindingChecks {
        self.0.settings.checks()
    }

    pub(crate) fn offered(&self) -> Option<Offered> {
        let dpop = self.0.settings.dpop.as_ref()?;
        Some(Offered {
            is_required: dpop.is_required,
        })
    }

    /// Whether each token must be bound to a key.
    pub(crate) fn requires_key(&self) -> bool {
        let dpop = self.0.settings.dpop.as_ref();
        dpop.is_some_and(|dpop| dpop.is_required)
    }

    /// Removes a header with a certificate that no listed proxy has written.
    pub(crate) fn clean(&self, headers: &mut HeaderMap, extensions: &Extensions) {
        if let Some((header, _)) = &self.0.settings.header
            && !self.is_of_proxy(extensions)
        {
            headers.remove(header.name());
        }
    }

    /// Checks everything about the binding. The proof is recorded as used last, once all else has
    /// passed.
    pub(crate) fn check(
        &self,
        caller: &Caller,
        presented: Presented<'_>,
        now: UnixTime,
    ) -> Result<TakenOnce, Rejection> {
        let dpop = self.0.settings.dpop.as_ref();
        let proof = match (presented.scheme, dpop) {
            (TokenScheme::Dpop, Some(dpop)) => {
                Some((dpop, self.prove(dpop, caller, presented, now)?))
            }
            (TokenScheme::Bearer, Some(dpop)) if dpop.is_required => {
                let error = match caller.binding().jkt {
                    Some(_) => TokenError::MissingProof,
                    None => TokenError::NotBound,
                };
                return Err(error.into());
            }
            _ => None,
        };
        let certificate = self.certificate(presented)?;
        caller.binding().check(Proven {
            key: proof.as_ref().map(|(_, proof)| &proof.key),
            certificate: certificate.as_ref(),
        })?;
        let Some((dpop, proof)) = proof else {
            return Ok(TakenOnce::Known(Ok(true)));
        };
        self.check_nonce(dpop, &proof, now)?;
        let lifetime = proof.forget_at(dpop.window).saturating_since(now);
        // Another replica's clock may be ahead.
        let lifetime = lifetime + Duration::from_secs(1);
        let id = format!("{}.{}", proof.key, proof.jti);
        Ok(self.0.fleet.take_once_or_wait(PROOF, &id, lifetime))
    }

    /// Verifies the one proof of a request.
    fn prove(
        &self,
        dpop: &Dpop,
        caller: &Caller,
        presented: Presented<'_>,
        now: UnixTime,
    ) -> Result<VerifiedProof, Rejection> {
        let wrong = |error| Rejection::Proof { error, nonce: None };
        let line = Proof::header(presented.headers).map_err(wrong)?;
        let headers = &self.0.headers;
        let mut new = None;
        let proof = Proof::parse_with_header(line, |text| {
            if let Some(known) = headers.get(text) {
                return Ok(known);
            }
            let header = Arc::new(ProofHeader::parse(text)?);
            new = Some((text, Arc::clone(&header)));
            Ok(header)
        });
        let request = ProofRequest {
            method: presented.method,
            base: &dpop.base,
            target: presented.target(),
            token_digest: caller.subject_token().digest(),
            now,
            window: dpop.window,
        };
        let proof = proof
            .and_then(|proof| proof.verify(request))
            .map_err(wrong)?;
        // Only of the key to which a valid token is bound: others must not fill the cache.
        if let Some((text, header)) = new
            && caller.binding().jkt.as_ref() == Some(&proof.key)
        {
            headers.insert(text.into(), header);
        }
        Ok(proof)
    }

    fn check_nonce(
        &self,
        dpop: &Dpop,
        proof: &VerifiedProof,
        now: UnixTime,
    ) -> Result<(), Rejection> {
        if !dpop.demands_nonce {
            return Ok(());
        }
        let Some(keys) = self.0.fleet.nonce_keys() else {
            return Err(Rejection::Misconfigured("no keys for nonces of proofs"));
        };
        let checked = keys.check(proof.nonce.as_deref(), now, dpop.window);
        checked.map_err(|error| Rejection::Proof {
            error,
            nonce: Some(keys.nonce(now, dpop.window)),
        })
    }

    fn certificate(&self, presented: Presented<'_>) -> Result<Option<[u8; 32]>, Rejection> {
        let settings = &self.0.settings;
        if !settings.certificates {
            return Ok(None);
        }
        let own = presented.extensions.get::<ClientCertificate>();
        if let Some(certificate) = own {
            return Ok(Some(*certificate.thumbprint()));
        }
        match &settings.header {
            Some((header, _)) if self.is_of_proxy(presented.extensions) => {
                let read = header.read(presented.headers);
                read.map_err(Rejection::CertificateHeader)
            }
            _ => Ok(None),
        }
    }

    fn is_of_proxy(&self, extensions: &Extensions) -> bool {
        let header = self.0.settings.header.as_ref();
        header.is_some_and(|(_, proxies)| proxies.have(extensions.get::<PeerAddress>()))
    }
}

/// The rejection of a proof by whether it was used before.
pub(crate) fn used(taken: Result<bool, crate::fleet::StoreError>) -> Result<(), Rejection> {
    match taken {
        Ok(true) => Ok(()),
        Ok(false) => Err(Rejection::Proof {
            error: ProofError::Replayed,
            nonce: None,
        }),
        Err(_) => Err(Rejection::ProofNotRecorded),
    }
}
