use std::fmt;

use obo::ConfigError;
use obo::path::{folded_path, is_unambiguous};
use serde::{Deserialize, Deserializer};

/// The path of a route: `/orders`, or `/orders/{*rest}` for all paths below it, which `/orders/` is not.
#[derive(Clone, Debug)]
pub(super) struct RoutePath {
    /// What comes before the rest.
    start: String,
    /// The start as servers may read it.
    folded: String,
    has_rest: bool,
}

impl RoutePath {
    fn parse(path: &str) -> Option<Self> {
        let (start, has_rest) = match path.strip_suffix('}').and_then(|p| p.rsplit_once("/{*")) {
            Some((start, name)) if is_name(name) => (start, true),
            _ => (path, false),
        };
        let is_written_out = start.bytes().all(|b| b.is_ascii_graphic())
            && !start.contains(['%', '?', '#', '*', ':', '{', '}']);
        let is_path = is_unambiguous(start) && !(has_rest && start.ends_with('/'));
        let is_all = start.is_empty() && has_rest;
        (is_written_out && (is_path || is_all)).then(|| Self {
            folded: folded_path(start).into_owned(),
            start: start.to_owned(),
            has_rest,
        })
    }

    /// Whether both stand for the same paths.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.start == other.start && self.has_rest == other.has_rest
    }

    /// Whether it is this very path.
    pub(super) fn is_exactly(&self, path: &str) -> bool {
        !self.has_rest && self.start == path
    }

    /// How long the start of `path` is that leads to this route for all paths below.
    pub(super) fn leads_to(&self, path: &str) -> Option<usize> {
        let below = path.strip_prefix(&*self.start).filter(|_| self.has_rest)?;
        (below.len() > 1 && below.starts_with('/')).then_some(self.start.len())
    }

    /// As [`leads_to`](Self::leads_to), for all that a server may read `folded` as, the root of this route among it.
    pub(super) fn may_lead_to(&self, folded: &str) -> Option<usize> {
        let below = folded.strip_prefix(&*self.folded)?;
        let is_it = below.is_empty() || self.has_rest && below.starts_with('/');
        // The root is no path below, and so closer to it than any that is.
        is_it.then_some(self.folded.len() + usize::from(below.is_empty()))
    }

    /// The path itself, of a route that is not for all that is below it.
    pub(super) fn exact(&self) -> Result<&str, ConfigError> {
        match self.has_rest {
            false => Ok(&self.start),
            true => {
                let problem = "is a pattern, and `public` is for one path; write it out";
                Err(ConfigError::new("path", problem))
            }
        }
    }

    /// What comes after the start: empty, or from a slash on. `None` for what servers read differently, which may lead
    /// elsewhere.
    pub(super) fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&*self.start)
            .filter(|_| is_unambiguous(path))
    }
}

impl fmt::Display for RoutePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = if self.has_rest { "/{*rest}" } else { "" };
        write!(f, "{}{rest}", self.start)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

impl<'de> Deserialize<'de> for RoutePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let path = String::deserialize(deserializer)?;
        Self::parse(&path).ok_or_else(|| {
            if path.contains("/:") {
                let problem = format!(
                    "{path:?} has a parameter with a colon; for all that is below a path write \"/orders/{{*rest}}\""
                );
                return serde::de::Error::custom(problem);
            }
            let problem = format!(
                "{path:?} is no path of a route; write one like \"/orders\", or \"/orders/{{*rest}}\" for all that is \
                 below, without escape, empty or dot segment"
            );
            serde::de::Error::custom(problem)
        })
    }
}
