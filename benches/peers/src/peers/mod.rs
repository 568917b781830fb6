//! The peers, each set up as its own documentation recommends and as strictly as possible.

mod huskarl;
mod jwt_authorizer;
mod oauth_resource_server;
mod obo;
mod peer;
mod tower_oauth2;

pub(crate) use peer::{AUDIENCE, BASE, Peer, SCOPE, Trust, all};
