use foldhash::{HashMap, HashMapExt as _};
use obo_core::ConfigError;

use super::pattern::{Segment, first_segment};
use super::{PathPattern, folded_path, is_unambiguous};

/// Values by path, such as rules or routes, which no other spelling of a path can bypass.
///
/// An exact path takes precedence over patterns, and a more specific pattern over a wider one. If
/// some server may read a path as one of a more specific entry, no wider pattern matches it.
/// [`find`](Self::find) returns which case it is.
///
/// ```
/// use obo::path::{PathMatch, PathPattern, PathTable};
///
/// let table = PathTable::new(vec![
///     (PathPattern::new("/orders/{id}")?, "order"),
///     (PathPattern::new("/orders/admin")?, "admin"),
///     (PathPattern::new("/{*rest}")?, "others"),
/// ])?;
///
/// assert_eq!(table.find("/orders/7"), PathMatch::Listed(&"order"));
/// assert_eq!(table.find("/orders/admin"), PathMatch::Listed(&"admin"));
/// // Some servers read it as `/orders/admin`.
/// assert_eq!(table.find("/orders/Admin"), PathMatch::Near);
/// // Some read it as `/orders/7`, so `/{*rest}` does not get it.
/// assert_eq!(table.find("/orders/7/"), PathMatch::Near);
/// assert_eq!(table.find("/orders/../admin"), PathMatch::Ambiguous);
/// # Ok::<(), obo::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct PathTable<T> {
    entries: Vec<(PathPattern, T)>,
    by_text: HashMap<String, usize>,
    folded: Node,
}

/// The outcome of [`PathTable::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathMatch<'t, T> {
    /// The value of the entry that matches the path.
    Listed(&'t T),
    /// Some servers may read the path as another one that is listed: it differs by letter case, a
    /// slash at the end or escapes, or it is `/orders` or `/orders/` if `/orders/{id}` or
    /// `/orders/{*rest}` is listed.
    Near,
    /// Servers read the path in different ways (see [`is_unambiguous`]).
    Ambiguous,
    /// No entry matches the path or is near it.
    Unlisted,
}

impl<T> PathTable<T> {
    /// Builds a table of patterns and their values.
    ///
    /// # Errors
    ///
    /// Fails if a pattern is listed twice. Also fails if two patterns overlap and neither is more
    /// specific, such as `/{a}/lines` and `/orders/{b}`, unless the path that both match is listed
    /// too.
    pub fn new(entries: Vec<(PathPattern, T)>) -> Result<Self, ConfigError> {
        check_overlaps(&entries)?;
        let mut by_text = HashMap::with_capacity(entries.len());
        let mut folded = Node::default();
        for (i, (pattern, _)) in entries.iter().enumerate() {
            by_text.insert(pattern.as_str().to_owned(), i);
            let shape = pattern.shape();
            let listed = folded.at(&shape).get_or_insert_default();
            // An exact path is found by its text.
            if !pattern.is_exact() {
                listed.push(i);
            }
            if let Some(root) = root(&shape) {
                folded.at(root).get_or_insert_default();
            }
        }
        Ok(Self {
            entries,
            by_text,
            folded,
        })
    }

    /// Finds the entry for the path of a request, as it was sent, without the query.
    pub fn find(&self, path: &str) -> PathMatch<'_, T> {
        match self.find_entry(path) {
            PathMatch::Listed((_, value)) => PathMatch::Listed(value),
            PathMatch::Near => PathMatch::Near,
            PathMatch::Ambiguous => PathMatch::Ambiguous,
            PathMatch::Unlisted => PathMatch::Unlisted,
        }
    }

    /// As [`find`](Self::find), with the pattern.
    pub(crate) fn find_entry(&self, path: &str) -> PathMatch<'_, (PathPattern, T)> {
        if let Some(entry) = self.entry(path).filter(|(pattern, _)| pattern.is_exact()) {
            return PathMatch::Listed(entry);
        }
        if !is_unambiguous(path) {
            return PathMatch::Ambiguous;
        }
        let Some(nearest) = self.folded.find(&folded_path(path)) else {
            return PathMatch::Unlisted;
        };
        let mut nearest = nearest.iter().filter_map(|i| self.entries.get(*i));
        match nearest.find(|(pattern, _)| pattern.matches(path)) {
            Some(entry) => PathMatch::Listed(entry),
            None => PathMatch::Near,
        }
    }

    /// The entries in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = (&PathPattern, &T)> {
        self.entries.iter().map(|(pattern, value)| (pattern, value))
    }

    /// Returns the value of the entry with this text, for a router that names the pattern of a
    /// request's route.
    pub fn get(&self, text: &str) -> Option<&T> {
        self.entry(text).map(|(_, value)| value)
    }

    fn entry(&self, text: &str) -> Option<&(PathPattern, T)> {
        self.entries.get(*self.by_text.get(text)?)
    }
}

