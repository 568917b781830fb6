use http::Uri;

use crate::path::is_unambiguous;

/// The most destinations that an error lists.
const MOST_LISTED: usize = 8;
/// The most other hosts that an error lists.
const MOST_HOSTS: usize = 4;
/// The most characters of a path that an error quotes.
const MOST_QUOTED: usize = 200;

/// Why a request matches no destination: its URI, and what is configured at its host, or else at
/// others.
///
/// `needs_origin` if the origin chooses the destination.
pub(super) fn unmatched(
    uri: &Uri,
    configured: &[String],
    hosts: &[String],
    needs_origin: bool,
) -> String {
    let path: String = uri.path().chars().take(MOST_QUOTED).collect();
    let Some(authority) = uri.authority() else {
        let chosen = match needs_origin {
            true => ", which chooses its destination; make the generated client by `with_origin`",
            false => &*list(configured, hosts),
        };
        return format!("the request's URI {path:?} has no origin{chosen}");
    };
    // User information is a credential.
    let authority = authority.as_str();
    let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
    let scheme = uri.scheme_str().unwrap_or_default();
    let user = match host_and_port.len() < authority.len() {
        true => " (user information is not allowed)",
        false => "",
    };
    let ambiguous = match is_unambiguous(&path) {
        true => "",
        false => " (servers may read this path in several ways)",
    };
    format!(
        "{scheme}://{host_and_port} with path {path:?} is not a configured destination{user}{ambiguous}{}",
        list(configured, hosts)
    )
}

fn list(configured: &[String], hosts: &[String]) -> String {
    if configured.is_empty() {
        return format!(
            "; nothing is configured at this host, but at {}; if tokens may go there, add a `Destination` (`[[destinations]]` \
             in a file)",
            cut(hosts, MOST_HOSTS)
        );
    }
    format!("; configured: {}", cut(configured, MOST_LISTED))
}

fn cut(all: &[String], most: usize) -> String {
    let (listed, more) = all.split_at(all.len().min(most));
    let listed = listed.join(", ");
    match more.len() {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}
