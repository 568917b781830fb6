//! Hostile subjects among others: a model of the server, in virtual time.

use std::sync::Mutex;

use tokio::time::{Instant, advance};

use super::*;

/// What the server does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Served,
    Fails(StatusCode),
    Hangs,
    Throttles,
}

struct World {
    admission: Admission,
    sent: Mutex<Vec<(Asker, Instant)>>,
}

impl World {
    fn new() -> Self {
        let issuer = Issuer::new("https://idp.example").unwrap();
        Self {
            admission: Admission::of_token_endpoint(issuer),
            sent: Mutex::default(),
        }
    }

    /// One exchange; whether it was served.
    async fn exchange(&self, asker: Asker, fate: Fate) -> bool {
        if !self.admission.pauses.remaining(asker).is_zero() {
            return false;
        }
        let request = async {
            self.sent.lock().unwrap().push((asker, Instant::now()));
            let error = match fate {
                Fate::Served => return Ok(()),
                Fate::Fails(status) => {
                    TokenEndpointError::new(ErrorClass::Transient, "fails").with_status(status)
                }
                Fate::Hangs => {
                    advance(Duration::from_secs(5)).await;
                    TokenEndpointError::new(ErrorClass::Transient, "hangs")
                }
                Fate::Throttles => TokenEndpointError::new(ErrorClass::Throttled, "throttles")
                    .with_status(StatusCode::TOO_MANY_REQUESTS)
                    .with_retry_after(Some(Duration::from_secs(300))),
            };
            self.admission.pauses.record(asker, &error);
            Err(AskError::Asked(error))
        };
        let outcome = self.admission.guard(asker, None, request).await;
        outcome.is_ok()
    }

