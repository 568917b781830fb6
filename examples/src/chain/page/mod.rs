//! A live picture of the chain: a page on loopback with buttons for all that can happen.
//!
//! The services write audit records, as in production. The page reads them as `obo trace` reads the
//! logs of many services, and draws the chains with the same renderer.

mod action;
mod binding;
mod guard;
mod records;
mod shown;
mod token;
mod view;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::middleware::from_fn_with_state;
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use axum::{Router, http::StatusCode};
use obo_audit::page::live;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};
use tokio_stream::wrappers::ReceiverStream;

use self::action::{Action, Users};
use self::guard::Guard;
use self::records::Records;
use self::view::Selection;
use super::Chain;
use crate::BoxError;

/// The page, before it is served.
#[derive(Debug)]
pub struct Page {
    chain: Chain,
    records: Records,
    /// One action at a time. The page is drawn between actions.
    users: Mutex<Users>,
}

impl Page {
    /// Makes the page of a chain. From now on the services' records are kept in memory.
    ///
    /// # Errors
    ///
    /// If this process has a subscriber of `tracing` already.
    pub fn new(chain: Chain) -> Result<Self, BoxError> {
        let records = Records::collect()?;
        chain.watch.start();
        Ok(Self {
            chain,
            records,
            users: Mutex::default(),
        })
    }

    /// Serves the page on this port of loopback, or on a free one if it is 0. Prints its address.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound.
    pub async fn serve(self, port: u16) -> Result<(), BoxError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|error| format!("listen: {address}: {error}"))?;
        let address = listener.local_addr()?;
        let router = self.router(address);
        println!("the page is at http://{address}/, until Ctrl-C");
        Ok(axum::serve(listener, router).await?)
    }

    fn router(self, address: SocketAddr) -> Router {
        let guard = Arc::new(Guard::new(address));
        Router::new()
            .route("/", get(whole))
            .route("/events", get(events))
            .route("/actions/{name}", post(act))
            .layer(from_fn_with_state(guard, guard::check))
            .with_state(Arc::new(self))
    }

    /// The content of the page's element `main`.
    async fn main(&self, selection: &Selection) -> String {
        let users = self.users.lock().await;
        view::main(&self.chain, &users, self.records.chains(), selection)
    }
}

async fn whole(State(page): State<Arc<Page>>, RawQuery(query): RawQuery) -> Html<String> {
    let main = page.main(&Selection::parse(query.as_deref())).await;
    Html(live::html("The chain, live", &main, "/events"))
}

async fn act(State(page): State<Arc<Page>>, Path(name): Path<String>) -> impl IntoResponse {
    let Some(action) = Action::named(&name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut users = page.users.lock().await;
    users.act(&page.chain, action).await;
    drop(users);
    page.records.changed();
    Redirect::to("/").into_response()
}

/// The content of `main`, now and after each change.
async fn events(
    State(page): State<Arc<Page>>,
    RawQuery(query): RawQuery,
) -> Sse<ReceiverStream<Result<Event, Infallible>>> {
    let selection = Selection::parse(query.as_deref());
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let mut changes = page.records.changes();
        let mut sent = String::new();
        loop {
            let main = page.main(&selection).await;
            if main != sent {
                let event = Event::default().data(&main);
                if sender.send(Ok(event)).await.is_err() {
                    break;
                }
                sent = main;
            }
            tokio::select! {
                () = sender.closed() => break,
                changed = changes.changed() => if changed.is_err() { break },
            }
        }
    });
    Sse::new(ReceiverStream::new(receiver))
}
