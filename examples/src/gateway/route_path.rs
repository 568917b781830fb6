use obo::is_unambiguous;
use serde::{Deserialize, Deserializer};

/// The path of a route: `/orders`, or `/orders/{*rest}` for all that is below.
#[derive(Clone, Debug)]
pub(super) struct RoutePath {
    /// What comes before the rest.
    start: String,
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
            start: start.to_owned(),
            has_rest,
        })
    }

    /// As axum spells it; `{*rest}` stands for at least one character.
    pub(super) fn patterns(&self) -> Vec<String> {
        let Self { start, has_rest } = self;
        match has_rest {
            false => vec![start.clone()],
            true => vec![format!("{start}/"), format!("{start}/{{*rest}}")],
        }
    }

    /// What comes after the start: empty, or from a slash on. `None` for what servers read differently, which may lead
    /// elsewhere.
    pub(super) fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        path.strip_prefix(&*self.start)
            .filter(|_| is_unambiguous(path))
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
