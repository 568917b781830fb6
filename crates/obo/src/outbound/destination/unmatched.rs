use std::fmt;

use http::Uri;

use crate::path::is_unambiguous;

/// The most destinations that an error lists.
const MOST_LISTED: usize = 8;
/// The most characters of a path that an error quotes.
const MOST_QUOTED: usize = 200;

/// Why a request matches no destination: what it asked for, and what is configured there.
pub(crate) struct Unmatched<'a> {
    pub(crate) uri: &'a Uri,
    /// The destinations at the request's host, as they are configured.
    pub(crate) configured: Vec<String>,
    /// Whether the destination depends on the request's origin.
    pub(crate) needs_origin: bool,
}

impl fmt::Display for Unmatched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: String = self.uri.path().chars().take(MOST_QUOTED).collect();
        let Some(authority) = self.uri.authority() else {
            write!(f, "the request's URI {path:?} has no origin")?;
            return match self.needs_origin {
                true => f.write_str(
                    ", by which its destination is chosen; make the generated client `with_origin`",
                ),
                false => self.list(f),
            };
        };
        // User information is a credential.
        let authority = authority.as_str();
        let host_and_port = authority.rsplit_once('@').map_or(authority, |(_, it)| it);
        let scheme = self.uri.scheme_str().unwrap_or_default();
        write!(
            f,
            "{scheme}://{host_and_port} with path {path:?} is not a configured destination"
        )?;
        if host_and_port.len() < authority.len() {
            f.write_str(" (no URI with user information is)")?;
        }
        if !is_unambiguous(&path) {
            f.write_str(" (servers read this path differently)")?;
        }
        self.list(f)
    }
}

impl Unmatched<'_> {
    fn list(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.configured.is_empty() {
            return f.write_str("; nothing is configured at this host");
        }
        let listed: Vec<_> = self.configured.iter().take(MOST_LISTED).collect();
        for (i, place) in listed.iter().enumerate() {
            let separator = if i == 0 { "; configured: " } else { ", " };
            write!(f, "{separator}{place}")?;
        }
        match self.configured.len() - listed.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}
