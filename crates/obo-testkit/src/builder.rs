use std::sync::Arc;

use crate::alg::TestAlg;
use crate::listener::Listener;
use crate::server::TestIdp;
use crate::state::State;

/// Options to set before the server starts.
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

    /// Options to set before the start.
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Builder {
    /// Gives the issuer a path, such as `/realms/corp`; the default is none.
    ///
    /// # Panics
    ///
    /// When the path is neither empty nor starts with a slash, or ends with one.
    pub fn issuer_path(mut self, path: &str) -> Self {
        assert!(
            path.is_empty() || path.starts_with('/') && !path.ends_with('/'),
            "not an issuer path: {path}"
        );
        path.clone_into(&mut self.issuer_path);
        self
    }

    /// Signs with this algorithm unless a token asks for another; the default is RS256.
    pub fn signing(mut self, alg: TestAlg) -> Self {
        self.signing = alg;
        self
    }

    /// Binds a loopback port, makes the keys and returns once the server is listening.
    ///
    /// Asynchronous because the server runs on the tokio runtime that awaits this.
    pub async fn start(self) -> TestIdp {
        let listener = Listener::bind();
        let issuer = format!("http://{}{}", listener.addr(), self.issuer_path);
        let state = Arc::new(State::new(issuer, self.issuer_path, self.signing));
        TestIdp::serve(state, listener)
    }
}
