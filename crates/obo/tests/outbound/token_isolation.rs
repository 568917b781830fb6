//! Many users and audiences at once, with dropped calls, renewals, rejections, failures and
//! logouts: no call is ever made with the token of another user or audience.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use obo::authorization_server::{HttpService, ServerMetadata};
use obo::error::ExchangeErrorKind as Kind;
use obo::exchange::CacheBounds;
use obo::on_behalf_of::Replay;
use obo::time::Clock;
use obo::{
    Audience, AuthorizationServer, CallError, Caller, Destination, Destinations, OnBehalfOf,
    TokenExchange,
};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use tower::util::BoxCloneSyncService;
use tower::{Layer as _, ServiceExt as _, service_fn};

use crate::setup::{Setup, client, issuer, part};
use crate::stub::{issued, json as reply};

const USERS: usize = 1000;
const AUDIENCES: usize = 10;
const ROUNDS: usize = 3;

/// Pseudo-random numbers, the same in each run.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as usize % most
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// An authorization server whose tokens are `user~audience~number`. It is sometimes slow, fails or
/// refuses.
fn naming_server(setup: &Setup) -> (AuthorizationServer, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let http = HttpService::new(service_fn(move |request: Request<Bytes>| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        async move {
            let mut random = Random(number as u64);
            for _ in 0..random.below(4) {
                yield_now().await;
            }
            Ok::<Response<Full<Bytes>>, Infallible>(match random.below(40) {
                0 => reply(400, &json!({ "error": "invalid_grant" })),
                1 => reply(400, &json!({ "error": "invalid_target" })),
                2 => reply(401, &json!({ "error": "invalid_client" })),
                3 => reply(200, &json!({})),
                _ => {
                    let form: HashMap<_, _> = form_urlencoded::parse(request.body()).collect();
                    let subject = part(&form["subject_token"], 1);
                    let user = subject["sub"].as_str().unwrap();
                    let token = format!("{user}~{}~{number}", form["audience"]);
                    issued(&token, json!({}))
                }
            })
        }
    }));
    let metadata = ServerMetadata::new(None, Some("https://idp.example/token")).unwrap();
    let server = AuthorizationServer::builder(issuer(&setup.idp))
        .with_metadata(metadata)
        .with_http(http)
        .build()
        .unwrap();
    (server, asked)
}

type Downstream = BoxCloneSyncService<Request<String>, Response<()>, Infallible>;

/// The services: each call names its user, and its host names the audience. A token is sometimes
/// rejected.
fn services(calls: Arc<AtomicUsize>) -> Downstream {
    BoxCloneSyncService::new(service_fn(move |request: Request<String>| {
        let number = calls.fetch_add(1, Ordering::SeqCst);
        let host = request.uri().host().unwrap();
        let audience = host.strip_suffix(".svc.example").unwrap();
        let expected = format!("Bearer {}~{audience}~", request.body());
        let sent: Vec<&HeaderValue> = request.headers().get_all("authorization").iter().collect();
        assert_eq!(sent.len(), 1);
        let sent = sent[0].to_str().unwrap().to_owned();
        assert!(sent.starts_with(&expected), "{sent} for {expected}");
        async move {
            let mut random = Random(number as u64 ^ 0xd0);
            if random.one_in(4) {
                yield_now().await;
            }
            let mut response = Response::new(());
            if random.one_in(25) {
                *response.status_mut() = StatusCode::UNAUTHORIZED;
            }
            Ok(response)
        }
    }))
}

/// A user in all rounds of the population.
struct User {
    name: String,
    caller: Caller,
    is_logged_out: AtomicBool,
}

struct Population {
    exchange: TokenExchange,
    client: OnBehalfOf<Downstream, Replay<String>>,
    users: Vec<User>,
    setup: Setup,
}

