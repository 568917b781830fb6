mod exact;
mod lookup;
mod template;

use obo_core::{Audience, ConfigError};

use crate::outbound::destination::{Destination, Destinations};

fn audience(name: &str) -> Audience {
    Audience::new(name).unwrap()
}

fn destination(uri: &str) -> Result<Destination, ConfigError> {
    Destination::new(uri, audience("b"))
}

/// The audience of the tokens for a request to `uri`; `None` if it is denied.
fn audience_at(known: &Destinations, uri: &str) -> Option<String> {
    let target = known.find(&uri.parse().ok()?)?.target;
    Some(target.audiences()[0].to_string())
}
