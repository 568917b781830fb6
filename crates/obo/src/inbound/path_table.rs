//! What is listed by path, or by method and path: rules, and what is open to everybody.
#![deny(
    clippy::wildcard_enum_match_arm,
    clippy::match_wildcard_for_single_variants,
    reason = "a case that is not named must not admit a request"
)]

use std::collections::{HashMap, HashSet};

use http::Method;
use obo_core::ConfigError;

use crate::path::{ExactPath, folded_path};

/// The methods that may be listed. It is a closed list, since a misspelt one would leave the method that was meant to
/// what is listed for its path.
const METHODS: [Method; 10] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
    Method::QUERY,
];

/// Values by `"/path"`, for all its methods, and by `"METHOD /path"`.
#[derive(Clone, Debug)]
pub(crate) struct PathTable<T> {
    listed: HashMap<ExactPath, Listed<T>>,
    folded: HashSet<String>,
}

#[derive(Clone, Debug)]
struct Listed<T> {
    any: Option<T>,
    methods: Vec<(Method, T)>,
}

/// What a table says of a request.
pub(crate) enum Found<'t, T> {
    Value(&'t T),
    /// The path is listed, though for other methods alone.
    OtherMethods,
    Nothing,
}

impl<T> Default for PathTable<T> {
    fn default() -> Self {
        Self {
            listed: HashMap::new(),
            folded: HashSet::new(),
        }
    }
}

impl<T> PathTable<T> {
    /// Lists a value; `field` is what a mistake is named by.
    pub(crate) fn insert(
        &mut self,
        field: &'static str,
        key: &str,
        value: T,
    ) -> Result<(), ConfigError> {
        let (method, path) = parse(field, key)?;
        self.folded.insert(folded_path(path.as_ref()).into_owned());
        let listed = self.listed.entry(path).or_insert_with(|| Listed {
            any: None,
            methods: Vec::new(),
        });
        let is_twice = match method {
            None => listed.any.replace(value).is_some(),
            Some(method) => {
                let is_twice = listed.of(&method).is_some();
                listed.methods.push((method, value));
                is_twice
            }
        };
        if is_twice {
            let problem = format!("{key:?} is listed twice; make it one entry");
            return Err(ConfigError::new(field, problem));
        }
        Ok(())
    }

    /// Whether some server reads the path as a listed one: it differs by letter case, a slash at the end or escapes.
    pub(crate) fn is_near(&self, path: &str) -> bool {
        self.folded.contains(&*folded_path(path))
    }

    /// The method's own value, of HEAD that of GET, else the path's (RFC 9110 section 9.3.2).
    pub(crate) fn find(&self, method: &Method, path: &str) -> Found<'_, T> {
        let Some(listed) = self.listed.get(path) else {
            return Found::Nothing;
        };
        let of_get = || listed.of(&Method::GET).filter(|_| method == Method::HEAD);
        let own = listed.of(method).or_else(of_get);
        match own.or(listed.any.as_ref()) {
            Some(value) => Found::Value(value),
            None => Found::OtherMethods,
        }
    }
}

impl<T> Listed<T> {
    fn of(&self, method: &Method) -> Option<&T> {
        let mut methods = self.methods.iter();
        let (_, value) = methods.find(|(listed, _)| listed == method)?;
        Some(value)
    }
}

fn parse(field: &'static str, key: &str) -> Result<(Option<Method>, ExactPath), ConfigError> {
    let (method, path) = match key.split_once(' ') {
        Some((name, path)) if !name.starts_with('/') => (Some(named(field, name)?), path),
        _ => (None, key),
    };
    Ok((method, ExactPath::parse(field, path)?))
}

fn named(field: &'static str, name: &str) -> Result<Method, ConfigError> {
    let is_it = |method: &Method| method.as_str() == name;
    METHODS.into_iter().find(is_it).ok_or_else(|| {
        let as_written = |method: &Method| method.as_str().eq_ignore_ascii_case(name);
        let problem = match METHODS.iter().find(|method| as_written(method)) {
            Some(method) => {
                format!("{name:?} is no method, for their case counts; write `{method}`")
            }
            None => {
                let known = METHODS.each_ref().map(Method::as_str).join(", ");
                format!("{name:?} is none of {known}; to list all methods, write the path alone")
            }
        };
        ConfigError::new(field, problem)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(keys: &[&'static str]) -> Result<PathTable<&'static str>, ConfigError> {
        let mut table = PathTable::default();
        for key in keys {
            table.insert("paths", key, *key)?;
        }
        Ok(table)
    }

    #[test]
    fn bt_22_a_method_has_its_own_entry_and_then_the_paths() {
        let table = table(&["GET /a", "/a", "GET /b", "POST /b", "GET /c", "HEAD /c"]).unwrap();
        let found = |method: Method, path: &str| match table.find(&method, path) {
            Found::Value(key) => key,
            Found::OtherMethods => "other methods",
            Found::Nothing => "nothing",
        };
        for (method, path, key) in [
            (Method::GET, "/a", "GET /a"),
            (Method::HEAD, "/a", "GET /a"),
            (Method::POST, "/a", "/a"),
            (Method::POST, "/b", "POST /b"),
            (Method::HEAD, "/b", "GET /b"),
            (Method::DELETE, "/b", "other methods"),
            (Method::from_bytes(b"get").unwrap(), "/b", "other methods"),
            (Method::GET, "/c", "GET /c"),
            (Method::HEAD, "/c", "HEAD /c"),
            (Method::GET, "/d", "nothing"),
            (Method::GET, "/a/", "nothing"),
        ] {
            assert_eq!(found(method.clone(), path), key, "{method} {path}");
        }
    }

    #[test]
    fn bt_22_a_method_is_written_as_requests_have_it() {
        for (keys, problem) in [
            (&["get /a"][..], "write `GET`"),
            (&["Delete /a"], "write `DELETE`"),
            (&["DELET /a"], "none of GET, HEAD,"),
            (&["PROPFIND /a"], "write the path alone"),
            (&[" /a"], "none of"),
            (&["GET  /a"], "no exact path"),
            (&["GET a"], "no exact path"),
            (&["GET /a POST"], "no exact path"),
            (&["GET"], "no exact path"),
            (&["/a b"], "no exact path"),
            (&["GET /a", "GET /a"], "\"GET /a\" is listed twice"),
            (&["/a", "POST /a", "/a"], "\"/a\" is listed twice"),
        ] {
            let error = table(keys).unwrap_err();
            assert_eq!(error.field(), "paths");
            assert!(error.to_string().contains(problem), "{keys:?}: {error}");
        }
    }
}
