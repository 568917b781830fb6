//! Until when a caller is accepted, for work that outlives its request.

use obo_core::{Caller, UnixTime};

use super::ResourceServer;
use crate::inbound::expiry::{Countdown, End};
use crate::refusal::rejection::Rejection;

impl ResourceServer {
    /// The time from which this server refuses the caller's token: its `exp` or the end of its
    /// maximum age, whichever comes first, plus the leeway of the issuer's policy.
    ///
    /// For work that outlives its request use [`refused`](Self::refused).
    pub fn accepts_until<C>(&self, caller: &Caller<C>) -> UnixTime {
        let caller = caller.untyped();
        match self.0.find(caller.issuer().as_str()) {
            Some(trusted) => trusted.policy.accepts_until(&caller),
            // No policy, so no leeway.
            None => caller.ends_at(),
        }
    }

    /// When the work of a caller ends.
    pub(crate) fn end_of(&self, caller: &Caller) -> Option<End> {
        let fleet = self.0.shared.fleet.clone();
        let revocable = fleet.map(|fleet| (fleet, caller.clone()));
        End::new(self.accepts_until(caller), self.wall_clock(), revocable)
    }

    /// Waits until this server refuses the caller's token ([`accepts_until`](Self::accepts_until)),
    /// and returns the rejection.
    ///
    /// For work that an [`ExpiryLayer`](crate::ExpiryLayer) cannot end: a WebSocket, which is not a
    /// response body, or a task that a handler spawns. As there, the wall clock counts too, and
    /// with a [fleet](crate::resource_server::ResourceServerBuilder::fleet) a logout of the caller
    /// ends it. Introspection is not repeated: [`validate`](Self::validate) the token from time to
    /// time.
    ///
    /// ```
    /// use obo::{ResourceServer, Caller};
    ///
    /// # async fn close(_: u16, _: &str) {}
    /// /// Serves a socket until its client closes it or its token expires.
    /// async fn socket<M: Future>(server: ResourceServer, caller: Caller, messages: M) {
    ///     tokio::select! {
    ///         _ = messages => {}
    ///         // 1008 is "policy violation" (RFC 6455 section 7.4.1).
    ///         _ = server.refused(&caller) => close(1008, "token expired").await,
    ///     }
    /// }
    /// ```
    pub fn refused<C>(
        &self,
        caller: &Caller<C>,
    ) -> impl Future<Output = Rejection> + Send + use<C> {
        // The end is computed now, not when the future is polled first.
        let end = self.end_of(&caller.untyped());
        async move {
            match end {
                Some(end) => Countdown::new(end).await,
                None => std::future::pending().await,
            }
        }
    }
}