    fn sent(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

const WELL: u64 = 1000;
const FATES: [Fate; 5] = [
    Fate::Fails(StatusCode::INTERNAL_SERVER_ERROR),
    Fate::Fails(StatusCode::BAD_GATEWAY),
    Fate::Fails(StatusCode::SERVICE_UNAVAILABLE),
    Fate::Hangs,
    Fate::Throttles,
];

/// Hostile askers fail in every way, `per_turn` times between two requests of others. All of those
/// must be served.
async fn others_are_served(hostile: &[Asker], others: impl Fn(u64) -> Asker, per_turn: usize) {
    for fate in FATES {
        let world = World::new();
        let mut next = hostile.iter().cycle();
        for turn in 0..100 {
            for asker in next.by_ref().take(per_turn) {
                world.exchange(*asker, fate).await;
                advance(Duration::from_millis(3)).await;
            }
            let asker = others(turn);
            assert!(
                world.exchange(asker, Fate::Served).await,
                "{asker:?} was blocked by {fate:?} in turn {turn}"
            );
        }
    }
}

fn asker(subject: u64, target: u64) -> Asker {
    Asker {
        subject,
        target,
        is_vouched: true,
    }
}

#[tokio::test(start_paused = true)]
async fn one_account_blocks_no_other() {
    let hostile: Vec<_> = (0..50).map(|target| asker(1, target)).collect();
    for per_turn in [1, 20, 200] {
        others_are_served(&hostile, |turn| asker(WELL + turn, turn % 50), per_turn).await;
    }
}

#[tokio::test(start_paused = true)]
async fn two_accounts_block_no_other() {
    let turns: Vec<_> = (0..100).map(|n| asker(1 + n % 2, n / 2 % 20)).collect();
    for per_turn in [1, 20, 200] {
        others_are_served(&turns, |turn| asker(WELL + turn % 7, turn % 20), per_turn).await;
    }
}

#[tokio::test(start_paused = true)]
async fn broken_target_blocks_no_other() {
    let broken: Vec<_> = (0..60).map(|n| asker(n, n % 2)).collect();
    for per_turn in [1, 20, 200] {
        // The same users, after each has failed over the broken targets.
        others_are_served(&broken, |turn| asker(turn % 60, 2 + turn % 3), per_turn).await;
    }
}

#[tokio::test(start_paused = true)]
async fn broken_targets_delay_no_other() {
    let broken: Vec<_> = (0..240).map(|n| asker(n % 60, n / 60)).collect();
    for fate in FATES {
        // If four targets and their users are paused, the pause applies to all.
        if fate == Fate::Throttles {
            continue;
        }
        let world = World::new();
        for target in 4..8 {
            assert!(world.exchange(asker(WELL, target), Fate::Served).await);
        }
        for (turn, broken) in broken.iter().cycle().take(2000).enumerate() {
            world.exchange(*broken, fate).await;
            if turn % 20 == 19 {
                let well = asker(turn as u64 % 60, 4 + turn as u64 % 4);
                assert!(world.exchange(well, Fate::Served).await, "{fate:?} {turn}");
            }
        }
    }
}

/// Introspection: one target, users by their tokens if the signature is verified.
#[tokio::test(start_paused = true)]
async fn forged_tokens_delay_no_user() {
    for fate in FATES {
        // Pauses of several users look the same as a pause for all.
        if fate == Fate::Throttles {
            continue;
        }
        let world = World {
            admission: Admission::of_introspection(Issuer::new("https://idp.example").unwrap()),
            sent: Mutex::default(),
        };
        for number in 0..2000 {
            let forged = Asker {
                is_vouched: false,
                ..asker(1_000_000 + number, 0)
            };
            world.exchange(forged, fate).await;
            if number % 20 == 19 {
                let user = asker(number, 0);
                assert!(
                    world.exchange(user, Fate::Served).await,
                    "{fate:?} {number}"
                );
            }
        }
        // One user with many tokens is one subject.
        let alice = asker(7, 0);
        for _ in 0..100 {
            world.exchange(alice, fate).await;
        }
        let bob = asker(8, 0);
        assert!(world.exchange(bob, Fate::Served).await, "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ten_accounts_block_no_newcomer() {
    let hostile: Vec<_> = (0..200).map(|n| asker(n % 10, n / 10)).collect();
    for fate in FATES {
        // Pauses of ten users look the same as a pause for all.
        if fate == Fate::Throttles {
            continue;
        }
        let world = World::new();
        for (turn, hostile) in hostile.iter().enumerate() {
            world.exchange(*hostile, fate).await;
            if turn % 20 == 19 {
                let other = asker(WELL + turn as u64, 5);
                assert!(world.exchange(other, Fate::Served).await, "{fate:?} {turn}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn few_requests_reach_failing_server() {
    let world = World::new();
    let down = Fate::Fails(StatusCode::BAD_GATEWAY);
    for number in 0..60_000 {
        world.exchange(asker(number % 500, number % 7), down).await;
        advance(Duration::from_millis(1)).await;
    }
    // A minute: six periods, each with a probe and four newcomers, for the endpoint and for each
    // target.
    assert!(world.sent() < 200, "{} were sent", world.sent());
}

#[tokio::test(start_paused = true)]
async fn failing_caller_slows_down() {
    let world = World::new();
    let broken = Fate::Fails(StatusCode::INTERNAL_SERVER_ERROR);
    for _ in 0..60_000 {
        world.exchange(asker(1, 1), broken).await;
        advance(Duration::from_millis(1)).await;
    }
    assert!(world.sent() <= 12, "{} were sent", world.sent());
}

#[tokio::test(start_paused = true)]
async fn own_rejection_extends_no_pause() {
    let world = World::new();
    for number in 0..5 {
        let down = Fate::Fails(StatusCode::SERVICE_UNAVAILABLE);
        world.exchange(asker(number, number), down).await;
    }
    for _ in 0..=100 {
        let sent = world.sent();
        world.exchange(asker(0, 0), Fate::Served).await;
        if world.sent() > sent {
            return;
        }
        advance(Duration::from_millis(10)).await;
    }
    panic!("a second later, nothing was sent");
}
