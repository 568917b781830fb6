//! The service under the layer, and requests to it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::hint::black_box;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{HeaderValue, Request, Response, header};
use obo::bearer::BearerAuth;
use obo::{BearerAuthLayer, Client, ClientSecretBasic, Introspection, ResourceServer, Trust};
use obo_testkit::{TestAlg, TestIdp, TestKey, TokenBuilder};
use serde::Deserialize;
use tower::{Layer as _, Service};

/// The claims that the service reads in addition to the registered ones.
#[derive(Deserialize)]
struct Extra {
    #[serde(rename = "tenant")]
    _tenant: String,
    #[serde(rename = "level")]
    _level: u32,
}

#[derive(Clone)]
pub(crate) struct Bare;

impl Service<Request<()>> for Bare {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        black_box(&request);
        ready(Ok(Response::new(())))
    }
}

pub(crate) fn bare() -> Bare {
    Bare
}

pub(crate) fn call<S>(service: &mut S, request: Request<()>)
where
    S: Service<Request<()>, Response = Response<()>, Error = Infallible>,
{
    let response = service.call(request).now_or_never();
    black_box(response.expect("the response needs no wait").unwrap());
}

/// Whether verified tokens are cached.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cache {
    On,
    Off,
}

/// Makes the same request each time.
pub(crate) type MakeRequest = Box<dyn Fn() -> Request<()>>;

/// A layer that has fetched its keys, and tokens for it.
pub(crate) struct Loaded {
    pub(crate) service: BearerAuth<Bare>,
    pub(crate) key: TestKey,
    pub(crate) tokens: Vec<String>,
    lines: Vec<String>,
    idp: TestIdp,
}

impl Loaded {
    pub(crate) async fn new(alg: TestAlg, cache: Cache) -> Self {
        Self::with_tokens(alg, cache, 1).await
    }

    /// For a service that reads the registered claims alone.
    pub(crate) async fn untyped(alg: TestAlg, cache: Cache) -> Self {
        Self::of(alg, cache, 1, |trust| trust).await
    }

    pub(crate) async fn with_tokens(alg: TestAlg, cache: Cache, count: usize) -> Self {
        Self::of(alg, cache, count, Trust::claims::<Extra>).await
    }

    async fn of(alg: TestAlg, cache: Cache, count: usize, typed: fn(Trust) -> Trust) -> Self {
        let idp = TestIdp::start().await;
        let key = TestKey::generate(alg);
        idp.publish_extra_jwk(key.public_jwk("bench"));
        let tokens: Vec<_> = (0..count).map(|i| token(&idp, &key, i)).collect();
        let trust = typed(Trust::new(idp.issuer()));
        let server = ResourceServer::builder("service-a").trust(trust);
        let server = match cache {
            Cache::On => server,
            Cache::Off => server.token_cache_bytes(0),
        };
        let server = server.build().unwrap();
        for token in &tokens {
            server.validate(token).await.unwrap();
        }
        let lines = tokens.iter().map(|token| format!("Bearer {token}"));
        let lines = lines.collect();
        Self {
            service: BearerAuthLayer::new(server).layer(Bare),
            key,
            tokens,
            lines,
            idp,
        }
    }

    /// Opaque tokens that are already introspected. `tokens` has one JWT, with the claims of the
    /// first opaque token.
    pub(crate) async fn with_opaque_tokens(count: usize) -> Self {
        let idp = TestIdp::start().await;
        idp.client("service-a").secret("s3cret");
        let key = TestKey::generate(TestAlg::Es256);
        let secret = ClientSecretBasic::new("s3cret");
        let introspection = Introspection::new(Client::new("service-a", secret));
        let introspection = introspection.max_age(Duration::from_secs(3600));
        let trust = Trust::new(idp.issuer())
            .claims::<Extra>()
            .introspect(introspection);
        let server = ResourceServer::builder("service-a").trust(trust);
        let server = server.build().unwrap();
        let mut lines = Vec::with_capacity(count);
        for i in 0..count {
            let token = draft(&idp, i).mint_opaque();
            server.validate(&token).await.unwrap();
            lines.push(format!("Bearer {token}"));
        }
        Self {
            service: BearerAuthLayer::new(server).layer(Bare),
            tokens: vec![token(&idp, &key, 0)],
            key,
            lines,
            idp,
        }
    }

    pub(crate) fn request(&self, token: usize) -> Request<()> {
        let mut request = Request::new(());
        // Copied, as in a server that reads a socket: the layer finds it in the processor's cache.
        let value = HeaderValue::from_str(&self.lines[token]).unwrap();
        request.headers_mut().insert(header::AUTHORIZATION, value);
        request
    }

    /// Requests that are refused before a signature verification.
    pub(crate) fn refused(&self) -> Vec<(&'static str, MakeRequest)> {
        let with = |value: String| -> MakeRequest {
            let value = HeaderValue::try_from(value).unwrap();
            Box::new(move || {
                let mut request = Request::new(());
                request
                    .headers_mut()
                    .insert(header::AUTHORIZATION, value.clone());
                request
            })
        };
        let user = || {
            self.idp
                .user("alice")
                .audience("service-a")
                .sign_with(&self.key)
        };
        let of = |token: String| format!("Bearer {token}");
        vec![
            ("no credentials", Box::new(|| Request::new(()))),
            ("malformed", with("Bearer a b".to_owned())),
            ("no JWT", with("Bearer opaque".to_owned())),
            (
                "wrong algorithm",
                with(of(user().header("alg", "HS256").mint())),
            ),
            (
                "another issuer",
                with(of(user().issuer("https://other.example").mint())),
            ),
        ]
    }
}

/// A token with 25 claims and about 900 bytes of JSON.
fn token(idp: &TestIdp, key: &TestKey, i: usize) -> String {
    draft(idp, i).sign_with(key).kid(Some("bench")).mint()
}

fn draft(idp: &TestIdp, i: usize) -> TokenBuilder {
    let mut token = idp
        .user(&format!("user-{i:05}"))
        .audience("service-a")
        .scope("orders:read orders:write stock:read")
        .expires_in(3600)
        .claim("tenant", "corp")
        .claim("level", 3)
        .claim("roles", vec!["buyer", "approver", "auditor"])
        .actor("service-d");
    for n in 0..15 {
        token = token.claim(
            &format!("extension_{n:02}"),
            format!("value {n} of some length"),
        );
    }
    token
}
