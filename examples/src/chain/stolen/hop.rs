//! A call of the chain, which a thief repeats.

use aws_lc_rs::rand::fill;
use tonic::Status;

use crate::BoxError;
use crate::chain::Chain;
use crate::chain::binding::{Headers, Holder};
use crate::chain::calls::{LEVEL, get, level};

#[derive(Debug)]
pub(super) struct Hop<'c> {
    pub(super) service: &'static str,
    pub(super) method: &'static str,
    pub(super) url: String,
    /// The one whose token it has.
    pub(super) owner: &'c Holder,
}

/// What a service says to a request.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen {
    /// The HTTP status such as `401`, or that of gRPC such as `gRPC 16`.
    pub status: String,
    /// The challenges, from the headers or the metadata.
    pub challenges: Vec<String>,
}

impl<'c> Hop<'c> {
    pub(super) fn all(chain: &'c Chain) -> [Self; 3] {
        let hop = |service, method, url, owner| Self {
            service,
            method,
            url,
            owner,
        };
        let [a, b, c] = [chain.a, chain.b, chain.c].map(|at| chain.binding.url(at));
        [
            hop("service-a", "GET", format!("{a}/orders"), &chain.app),
            hop("service-b", "POST", format!("{b}{LEVEL}"), &chain.as_a),
            hop("service-c", "GET", format!("{c}/ledger"), &chain.as_b),
        ]
    }

    /// Sends a request with these headers, over a connection of `by` and in a trace of its own.
    pub(super) async fn send(
        &self,
        by: &Holder,
        mut headers: Headers,
    ) -> Result<(String, Seen), BoxError> {
        let trace_id = trace_id()?;
        headers.push(("traceparent", format!("00-{trace_id}-{:016x}-00", 1)));
        Ok((trace_id, self.seen(by, headers).await?))
    }

    async fn seen(&self, by: &Holder, headers: Headers) -> Result<Seen, BoxError> {
        if let Some(url) = self.url.strip_suffix(LEVEL) {
            return Ok(Seen::of_status(&level(by, url.to_owned(), headers).await?));
        }
        let response = get(by, &self.url, headers).await?;
        let lines = response.headers().get_all("www-authenticate").iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        Ok(Seen {
            status: response.status().as_u16().to_string(),
            challenges: lines.map(str::to_owned).collect(),
        })
    }

    /// What is expected: a refusal with this challenge, or a success.
    pub(super) fn expected(&self, challenge: Option<String>) -> Seen {
        let is_grpc = self.url.ends_with(LEVEL);
        let status = match (is_grpc, &challenge) {
            (false, Some(_)) => "401",
            (false, None) => "200",
            (true, Some(_)) => "gRPC 16",
            (true, None) => "gRPC 0",
        };
        Seen {
            status: status.to_owned(),
            challenges: Vec::from_iter(challenge),
        }
    }
}

fn trace_id() -> Result<String, BoxError> {
    let mut id = [0; 16];
    fill(&mut id).map_err(|_| "no random numbers")?;
    Ok(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl Seen {
    fn of_status(status: &Status) -> Self {
        let lines = status.metadata().get_all("www-authenticate").into_iter();
        let lines = lines.filter_map(|line| line.to_str().ok());
        Self {
            status: format!("gRPC {}", i32::from(status.code())),
            challenges: lines.map(str::to_owned).collect(),
        }
    }

    /// The status and the error of the challenge, such as `401 invalid_token`.
    pub fn short(&self) -> String {
        let errors = self.challenges.iter().filter_map(|challenge| {
            let (_, error) = challenge.split_once("error=\"")?;
            error.split('"').next()
        });
        let parts = [&*self.status].into_iter().chain(errors);
        parts.collect::<Vec<_>>().join(" ")
    }
}
