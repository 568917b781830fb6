//! What the buttons do: the same as the example in the terminal.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::BoxError;
use crate::chain::refusals::{self, Expectation, UNLISTED};
use crate::chain::stolen::{Loot, Row, Source, Theft};
use crate::chain::{Binding, Chain};

/// Users get new tokens before the old ones expire.
const TOKEN_AGE: Duration = Duration::from_secs(240);

/// What a button does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    CallAsAlice,
    CallAsBob,
    Replay,
    Unlisted,
    NotAllowed,
    Steal(Source),
    Rotate,
    Revoke,
    SignIn,
    Stop,
    Start,
}

impl Action {
    const ALL: [Self; 13] = [
        Self::CallAsAlice,
        Self::CallAsBob,
        Self::Replay,
        Self::Unlisted,
        Self::NotAllowed,
        Self::Steal(Source::Log),
        Self::Steal(Source::Service),
        Self::Steal(Source::Proxy),
        Self::Rotate,
        Self::Revoke,
        Self::SignIn,
        Self::Stop,
        Self::Start,
    ];

    /// The action with this name in its address.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CallAsAlice => "call-as-alice",
            Self::CallAsBob => "call-as-bob",
            Self::Replay => "replay",
            Self::Unlisted => "call-by-unlisted",
            Self::NotAllowed => "call-not-allowed",
            Self::Steal(Source::Log) => "steal-from-log",
            Self::Steal(Source::Service) => "steal-from-service",
            Self::Steal(Source::Proxy) => "steal-from-proxy",
            Self::Rotate => "rotate-keys",
            Self::Revoke => "revoke-alice",
            Self::SignIn => "sign-in-alice",
            Self::Stop => "stop-server",
            Self::Start => "start-server",
        }
    }

    /// The text of the button.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::CallAsAlice => "Call as alice",
            Self::CallAsBob => "Call as bob",
            Self::Replay => "Replay alice's token",
            Self::Unlisted => "Unlisted service calls",
            Self::NotAllowed => "service-a calls service-c",
            Self::Steal(Source::Log) => "Stolen from a log",
            Self::Steal(Source::Service) => "Stolen from a service",
            Self::Steal(Source::Proxy) => "Stolen from a proxy",
            Self::Rotate => "Rotate keys",
            Self::Revoke => "Revoke alice",
            Self::SignIn => "Sign alice in again",
            Self::Stop => "Stop server",
            Self::Start => "Start server",
        }
    }

    /// What the button belongs to.
    pub(super) fn group(self) -> Group {
        match self {
            Self::CallAsAlice | Self::CallAsBob => Group::Calls,
            Self::Replay | Self::Unlisted | Self::NotAllowed => Group::Attacks,
            Self::Steal(_) => Group::Thefts,
            _ => Group::Server,
        }
    }
}

/// Buttons that stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    Calls,
    Attacks,
    Thefts,
    Server,
}

impl Group {
    pub(super) const ALL: [Self; 4] = [Self::Calls, Self::Attacks, Self::Thefts, Self::Server];

    pub(super) fn name(self, binding: Binding) -> &'static str {
        match (self, binding) {
            (Self::Calls, _) => "Calls",
            (Self::Attacks, _) => "What must be refused",
            (Self::Thefts, Binding::None) => "A thief sends bob's tokens: accepted",
            (Self::Thefts, _) => "A thief sends bob's tokens: refused",
            (Self::Server, _) => "Authorization server",
        }
    }

    /// How its buttons look.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Calls => "first",
            Self::Attacks | Self::Thefts => "attack",
            Self::Server => "",
        }
    }
}

/// The users' apps, with their tokens, and what was done last.
#[derive(Default)]
pub(super) struct Users {
    tokens: HashMap<&'static str, (String, Instant)>,
    pub(super) is_alice_revoked: bool,
    pub(super) is_server_stopped: bool,
    pub(super) last: Option<Done>,
    /// The thefts that were tried.
    pub(super) thefts: Vec<Stolen>,
}

/// A theft that was tried: a title, and the traces of its requests.
#[derive(Debug)]
pub(super) struct Stolen {
    pub(super) title: String,
    traces: [String; 3],
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let users: Vec<_> = self.tokens.keys().collect();
        f.debug_struct("Users")
            .field("tokens_of", &users)
            .finish_non_exhaustive()
    }
}

/// What was done, and what happened.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) what: String,
    pub(super) seen: Vec<Expectation>,
    /// Whether a thief tried something.
    pub(super) is_theft: bool,
}

impl Stolen {
    fn new(theft: &Theft, row: &Row, binding: Binding) -> Self {
        Self {
            title: format!("Stolen {}: {}", theft.from.of(binding), theft.sends),
            traces: row.tried.each_ref().map(|tried| tried.trace_id.clone()),
        }
    }
}

impl Users {
    /// Does it. A failure is shown on the page too.
    pub(super) async fn act(&mut self, chain: &Chain, action: Action) {
        let done = self.done(chain, action).await;
        self.last = Some(done.unwrap_or_else(|error| Done {
            what: format!("{}: {error}", action.label()),
            ..Done::default()
        }));
    }

