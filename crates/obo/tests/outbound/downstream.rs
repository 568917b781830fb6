//! A stand-in for the called service: records its requests and requires to be polled ready.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::mem;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderValue, Request, Response, header};
use tower::Service;

#[derive(Default)]
pub(crate) struct Downstream {
    received: Arc<Mutex<Vec<HeaderMap>>>,
    /// Its responses, in this order; 200 afterwards.
    replies: Arc<Mutex<VecDeque<Response<()>>>>,
    ready: bool,
}

impl Downstream {
    pub(crate) fn received(&self) -> Vec<HeaderMap> {
        self.received.lock().unwrap().clone()
    }

    /// Sets the response to the next request that has none yet.
    pub(crate) fn reply(&self, status: u16, headers: &[(&'static str, &'static str)]) {
        let mut response = Response::builder().status(status);
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let mut replies = self.replies.lock().unwrap();
        replies.push_back(response.body(()).unwrap());
    }

    /// The single `Authorization` value of the last request.
    pub(crate) fn authorization(&self) -> HeaderValue {
        let headers = self.received().pop().expect("a request");
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let value = values.next().expect("an Authorization header").clone();
        assert!(values.next().is_none(), "several Authorization headers");
        value
    }
}

impl Clone for Downstream {
    /// A clone must be polled ready again, as with a concurrency limit.
    fn clone(&self) -> Self {
        Self {
            received: Arc::clone(&self.received),
            replies: Arc::clone(&self.replies),
            ready: false,
        }
    }
}

impl<B> Service<Request<B>> for Downstream {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        assert!(mem::take(&mut self.ready), "called without being ready");
        let mut received = self.received.lock().unwrap();
        received.push(request.headers().clone());
        let reply = self.replies.lock().unwrap().pop_front();
        ready(Ok(reply.unwrap_or_default()))
    }
}
