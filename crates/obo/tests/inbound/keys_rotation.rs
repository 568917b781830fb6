//! New keys, withdrawn keys, and forged key names.

use std::time::Duration;

use futures_util::future::join_all;
use obo_testkit::{TestAlg, TestKey};
use tokio::time::advance;

use crate::guarded::Guarded;
use crate::issuer::{FakeIssuer, JWKS, Reply};

const COOLDOWN: Duration = Duration::from_secs(30);

/// An issuer, a layer that has fetched its keys, and a token that it accepts.
async fn running() -> (FakeIssuer, Guarded, String) {
    let idp = FakeIssuer::new().await;
    let guarded = Guarded::by(idp.known());
    let token = idp.token().mint();
    assert_eq!(guarded.status(&token).await, 200);
    (idp, guarded, token)
}

/// JW-22
#[tokio::test(start_paused = true)]
async fn new_key_is_accepted_at_once() {
    let (idp, guarded, old) = running().await;
    idp.rotate("k2");
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
    assert_eq!(guarded.status(&old).await, 200);
    assert_eq!(idp.fetches(), 2);
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn requests_with_new_key_share_fetch() {
    let (idp, guarded, _) = running().await;
    idp.rotate("k2");
    idp.reply(JWKS, Reply::Hang);
    let tokens: Vec<_> = (0..50).map(|_| idp.token().mint()).collect();
    let all = join_all(tokens.iter().map(|token| guarded.status(token)));
    let healed = async {
        idp.arrived(2).await;
        idp.heal();
    };
    let (statuses, ()) = tokio::join!(all, healed);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(idp.fetches(), 2);
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn forged_kids_cause_three_fetches() {
    let (idp, guarded, token) = running().await;
    for round in 1..=3 {
        for i in 0..1000 {
            let forged = idp.token().kid(Some(&format!("{round}-{i}"))).mint();
            guarded.refuses(&forged, "forged").await;
        }
        assert_eq!(idp.fetches(), 1 + 3 * round);
        assert_eq!(guarded.status(&token).await, 200);
        advance(COOLDOWN).await;
    }
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn forged_kid_hides_no_rotation() {
    let (idp, guarded, _) = running().await;
    for i in 0..2 {
        let forged = idp.token().kid(Some(&format!("forged-{i}"))).mint();
        guarded.refuses(&forged, "forged").await;
    }
    idp.rotate("k2");
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
    assert_eq!(idp.fetches(), 4);
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn repeated_bad_token_costs_one_fetch() {
    let (idp, guarded, _) = running().await;
    let own = TestKey::generate(TestAlg::Es256);
    let unknown = idp.token().kid(Some("forged")).mint();
    let unsigned = idp.token().sign_with(&own).mint();
    for bad in [unknown, unsigned] {
        let before = idp.fetches();
        for _ in 0..100 {
            guarded.refuses(&bad, "forged").await;
        }
        assert_eq!(idp.fetches(), before + 1);
    }
    idp.rotate("k2");
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn forging_hides_rotation_briefly() {
    let (idp, guarded, _) = running().await;
    let mut count = 0;
    let mut forge = async |seconds: u64| {
        for _ in 0..seconds * 4 {
            count += 1;
            let forged = idp.token().kid(Some(&format!("forged-{count}"))).mint();
            guarded.refuses(&forged, "forged").await;
            advance(Duration::from_millis(250)).await;
        }
    };
    forge(600).await;
    let before = idp.fetches();
    forge(60).await;
    // Six from the budget, and at most one that was due.
    assert!((6..=7).contains(&(idp.fetches() - before)));
    idp.rotate("k2");
    forge(10).await;
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn empty_budget_refills_by_thirds() {
    let (idp, guarded, _) = running().await;
    for i in 0..10 {
        let forged = idp.token().kid(Some(&format!("forged-{i}"))).mint();
        guarded.refuses(&forged, "forged").await;
    }
    idp.rotate("k2");
    let new = idp.token().mint();
    advance(COOLDOWN / 3 - Duration::from_millis(1)).await;
    guarded
        .refuses(&new, "within a third of the cooldown")
        .await;
    advance(Duration::from_millis(1)).await;
    assert_eq!(guarded.status(&new).await, 200);
    assert_eq!(idp.fetches(), 5);
}

/// JW-22
#[tokio::test(start_paused = true)]
async fn replaced_key_is_found() {
    let (idp, guarded, old) = running().await;
    idp.withdraw("k1");
    idp.rotate("k1");
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
    guarded.refuses(&old, "of the key that was replaced").await;
    assert_eq!(idp.fetches(), 2, "one fetch for one name");
    // A key of another type with the same name.
    advance(COOLDOWN).await;
    idp.withdraw("k1");
    let rsa = TestKey::generate(TestAlg::Rs256);
    idp.publish("k1", &rsa);
    let token = idp.token().sign_with(&rsa).mint();
    assert_eq!(guarded.status(&token).await, 200);
    assert_eq!(idp.fetches(), 3);
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn bad_signatures_keep_the_budget() {
    let (idp, guarded, token) = running().await;
    let own = TestKey::generate(TestAlg::Es256);
    for kid in ["k2", "k3", "k4", "k5"] {
        idp.rotate(kid);
    }
    advance(COOLDOWN * 10).await;
    assert_eq!(guarded.status(&token).await, 200);
    let before = idp.fetches();
    for _ in 0..50 {
        for kid in ["k1", "k2", "k3", "k4", "k5"] {
            let forged = idp.token().sign_with(&own).kid(Some(kid)).mint();
            guarded.refuses(&forged, "forged").await;
        }
    }
    assert_eq!(idp.fetches(), before + 3);
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn bad_signature_is_401_in_outage() {
    let (idp, guarded, token) = running().await;
    idp.reply(JWKS, Reply::Status(500));
    let own = TestKey::generate(TestAlg::Es256);
    let forged = idp.token().sign_with(&own).mint();
    for _ in 0..3 {
        guarded.refuses(&forged, "forged").await;
    }
    assert_eq!(guarded.status(&token).await, 200);
    assert_eq!(idp.fetches(), 2);
}

/// JW-21
#[tokio::test(start_paused = true)]
async fn unknown_key_is_503_during_outage() {
    let (idp, guarded, token) = running().await;
    idp.reply(JWKS, Reply::Status(500));
    idp.rotate("k2");
    let new = idp.token().mint();
    assert_eq!(guarded.status(&new).await, 503, "the fetch failed");
    assert_eq!(guarded.status(&new).await, 503, "the last fetch failed");
    assert_eq!(guarded.status(&token).await, 200);
    assert_eq!(idp.fetches(), 2);
    idp.heal();
    advance(COOLDOWN).await;
    assert_eq!(guarded.status(&new).await, 200);
}

/// JW-22
#[tokio::test(start_paused = true)]
async fn withdrawn_key_expires_at_max_age() {
    let (idp, guarded, old) = running().await;
    idp.rotate("k2");
    idp.withdraw("k1");
    for _ in 0..30 {
        advance(Duration::from_secs(10)).await;
        guarded.status(&old).await;
        tokio::task::yield_now().await;
    }
    guarded.refuses(&old, "withdrawn 300 seconds ago").await;
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
}

/// JW-22
#[tokio::test(start_paused = true)]
async fn idle_service_drops_withdrawn_key() {
    let (idp, guarded, old) = running().await;
    idp.rotate("k2");
    idp.withdraw("k1");
    advance(Duration::from_secs(300)).await;
    idp.reply(JWKS, Reply::Hang);
    let healed = async {
        idp.arrived(2).await;
        let late = guarded.refuses(&old, "while the set is renewed");
        tokio::join!(late, async { idp.heal() });
    };
    tokio::join!(guarded.refuses(&old, "the first after the pause"), healed);
}

/// JW-22
#[tokio::test(start_paused = true)]
async fn past_outage_extends_no_old_key() {
    let (idp, guarded, old) = running().await;
    idp.reply(JWKS, Reply::Status(500));
    advance(Duration::from_secs(160)).await;
    assert_eq!(guarded.status(&old).await, 200);
    idp.arrived(2).await;
    idp.heal();
    idp.rotate("k2");
    idp.withdraw("k1");
    advance(Duration::from_secs(299)).await;
    guarded.refuses(&old, "the set is 459 seconds old").await;
}

#[tokio::test(start_paused = true)]
async fn empty_set_counts_the_second_time() {
    let (idp, guarded, token) = running().await;
    idp.withdraw_all();
    advance(Duration::from_secs(150)).await;
    assert_eq!(
        guarded.status(&token).await,
        200,
        "renewed in the background"
    );
    idp.arrived(2).await;
    advance(COOLDOWN - Duration::from_millis(1)).await;
    assert_eq!(guarded.status(&token).await, 200, "not believed yet");
    assert_eq!(idp.fetches(), 2);
    advance(Duration::from_millis(1)).await;
    assert_eq!(
        guarded.status(&token).await,
        200,
        "confirmed in the background"
    );
    idp.arrived(3).await;
    guarded.refuses(&token, "every key is withdrawn").await;
    guarded.refuses(&token, "and stays so").await;
}

#[tokio::test(start_paused = true)]
async fn forged_kid_confirms_no_empty_set() {
    let (idp, guarded, token) = running().await;
    idp.withdraw_all();
    advance(Duration::from_secs(150)).await;
    assert_eq!(guarded.status(&token).await, 200);
    idp.arrived(2).await;
    guarded
        .refuses(&idp.token().kid(Some("forged")).mint(), "forged")
        .await;
    assert_eq!((idp.fetches(), guarded.status(&token).await), (3, 200));
}

#[tokio::test(start_paused = true)]
async fn transient_empty_set_is_ignored() {
    let (idp, guarded, token) = running().await;
    idp.reply(JWKS, Reply::Body(r#"{"keys":[]}"#.to_owned()));
    advance(Duration::from_secs(150)).await;
    assert_eq!(guarded.status(&token).await, 200);
    idp.arrived(2).await;
    idp.heal();
    advance(COOLDOWN).await;
    assert_eq!(guarded.status(&token).await, 200);
    idp.arrived(3).await;
    idp.reply(JWKS, Reply::Body(r#"{"keys":[]}"#.to_owned()));
    advance(Duration::from_secs(150)).await;
    assert_eq!(guarded.status(&token).await, 200);
    idp.arrived(4).await;
    assert_eq!(guarded.status(&token).await, 200, "the doubt begins anew");
}

#[tokio::test(start_paused = true)]
async fn initial_empty_set_rejects_tokens() {
    let idp = FakeIssuer::new().await;
    idp.withdraw_all();
    let guarded = Guarded::by(idp.known());
    guarded
        .refuses(&idp.token().mint(), "no key is published")
        .await;
    idp.rotate("k2");
    assert_eq!(guarded.status(&idp.token().mint()).await, 200);
}
