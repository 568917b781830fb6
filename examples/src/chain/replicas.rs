//! Replicas of all three services, which share a store: a token is exchanged once for all of them,
//! the store may fail, and a logout reaches each of them.

use std::time::Duration;

use http::StatusCode;
use obo_test_support::RedisServer;
use obo_testkit::TestIdp;
use tonic::Code;

use super::refusals::Expectation;
use super::start::Registered;
use super::{Binding, Chain, Tokens};
use crate::BoxError;

/// How long the chain waits until a logout has reached every replica. A replica that lost its
/// announcements when the store stopped reads the log every 2 s.
const SOON: Duration = Duration::from_secs(20);

/// Chains of the same services, with one authorization server and one store.
#[derive(Debug)]
pub struct Replicas {
    /// The authorization server.
    pub idp: TestIdp,
    chains: Vec<Chain>,
    store: RedisServer,
}

impl Replicas {
    /// Starts this many replicas of each service, and a store.
    ///
    /// # Errors
    ///
    /// If `redis-server` is not installed, or as [`Chain::start`].
    pub async fn start(count: usize, tokens: Tokens) -> Result<Self, BoxError> {
        let store = RedisServer::start().ok_or("install redis-server to run replicas")?;
        let registered = Registered::start(tokens, Binding::None).await?;
        let mut chains = Vec::new();
        for _ in 0..count {
            chains.push(Chain::start_for(&registered, Some(&store.url())).await?);
        }
        Ok(Self {
            idp: registered.idp,
            chains,
            store,
        })
    }

    /// Each replica of ServiceA is called: the tokens are exchanged once for all of them.
    ///
    /// A replica waits for the store only for moments, and then exchanges the token itself. On a
    /// busy machine that happens, so the calls are repeated with another token.
    ///
    /// # Errors
    ///
    /// If a service does not respond; so for all functions here.
    pub async fn share(&self, user: &str) -> Result<Expectation, BoxError> {
        let (mut exchanges, mut statuses) = (0, Vec::new());
        for _ in 0..10 {
            let before = self.idp.token_requests();
            statuses = self.call_all(&self.token_of(user)).await?;
            exchanges = self.idp.token_requests() - before;
            if exchanges == 2 {
                break;
            }
        }
        let count = self.chains.len();
        Ok(Expectation::new(
            format!("{count} replicas of each service call for {user} with 2 exchanges in all"),
            statuses.iter().all(|status| *status == StatusCode::OK) && exchanges == 2,
            format!("{exchanges} exchanges, {statuses:?}"),
        ))
    }

    /// The store stops, and comes back.
    pub async fn lose_store(&self, user: &str) -> Result<Vec<Expectation>, BoxError> {
        self.store.stop();
        let away = self.call_all(&self.token_of(user)).await?;
        self.store.restart();
        let back = self.call_all(&self.token_of(user)).await?;
        let seen = |statuses: &[StatusCode]| {
            let is_met = statuses.iter().all(|status| *status == StatusCode::OK);
            (is_met, format!("{statuses:?}"))
        };
        let ((is_met, statuses), (is_met_again, again)) = (seen(&away), seen(&back));
        Ok(vec![
            Expectation::new(
                format!("{user} is served without the store"),
                is_met,
                statuses,
            ),
            Expectation::new(
                format!("{user} is served after its return"),
                is_met_again,
                again,
            ),
        ])
    }

    /// The authorization server sends the logout of a user to one replica of ServiceA. All replicas
    /// refuse the user's token, and the tokens that were exchanged for it.
    pub async fn log_out(&self, user: &str, token: &str) -> Result<Vec<Expectation>, BoxError> {
        let (first, last) = self
            .chains
            .first()
            .zip(self.chains.last())
            .ok_or("no replica")?;
        let caller = last.server_of_a.validate(token).await?;
        let exchanged = last.exchange_of_a.token(&caller, "service-b").await?;
        let logout = self.idp.logout_token(user, "service-a").mint();
        let url = format!("http://{}/backchannel-logout", first.a);
        let received = self.send(&url, &logout).await;
        let refused_at_a = soon(self.all_refuse(token)).await?;
        let exchanged = exchanged.token().expose();
        let refused_at_b = soon(refused_by_b(last, exchanged)).await?;
        let again = self.idp.send_logout(&url, &logout).await.status();
        Ok(vec![
            Expectation::new(
                format!("the authorization server logs {user} out at one replica: 200"),
                received == StatusCode::OK,
                format!("{received}"),
            ),
            Expectation::new(
                format!("every replica of service-a refuses the token of {user}: 401"),
                refused_at_a,
                "",
            ),
            Expectation::new(
                format!("service-b refuses the token that was exchanged for {user}: gRPC 16"),
                refused_at_b,
                "",
            ),
            Expectation::new(
                "the same logout token, sent again: 400",
                again == StatusCode::BAD_REQUEST,
                format!("{again}"),
            ),
        ])
    }

    /// Issues a token for ServiceA to a user.
    pub fn token_of(&self, user: &str) -> String {
        self.chains
            .first()
            .map(|chain| chain.token_of(user))
            .unwrap_or_default()
    }

    /// Sends a logout token, again while the service cannot take it, as authorization servers do.
    async fn send(&self, url: &str, logout: &str) -> StatusCode {
        let mut tries = 0;
        loop {
            let status = self.idp.send_logout(url, logout).await.status();
            tries += 1;
            if status != StatusCode::SERVICE_UNAVAILABLE || tries >= 50 {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn call_all(&self, token: &str) -> Result<Vec<StatusCode>, BoxError> {
        let mut statuses = Vec::new();
        for chain in &self.chains {
            let (status, _) = chain.orders(token).await?;
            statuses.push(StatusCode::from_u16(status)?);
        }
        Ok(statuses)
    }

    async fn all_refuse(&self, token: &str) -> Result<(), BoxError> {
        while (self.call_all(token).await?)
            .iter()
            .any(|it| *it != StatusCode::UNAUTHORIZED)
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Ok(())
    }
}

/// Says whether something was so within [`SOON`].
async fn soon(met: impl Future<Output = Result<(), BoxError>>) -> Result<bool, BoxError> {
    match tokio::time::timeout(SOON, met).await {
        Ok(met) => met.map(|()| true),
        Err(_) => Ok(false),
    }
}

/// Waits until ServiceB refuses a token. Each service hears of a logout on its own connection.
async fn refused_by_b(chain: &Chain, token: &str) -> Result<(), BoxError> {
    while chain.level_from_b(token).await?.code() != Code::Unauthenticated {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}
