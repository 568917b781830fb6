//! The outcome of every schedule.

use shuttle::future::{self, block_on};

use crate::world::World;

/// Random schedules, and as many that switch tasks at few places, where most faults are found.
fn check(scenario: impl Fn() + Send + Sync + 'static + Clone) {
    shuttle::check_random(scenario.clone(), 1000);
    shuttle::check_pct(scenario, 1000, 3);
}

/// TX-44
#[test]
fn callers_share_one_request() {
    check(|| {
        block_on(async {
            let world = World::new(8);
            let callers: Vec<_> = (0..3).map(|_| world.spawn_token(1)).collect();
            for caller in callers {
                assert_eq!(caller.await.unwrap(), Ok((1, 1)));
            }
            assert_eq!(world.requests(1), 1);
            assert!(world.is_quiet(1));
        });
    });
}

/// TX-44
#[test]
fn leaving_callers_change_nothing() {
    check(|| {
        block_on(async {
            let world = World::new(8);
            let leavers = [1, 2].map(|polls| {
                let world = world.clone();
                future::spawn(async move { world.give_up(1, polls).await })
            });
            let stayers = [world.spawn_token(1), world.spawn_token(1)];
            for stayer in stayers {
                assert_eq!(stayer.await.unwrap(), Ok((1, 1)));
            }
            for leaver in leavers {
                leaver.await.unwrap();
            }
            assert_eq!(world.requests(1), 1);
        });
    });
}

/// TX-44
#[test]
fn keys_do_not_mix() {
    check(|| {
        block_on(async {
            let world = World::new(8);
            let callers = [1, 2, 1, 2].map(|key| (key, world.spawn_token(key)));
            for (key, caller) in callers {
                assert_eq!(caller.await.unwrap(), Ok((key, 1)));
            }
            assert_eq!((world.requests(1), world.requests(2)), (1, 1));
        });
    });
}

/// TX-44
#[test]
fn failure_is_shared_and_not_kept() {
    check(|| {
        block_on(async {
            let world = World::new(8).failing();
            let callers: Vec<_> = (0..3).map(|_| world.spawn_token(1)).collect();
            for caller in callers {
                assert_eq!(caller.await.unwrap(), Err(()));
            }
            // Calls after a failure requested again, and no other call did.
            assert!((1..=3).contains(&world.requests(1)));
            assert!(world.is_quiet(1));
        });
    });
}

/// TX-44
#[test]
fn evicted_token_is_fetched_once_more() {
    check(|| {
        block_on(async {
            let world = World::new(8);
            let callers = [world.spawn_token(1), world.spawn_token(1)];
            let forgetting = {
                let world = world.clone();
                future::spawn(async move { world.forget(1) })
            };
            forgetting.await.unwrap();
            for caller in callers {
                let (key, number) = caller.await.unwrap().unwrap();
                assert_eq!(key, 1);
                assert!((1..=2).contains(&number));
            }
            assert!((1..=2).contains(&world.requests(1)));
        });
    });
}
