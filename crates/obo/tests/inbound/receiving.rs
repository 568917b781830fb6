//! A receiver of logouts whose store records what is revoked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use obo::fleet::{
    Announce, Fleet, InProcess, KeyRing, Page, Revoked, RingKey, Store, StoreError, StoreFuture,
    StoreKey,
};
use obo::logout::{BackchannelLogout, SecurityEvents};
use obo::resource_server::ResourceServerBuilder;
use obo::{ResourceServer, Secret, Trust};
use obo_core::fleet::RevocationMark;
use obo_testkit::TokenBuilder;
use tower::{Service, ServiceExt as _};

use crate::issuer::FakeIssuer;

/// The audience of the logouts.
pub(crate) const CLIENT: &str = "service-a-client";

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

fn ring() -> KeyRing {
    KeyRing::new([RingKey::parse("k1", &Secret::new(KEY)).unwrap()]).unwrap()
}

/// A store in the process that can be away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder {
    inner: Arc<InProcess>,
    records: Arc<Mutex<Vec<Bytes>>>,
    is_away: Arc<AtomicBool>,
}

impl Recorder {
    pub(crate) fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    /// What was revoked, in order.
    pub(crate) fn revoked(&self) -> Vec<RevocationMark> {
        let records = self.records.lock().unwrap();
        let marks = records.iter();
        let marks = marks.map(|record| RevocationMark::open(&ring(), record).unwrap());
        marks.collect()
    }

    /// The only user or session that was revoked.
    pub(crate) fn only(&self) -> Revoked {
        let [mark] = &*self.revoked() else {
            panic!("not one mark");
        };
        mark.of.clone()
    }
}

impl Store for Recorder {
    fn get<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, Vec<Option<Bytes>>> {
        self.inner.get(names)
    }

    fn put<'s>(
        &'s self,
        name: &'s StoreKey,
        value: Bytes,
        lifetime: Duration,
    ) -> StoreFuture<'s, ()> {
        self.inner.put(name, value, lifetime)
    }

    fn take<'s>(&'s self, names: &'s [StoreKey], lifetime: Duration) -> StoreFuture<'s, bool> {
        self.inner.take(names, lifetime)
    }

    fn remove<'s>(&'s self, names: &'s [StoreKey]) -> StoreFuture<'s, ()> {
        self.inner.remove(names)
    }

    fn append<'s>(
        &'s self,
        record: Bytes,
        once: &'s [StoreKey],
        retention: Duration,
    ) -> StoreFuture<'s, bool> {
        Box::pin(async move {
            if self.is_away.load(Ordering::Relaxed) {
                return Err(StoreError::new("is away"));
            }
            let appended = self.inner.append(record.clone(), once, retention).await?;
            if appended {
                self.records.lock().unwrap().push(record);
            }
            Ok(appended)
        })
    }

    fn read<'s>(&'s self, after: Option<&'s str>) -> StoreFuture<'s, Page> {
        self.inner.read(after)
    }

    fn watch<'s>(&'s self, announce: Announce<'s>) -> StoreFuture<'s, ()> {
        self.inner.watch(announce)
    }
}

/// Both services of a process that trusts one issuer.
#[derive(Clone)]
pub(crate) struct Receiving {
    pub(crate) store: Recorder,
    pub(crate) server: ResourceServer,
    pub(crate) logout: BackchannelLogout,
    pub(crate) events: SecurityEvents,
}

impl Receiving {
    pub(crate) fn from(idp: &FakeIssuer) -> Self {
        Self::with(ResourceServer::builder("service-a").trust(Trust::new(idp.known())))
    }

    pub(crate) fn with(server: ResourceServerBuilder) -> Self {
        Self::sharing(Recorder::default(), server)
    }

    /// Another process with the same store.
    pub(crate) fn replica(&self, idp: &FakeIssuer) -> Self {
        let server = ResourceServer::builder("service-a").trust(Trust::new(idp.known()));
        Self::sharing(self.store.clone(), server)
    }

    fn sharing(store: Recorder, server: ResourceServerBuilder) -> Self {
        let fleet = Fleet::builder().store(store.clone(), ring()).build();
        let fleet = fleet.unwrap();
        let server = server.fleet(fleet.clone()).build().unwrap();
        Self {
            logout: BackchannelLogout::new(&server, &fleet, CLIENT).unwrap(),
            events: SecurityEvents::new(&server, &fleet, CLIENT).unwrap(),
            server,
            store,
        }
    }

    /// Posts a logout token.
    pub(crate) async fn log_out(&self, token: &str) -> Response<String> {
        send(&self.logout, form(&[("logout_token", token)])).await
    }

    /// Pushes a security event token.
    pub(crate) async fn push(&self, token: &str) -> Response<String> {
        send(&self.events, pushed(token)).await
    }
}

pub(crate) fn form(pairs: &[(&str, &str)]) -> Request<Full<Bytes>> {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(pairs);
    post("application/x-www-form-urlencoded", form.finish())
}

pub(crate) fn pushed(token: &str) -> Request<Full<Bytes>> {
    post("application/secevent+jwt", token.to_owned())
}

pub(crate) fn post(content_type: &str, body: String) -> Request<Full<Bytes>> {
    let request = Request::post("/").header("content-type", content_type);
    request.body(Full::from(body)).unwrap()
}

/// Sends a request to one of the services.
pub(crate) async fn send<S, B>(service: &S, request: Request<B>) -> Response<String>
where
    S: Service<Request<B>, Response = Response<Full<Bytes>>, Error = std::convert::Infallible>
        + Clone,
{
    let response = service.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let body = String::from_utf8(body.to_vec()).unwrap();
    Response::from_parts(parts, body)
}

/// A header of a response; empty if it is absent.
pub(crate) fn header<'r>(response: &'r Response<String>, name: &str) -> &'r str {
    let value = response.headers().get(name);
    value.map_or("", |value| value.to_str().unwrap())
}

/// A logout token of this issuer.
pub(crate) fn logout(idp: &FakeIssuer, user: &str) -> TokenBuilder {
    idp.signed(idp.mint().logout_token(user, CLIENT))
}

/// A security event token of this issuer, for a user of its own.
pub(crate) fn event(idp: &FakeIssuer, event: &str, user: &str) -> TokenBuilder {
    let subject = serde_json::json!({
        "format": "iss_sub", "iss": idp.id().as_str(), "sub": user,
    });
    let token = idp.mint().security_event(event, user).audience(CLIENT);
    idp.signed(token).claim("sub_id", subject)
}
