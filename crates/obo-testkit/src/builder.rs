use std::sync::Arc;

use crate::alg::TestAlg;
use crate::listener::Listener;
use crate::server::TestIdp;
use crate::state::State;

/// Options of a server that has not started, from [`TestIdp::builder`].
#[derive(Clone, Debug, Default)]
pub struct Builder {
    issuer_path: String,
    signing: TestAlg,
}

impl TestIdp {
    /// Starts a server with the defaults: no issuer path, RS256.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// Builds a server with other options.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use obo_testkit::{TestAlg, TestIdp};
    ///
    /// let idp = TestIdp::builder().issuer_path("/realms/corp").signing(TestAlg::Es256);
    /// let idp = idp.start().await;
    /// assert!(idp.issuer().ends_with("/realms/corp"));
    /// # }
    /// ```
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Gives the issuer a path, such as `/realms/corp`. The default is no path.
    ///
    /// # Panics
    ///
    /// If the path is not empty and does not start with a slash, or ends with one.
    pub fn issuer_path(mut self, path: &str) -> Self {
        assert!(
            path.is_empty() || path.starts_with('/') && !path.ends_with('/'),
            "issuer path {path:?} must start with a slash and not end with one"
        );
        path.clone_into(&mut self.issuer_path);
        self
    }

    /// Signs with this algorithm, unless a token is built for another. The default is RS256.
    pub fn signing(mut self, alg: TestAlg) -> Self {
        self.signing = alg;
        self
    }

    /// Binds a loopback port, generates the keys, and returns once the server listens.
    ///
    /// Asynchronous because the server runs on the tokio runtime that awaits it.
    pub async fn start(self) -> TestIdp {
        let listener = Listener::bind();
        let issuer = format!("http://{}{}", listener.addr(), self.issuer_path);
        let state = Arc::new(State::new(issuer, self.issuer_path, self.signing));
        TestIdp::serve(state, listener)
    }
}