/// A tree of the listed paths by segment, as servers may read them: in lower case, without a slash
/// at the end.
#[derive(Clone, Debug, Default)]
struct Node {
    fixed: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    /// The patterns that end here. Empty for an exact path and for the root of a pattern.
    ends: Option<Vec<usize>>,
    /// The patterns for everything below.
    rest: Option<Vec<usize>>,
}

impl Node {
    fn at(&mut self, shape: &[Segment<'_>]) -> &mut Option<Vec<usize>> {
        match shape {
            [] => &mut self.ends,
            [Segment::Rest, ..] => &mut self.rest,
            [Segment::Parameter, tail @ ..] => self.parameter.get_or_insert_default().at(tail),
            [Segment::Fixed(text), tail @ ..] => {
                let fixed = self.fixed.entry(text.to_ascii_lowercase());
                fixed.or_default().at(tail)
            }
        }
    }

    /// Finds the most specific patterns. A node has at most one child of each kind for a segment,
    /// so no node is visited twice.
    fn find(&self, path: &str) -> Option<&[usize]> {
        let Some(path) = path.strip_prefix('/') else {
            return self.ends.as_deref();
        };
        let (segment, below) = first_segment(path);
        let fixed = self.fixed.get(segment);
        fixed
            .and_then(|node| node.find(below))
            .or_else(|| self.parameter.as_ref()?.find(below))
            .or(self.rest.as_deref())
    }
}

/// The part of a pattern before its last parameter. Some servers may read it as the pattern with an
/// empty parameter.
fn root<'s, 'p>(shape: &'s [Segment<'p>]) -> Option<&'s [Segment<'p>]> {
    match shape {
        [root @ .., Segment::Parameter | Segment::Rest] => Some(root),
        [] | [.., Segment::Fixed(_)] => None,
    }
}

/// Rejects two patterns that overlap if neither is more specific.
fn check_overlaps<T>(entries: &[(PathPattern, T)]) -> Result<(), ConfigError> {
    let listed: Vec<_> = entries.iter().map(|(p, _)| (p, p.shape())).collect();
    let roots = listed.iter().filter_map(|(p, s)| Some((*p, root(s)?)));
    let read: Vec<_> = listed
        .iter()
        .map(|(p, s)| (*p, &**s))
        .chain(roots)
        .collect();
    // Two roots that are not listed do not matter, because both are denied.
    for (i, (one, shape)) in read.iter().enumerate().take(listed.len()) {
        for (other, other_shape) in read.iter().skip(i + 1) {
            let Some(both) = overlap(shape, other_shape) else {
                continue;
            };
            let is_both = |shape: &[Segment<'_>]| is_same(shape, &both);
            if one == other && is_same(shape, other_shape) {
                let problem = format!("\"{other}\" is listed twice; remove one entry");
                return Err(ConfigError::new("path", problem));
            }
            if !is_both(shape) && !is_both(other_shape) && !read.iter().any(|(_, s)| is_both(s)) {
                let problem = format!(
                    "\"{}\" may be read as \"{one}\" and as \"{other}\", and neither is more specific; list it too",
                    written(&both)
                );
                return Err(ConfigError::new("path", problem));
            }
        }
    }
    Ok(())
}

/// The pattern of the paths that both match, if there are any.
fn overlap<'p>(one: &[Segment<'p>], other: &[Segment<'p>]) -> Option<Vec<Segment<'p>>> {
    let mut both = Vec::new();
    let (mut one, mut other) = (one, other);
    loop {
        let (first, second) = match (one, other) {
            ([], []) => return Some(both),
            ([Segment::Rest, ..], longer @ [_, ..]) | (longer @ [_, ..], [Segment::Rest, ..]) => {
                both.extend(longer);
                return Some(both);
            }
            ([first, ..], [second, ..]) => (*first, *second),
            ([], [_, ..]) | ([_, ..], []) => return None,
        };
        both.push(match (first, second) {
            (Segment::Parameter, narrower) | (narrower, Segment::Parameter) => narrower,
            _ if is_alike(first, second) => first,
            _ => return None,
        });
        (one, other) = (one.get(1..)?, other.get(1..)?);
    }
}

fn is_same(one: &[Segment<'_>], other: &[Segment<'_>]) -> bool {
    one.len() == other.len() && one.iter().zip(other).all(|(a, b)| is_alike(*a, *b))
}

fn is_alike(one: Segment<'_>, other: Segment<'_>) -> bool {
    match (one, other) {
        (Segment::Fixed(a), Segment::Fixed(b)) => a.eq_ignore_ascii_case(b),
        (one, other) => one == other,
    }
}

fn written(shape: &[Segment<'_>]) -> String {
    let segment = |segment: &Segment<'_>| match segment {
        Segment::Fixed(text) => format!("/{text}"),
        Segment::Parameter => "/{id}".to_owned(),
        Segment::Rest => "/{*rest}".to_owned(),
    };
    match shape {
        [] => "/".to_owned(),
        [_, ..] => shape.iter().map(segment).collect(),
    }
}