    /// The actions that are possible now.
    pub(super) fn actions(&self) -> impl Iterator<Item = Action> {
        let hidden = [
            if self.is_alice_revoked {
                Action::Revoke
            } else {
                Action::SignIn
            },
            if self.is_server_stopped {
                Action::Stop
            } else {
                Action::Start
            },
        ];
        let all = Action::ALL.into_iter();
        all.filter(move |action| !hidden.contains(action))
    }

    /// The theft that this trace belongs to, by its place in [`thefts`](Self::thefts).
    pub(super) fn theft_of(&self, trace_id: Option<&str>) -> Option<usize> {
        let trace_id = trace_id?;
        let is_of = |theft: &Stolen| theft.traces.iter().any(|it| it == trace_id);
        self.thefts.iter().position(is_of)
    }

    async fn done(&mut self, chain: &Chain, action: Action) -> Result<Done, BoxError> {
        let (mut what, mut seen) = (String::new(), Vec::new());
        match action {
            Action::CallAsAlice => what = self.call(chain, "alice").await?,
            Action::CallAsBob => what = self.call(chain, "bob").await?,
            Action::Replay => {
                let token = self.token(chain, "alice");
                seen.push(refusals::replayed(chain, &token).await?);
            }
            Action::Unlisted => seen.extend(refusals::wrong_actor(chain, UNLISTED).await?),
            Action::NotAllowed => {
                let token = self.token(chain, "bob");
                seen.push(refusals::unreachable_target(chain, &token).await?);
            }
            Action::Steal(source) => return self.steal(chain, source).await,
            Action::Rotate => {
                let kid = chain.idp.rotate();
                let is_revoked = self.is_alice_revoked;
                self.tokens.retain(|user, _| is_revoked && *user == "alice");
                what = format!(
                    "The authorization server signs with the new key {kid}. The next call has a new token, and each \
                     service fetches the key when it meets it."
                );
            }
            Action::Revoke => {
                let token = self.token(chain, "alice");
                self.is_alice_revoked = true;
                seen.push(refusals::revoked(chain, "alice", &token).await?);
            }
            Action::SignIn => {
                self.is_alice_revoked = false;
                self.tokens.remove("alice");
                what = "Alice has signed in again: her next call has a new token.".to_owned();
            }
            Action::Stop => {
                chain.idp.stop();
                self.is_server_stopped = true;
                what = "The authorization server has stopped. Cached tokens keep working; calls that need a new one \
                        are refused."
                    .to_owned();
            }
            Action::Start => {
                chain.idp.resume().await;
                self.is_server_stopped = false;
                what = "The authorization server runs again, with the same keys.".to_owned();
            }
        }
        Ok(Done {
            what,
            seen,
            is_theft: false,
        })
    }

    /// Copies what bob's call sends, and tries each theft from this source. Then bob's app calls
    /// with the same token.
    async fn steal(&mut self, chain: &Chain, source: Source) -> Result<Done, BoxError> {
        let token = self.token(chain, "bob");
        let loot = Loot::copy(chain, &token).await?;
        let mut seen = Vec::new();
        let thefts = Theft::all(chain.binding).iter();
        for theft in thefts.filter(|theft| theft.from == source) {
            let row = loot.tried(Some(theft)).await?;
            self.thefts.push(Stolen::new(theft, &row, chain.binding));
            let expected = row.expectation();
            seen.push(Expectation {
                is_harm: theft.succeeds(),
                seen: match expected.is_met {
                    true => row.responses(),
                    false => expected.seen,
                },
                ..expected
            });
        }
        let (status, _) = chain.orders(&token).await?;
        let own = "bob's own call with the same token: 200";
        seen.push(Expectation::new(own, status == 200, ""));
        let from = source.of(chain.binding);
        let worth = match chain.binding {
            Binding::None => {
                "Nothing binds them: a service accepts each token that is addressed to it."
            }
            Binding::Dpop => "They are bound to keys that the thief does not have.",
            Binding::Certificate => {
                "They are bound to certificates whose keys the thief does not have."
            }
        };
        Ok(Done {
            what: format!("A thief has copied the tokens of bob's call {from}. {worth}"),
            seen,
            is_theft: true,
        })
    }

    async fn call(&mut self, chain: &Chain, user: &'static str) -> Result<String, BoxError> {
        let token = self.token(chain, user);
        let (status, orders) = chain.orders(&token).await?;
        let hops = orders.map(|orders| orders.hops).unwrap_or_default();
        let reached = hops.last().map_or("service-a", |hop| hop.to.as_str());
        Ok(match status {
            200 => format!("The app of {user} called service-a: 200. The call reached {reached}."),
            _ => format!("The app of {user} called service-a: {status}."),
        })
    }

    /// The token that the app of a user has.
    fn token(&mut self, chain: &Chain, user: &'static str) -> String {
        let is_revoked = self.is_alice_revoked && user == "alice";
        let mut known = self.tokens.get(user);
        let (token, _) = match known.take_if(|(_, since)| is_revoked || since.elapsed() < TOKEN_AGE)
        {
            Some(known) => known,
            None => {
                let token = (chain.token_of(user), Instant::now());
                &*self.tokens.entry(user).insert_entry(token).into_mut()
            }
        };
        token.clone()
    }
}
