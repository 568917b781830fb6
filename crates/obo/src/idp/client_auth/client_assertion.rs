//! Assertions that a platform issues (RFC 7521 section 4.2, RFC 7523), and JWT-SVIDs:
//! <https://datatracker.ietf.org/doc/draft-ietf-oauth-spiffe-client-auth/>.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use obo_core::{ConfigError, ForeignAssertion, Secret, TokenEndpointError, TokenRequest};

use super::assertion::{self, misconfigured};
use super::file::CredentialFile;
use super::{Attempt, Authenticating, ClientAuth, Closure, Given};

const JWT_SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// An assertion that the platform signs for this service, so that the service has no secret.
///
/// This can be the token of a Kubernetes service account, a JWT-SVID of SPIFFE, or the token of a
/// workload identity service. It is fetched for each attempt, since platforms renew it. Its
/// grammar, its expiry and its audience are checked: by default `aud` must contain the issuer
/// identifier or the token endpoint of the authorization server. So a token of the platform for
/// another service, such as the cluster's API, is not sent. The authorization server verifies the
/// signature.
#[derive(Clone, Debug)]
pub struct ClientAssertion {
    source: Source,
    /// The expected audience; `None` for a name of the authorization server itself.
    audience: Option<Box<str>>,
    is_svid: bool,
    names_client: bool,
}

#[derive(Clone, Debug)]
enum Source {
    File(CredentialFile),
    Remote(Closure<Remote>),
}

type Remote = dyn Fn() -> Given<Secret> + Send + Sync;

impl ClientAssertion {
    /// Sends the content of the file, read for each attempt, without the newline at its end; 16 KiB
    /// at most.
    ///
    /// For a file that is written after this service starts, use [`from_fn`](Self::from_fn).
    ///
    /// The file must exist when the client is built into an exchange or server. If it is unreadable
    /// or empty later, the exchange fails as `ClientMisconfigured`.
    ///
    /// ```
    /// # use obo::Client;
    /// # use obo::client::ClientAssertion;
    /// // A token that Kubernetes projects into the pod, for the authorization server.
    /// let token = ClientAssertion::from_file("/var/run/secrets/tokens/idp");
    /// let client = Client::new("service-a", token);
    /// ```
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::of(Source::File(CredentialFile::new(path)))
    }

    /// Sends what `fetch` returns for each attempt.
    ///
    /// It must finish within the exchange's deadline, and must not block. The class of its failure
    /// decides what happens next: `Transient` is retried, `ClientMisconfigured` is not.
    pub fn from_fn<S, F>(fetch: S) -> Self
    where
        S: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<Secret, TokenEndpointError>> + Send + 'static,
    {
        let fetch = Arc::new(move || Box::pin(fetch()) as _);
        Self::of(Source::Remote(Closure(fetch)))
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            audience: None,
            is_svid: false,
            names_client: false,
        }
    }

    /// Expects `audience` in the assertion, for servers that use another name for such assertions.
    /// A JWT-SVID must have the issuer identifier in any case.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sends it as a JWT-SVID (`jwt-spiffe`), whose only audience must be the authorization
    /// server's issuer identifier.
    ///
    /// Any other JWT-SVID is not sent: one with several audiences lets each of them impersonate
    /// this service at the others.
    #[must_use]
    pub fn jwt_spiffe(mut self) -> Self {
        self.is_svid = true;
        self
    }

    /// Sends the `client_id` too, for servers that look the client up by it.
    ///
    /// Without it the assertion names the client. RFC 7521 section 4.2 requires both to name the
    /// same client. If the assertion's `sub` is a name of the platform, the server must know that
    /// they are the same.
    #[must_use]
    pub fn with_client_id(mut self) -> Self {
        self.names_client = true;
        self
    }

    async fn fetch(&self) -> Result<Secret, TokenEndpointError> {
        match &self.source {
            Source::File(file) => file.read().await,
            Source::Remote(fetch) => fetch.0().await,
        }
    }

    fn check_assertion(
        &self,
        assertion: &ForeignAssertion,
        attempt: Attempt<'_>,
    ) -> Result<(), &'static str> {
        let is_over = |expires_at| expires_at <= attempt.now;
        if assertion.expires_at().is_some_and(is_over) {
            return Err("has expired; check what renews it");
        }
        let server = attempt.server.as_str();
        let (is_meant, problem) = match &self.audience {
            _ if self.is_svid => (
                assertion.audiences() == [server],
                "must have the authorization server's issuer identifier as its only audience",
            ),
            audience => (
                assertion.audiences().iter().any(|name| match audience {
                    Some(audience) => **name == **audience,
                    None => [server, attempt.token_endpoint].contains(&name.as_str()),
                }),
                "is not addressed to the authorization server; have the platform issue one for it, or \
                 set the `audience` that the server expects",
            ),
        };
        is_meant.then_some(()).ok_or(problem)
    }
}

impl ClientAuth for ClientAssertion {
    fn authenticate<'a>(
        &'a self,
        request: &'a mut TokenRequest,
        attempt: Attempt<'a>,
    ) -> Authenticating<'a> {
        Box::pin(async move {
            let text = self.fetch().await?;
            let assertion = ForeignAssertion::parse(text)
                .and_then(|assertion| {
                    self.check_assertion(&assertion, attempt)
                        .map(|()| assertion)
                })
                .map_err(|problem| misconfigured(format!("{}{problem}", self.source)))?;
            if self.names_client {
                request.push_public("client_id", attempt.client_id);
            }
            let assertion_type = match self.is_svid {
                true => JWT_SPIFFE,
                false => assertion::JWT_BEARER,
            };
            assertion::push(request, assertion_type, assertion.expose());
            Ok(())
        })
    }

    fn check(&self) -> Result<(), ConfigError> {
        let Source::File(file) = &self.source else {
            return Ok(());
        };
        let read = file.read_now().map(drop);
        read.map_err(|problem| ConfigError::new("client_assertion", problem))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client assertion ")?;
        match self {
            Self::File(file) => write!(f, "in {file} "),
            Self::Remote(_) => Ok(()),
        }
    }
}