impl Population {
    /// A round of one user: a call to each audience, in a random order.
    async fn round(&self, number: usize, round: usize) {
        let user = &self.users[number];
        let mut random = Random((number * ROUNDS + round) as u64 | 1 << 32);
        let first = random.below(AUDIENCES);
        for step in 0..AUDIENCES {
            let audience = (first + step * [1, 3, 7][round % 3]) % AUDIENCES;
            self.one_call(user, audience, &mut random).await;
            if random.one_in(100) {
                let now = Clock::system().now();
                self.exchange
                    .revoke(&issuer(&self.setup.idp), &user.name, now);
                user.is_logged_out.store(true, Ordering::SeqCst);
            }
        }
    }

    async fn one_call(&self, user: &User, audience: usize, random: &mut Random) {
        let was_logged_out = user.is_logged_out.load(Ordering::SeqCst);
        let service = self.client.on_behalf_of(&user.caller);
        let service = if random.one_in(10) {
            service.fresh()
        } else {
            service
        };
        let uri = format!("https://audience-{audience}.svc.example/");
        let request = Request::post(uri).body(user.name.clone()).unwrap();
        let mut call = Box::pin(service.oneshot(request));
        if random.one_in(5) {
            // Dropped, after it was polled a few times.
            for _ in 0..=random.below(3) {
                if (&mut call).now_or_never().is_some() {
                    return;
                }
                yield_now().await;
            }
            return;
        }
        match call.await {
            Ok(_) => assert!(!was_logged_out, "a call for {}", user.name),
            Err(CallError::Exchange(error)) if was_logged_out => {
                assert_eq!(error.kind(), Kind::SubjectInvalid, "{error}");
            }
            Err(CallError::Exchange(error)) => {
                let expected = [
                    Kind::SubjectInvalid,
                    Kind::TargetDenied,
                    Kind::ClientMisconfigured,
                    Kind::ResponseUnusable,
                ];
                assert!(expected.contains(&error.kind()), "{error}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// TX-41, TX-44
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thousand_users_never_share_a_token() {
    let setup = Setup::start().await;
    let (server, asked) = naming_server(&setup);
    // Less than all entries need, so that entries are evicted all the time.
    let bounds = CacheBounds::new().bytes(1024 * 1024).entries_per_subject(8);
    let exchange = TokenExchange::builder(server, client())
        .cache(bounds)
        .concurrency(USERS * AUDIENCES)
        .build()
        .unwrap();
    let audience = Audience::new("{service}").unwrap();
    let all = Destination::template("https://{service}.svc.example", audience).unwrap();
    let layer = exchange.to_destinations(Destinations::new([all]).unwrap());
    let layer = layer.replay(Replay::copied(|body: &String| Some(body.clone())));
    let calls = Arc::new(AtomicUsize::new(0));
    let client = layer.layer(services(Arc::clone(&calls)));
    let mut users = Vec::with_capacity(USERS);
    for number in 0..USERS {
        let name = format!("user-{number}");
        users.push(User {
            caller: setup.caller(&name).await,
            name,
            is_logged_out: AtomicBool::new(false),
        });
    }
    let population = Arc::new(Population {
        exchange,
        client,
        users,
        setup,
    });
    // As many at once as get their responses before a deadline, on a slow machine too.
    let places = Arc::new(Semaphore::new(400));
    let mut rounds = JoinSet::new();
    for number in 0..USERS {
        for round in 0..ROUNDS {
            let (population, places) = (Arc::clone(&population), Arc::clone(&places));
            rounds.spawn(async move {
                let _place = places.acquire().await.unwrap();
                population.round(number, round).await;
            });
        }
    }
    rounds.join_all().await;

    // All kinds of events took place.
    let logged_out = |user: &&User| user.is_logged_out.load(Ordering::SeqCst);
    let logged_out = population.users.iter().filter(logged_out).count();
    let (asked, calls) = (asked.load(Ordering::SeqCst), calls.load(Ordering::SeqCst));
    let most = USERS * AUDIENCES * ROUNDS;
    assert!(logged_out > USERS / 10, "{logged_out}");
    assert!(calls > most / 2, "{calls}");
    assert!(
        asked > USERS * AUDIENCES / 2 && asked < calls,
        "{asked} of {calls}"
    );
}
