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

/// An assertion that the platform this service runs on signs for it, so that the service keeps no secret at all.
///
/// The token of a Kubernetes service account, a JWT-SVID of SPIFFE, or what a workload identity service gives. It is asked
/// for anew at each attempt, since platforms renew it. Its grammar is checked, that it has not expired, and that it is meant
/// for the authorization server: by default its issuer identifier or its token endpoint is in `aud`. So a platform's token
/// for somebody else, such as the one for the cluster's own API, is not handed out. Whether it is genuine is for the
/// authorization server to judge.
#[derive(Clone, Debug)]
pub struct ClientAssertion {
    source: Source,
    /// Whom it must be addressed to, where that is not the authorization server by a name of its own.
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
    /// Sends what the file holds at the time of each attempt, without the newline at its end; 16 KiB at most.
    ///
    /// For a file that is written after this service starts, use [`from_fn`](Self::from_fn).
    ///
    /// The file has to be there when what the client is for is built. If it cannot be read or is empty later, the exchange
    /// fails as `ClientMisconfigured`.
    ///
    /// ```
    /// # use obo::Client;
    /// # use obo::client::ClientAssertion;
    /// // A token that Kubernetes projects into the pod, with the issuer of the authorization server as its audience.
    /// let token = ClientAssertion::from_file("/var/run/secrets/tokens/idp");
    /// let client = Client::new("service-a", token);
    /// ```
    pub fn from_file(path: impl Into<PathBuf>) -> Self {
        Self::of(Source::File(CredentialFile::new(path)))
    }

    /// Sends what `fetch` gives at each attempt.
    ///
    /// It is waited for within the exchange's deadline and must not block. Its failure says by its class what happens next:
    /// `Transient` is tried again, `ClientMisconfigured` is not.
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

    /// Expects it to be addressed to `audience`, for servers that go by a further name where they take such assertions; one
    /// sent as a JWT-SVID is for the issuer identifier all the same.
    #[must_use]
    pub fn audience(mut self, audience: &str) -> Self {
        self.audience = Some(audience.into());
        self
    }

    /// Sends it as a JWT-SVID (`jwt-spiffe`), which must be addressed to the authorization server's issuer identifier alone.
    ///
    /// One that is not is refused here: a JWT-SVID for several audiences lets each of them be this service at the others.
    #[must_use]
    pub fn jwt_spiffe(mut self) -> Self {
        self.is_svid = true;
        self
    }

    /// Sends the `client_id` too, for servers that look the client up by it.
    ///
    /// Without it the assertion itself says who the client is. RFC 7521 section 4.2 wants both to name the same client;
    /// where the assertion's `sub` is a name of the platform's, the server has to know that they do.
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
            return Err("has expired; is what renews it running?");
        }
        let server = attempt.server.as_str();
        let (is_meant, problem) = match &self.audience {
            _ if self.is_svid => (
                assertion.audiences() == [server],
                "is not addressed to the authorization server's issuer identifier alone",
            ),
            audience => (
                assertion.audiences().iter().any(|name| match audience {
                    Some(audience) => **name == **audience,
                    None => [server, attempt.token_endpoint].contains(&name.as_str()),
                }),
                "is not addressed to the authorization server; have the platform issue one for it, or \
                 name the `audience` that the server wants",
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
