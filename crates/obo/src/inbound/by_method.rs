//! Entries such as `"/path"` and `"GET /path"`: values by path and method.

use http::Method;
use obo_core::ConfigError;

/// The methods that an entry may have. The list is closed: requests with the method that was meant
/// would otherwise match another entry of the path.
const METHODS: &str = "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE CONNECT QUERY";

/// The values of one path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ByMethod<T> {
    any: Option<T>,
    methods: Vec<(Method, T)>,
}

impl<T> Default for ByMethod<T> {
    fn default() -> Self {
        Self {
            any: None,
            methods: Vec::new(),
        }
    }
}

impl<T> ByMethod<T> {
    /// Adds the value of one method, or of all methods without an own value.
    pub(crate) fn insert(&mut self, entry: &Entry<'_>, value: T) -> Result<(), ConfigError> {
        let is_twice = match &entry.method {
            None => self.any.replace(value).is_some(),
            Some(method) => {
                let is_twice = self.own(method).is_some();
                self.methods.push((method.clone(), value));
                is_twice
            }
        };
        if is_twice {
            let hint = if entry.path.contains('{') {
                " (parameters match under any name)"
            } else {
                ""
            };
            let problem = format!("{:?} is listed twice{hint}; remove one entry", entry.text);
            return Err(ConfigError::new("path", problem));
        }
        Ok(())
    }

    /// The value of the method, for HEAD also that of GET, else that of all methods (RFC 9110
    /// section 9.3.2).
    pub(crate) fn get(&self, method: &Method) -> Option<&T> {
        let of_get = || self.own(&Method::GET).filter(|_| method == Method::HEAD);
        let own = self.own(method).or_else(of_get);
        own.or(self.any.as_ref())
    }

    /// The methods with a value of their own.
    pub(crate) fn methods(&self) -> impl Iterator<Item = &Method> {
        self.methods.iter().map(|(method, _)| method)
    }

    /// The values, each with its method, or `None` for all other methods.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Option<&Method>, &T)> {
        let own = self
            .methods
            .iter()
            .map(|(method, value)| (Some(method), value));
        own.chain(self.any.iter().map(|value| (None, value)))
    }

    fn own(&self, method: &Method) -> Option<&T> {
        let mut methods = self.methods.iter();
        let (_, value) = methods.find(|(listed, _)| listed == method)?;
        Some(value)
    }
}

/// The text of an entry: a path, or a method and a path.
pub(crate) struct Entry<'e> {
    text: &'e str,
    method: Option<Method>,
    pub(crate) path: &'e str,
}

impl<'e> Entry<'e> {
    pub(crate) fn parse(text: &'e str) -> Result<Self, ConfigError> {
        let (method, path) = match text.split_once(' ') {
            Some((name, path)) if !name.starts_with('/') => (Some(named(name)?), path),
            Some(_) | None => (None, text),
        };
        Ok(Self { text, method, path })
    }
}

fn named(name: &str) -> Result<Method, ConfigError> {
    let method = (METHODS.split(' ')).find(|method| method.eq_ignore_ascii_case(name));
    let problem = match method {
        Some(method) if method == name => match method.parse() {
            Ok(method) => return Ok(method),
            Err(_) => format!("unknown method {name:?}"),
        },
        Some(method) => {
            format!("unknown method {name:?}: methods are case-sensitive, write `{method}`")
        }
        None => {
            let known = METHODS.replace(' ', ", ");
            format!(
                "unknown method {name:?}, expected one of {known}; for all methods write the path alone"
            )
        }
    };
    Err(ConfigError::new("method", problem))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::path::PathPattern;

    fn table(
        keys: &[&'static str],
    ) -> Result<HashMap<String, ByMethod<&'static str>>, ConfigError> {
        let mut table: HashMap<String, ByMethod<_>> = HashMap::new();
        for key in keys {
            let entry = Entry::parse(key)?;
            let path = PathPattern::exact(entry.path)?.as_str().to_owned();
            table.entry(path).or_default().insert(&entry, *key)?;
        }
        Ok(table)
    }

    /// BT-22
    #[test]
    fn method_entry_precedes_path_entry() {
        let table = table(&["GET /a", "/a", "GET /b", "POST /b", "GET /c", "HEAD /c"]).unwrap();
        let found = |method: Method, path: &str| match table.get(path) {
            Some(listed) => listed.get(&method).copied().unwrap_or("other methods"),
            None => "nothing",
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

    /// BT-22
    #[test]
    fn method_spelling_is_checked() {
        for (keys, problem) in [
            (&["get /a"][..], "write `GET`"),
            (&["Delete /a"], "write `DELETE`"),
            (&["DELET /a"], "expected one of GET, HEAD,"),
            (&["PROPFIND /a"], "write the path alone"),
            (&[" /a"], "expected one of"),
            (&["GET  /a"], "is not a path"),
            (&["GET a"], "is not a path"),
            (&["GET /a POST"], "is not a path"),
            (&["GET"], "is not a path"),
            (&["/a b"], "is not a path"),
            (&["GET /a", "GET /a"], "\"GET /a\" is listed twice"),
            (&["/a", "POST /a", "/a"], "\"/a\" is listed twice"),
        ] {
            let error = table(keys).unwrap_err();
            assert!(error.to_string().contains(problem), "{keys:?}: {error}");
        }
    }
}
