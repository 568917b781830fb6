use serde_json::Value;

/// Members of a JSON object in order, each with the text of its value.
///
/// A name may repeat, and a value need not be JSON.
#[derive(Clone, Debug, Default)]
pub struct Members(Vec<(String, String)>);

impl Members {
    /// The members of an object.
    pub fn of(object: &Value) -> Self {
        let members = object.as_object().unwrap().iter();
        Self(members.map(|(n, v)| (n.clone(), v.to_string())).collect())
    }

    /// The text of the value of the first member of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(n, _)| n == name)?;
        Some(value)
    }

    /// The text of the value of a member that must exist.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap()
    }

    /// Removes every member of that name.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| n != name);
    }

    /// Sets the first member of that name, or adds one.
    pub fn set(&mut self, name: &str, text: impl Into<String>) {
        match self.0.iter_mut().find(|(n, _)| n == name) {
            Some((_, value)) => *value = text.into(),
            None => self.repeat(name, text),
        }
    }

    /// Adds a member, even if one of that name exists.
    pub fn repeat(&mut self, name: &str, text: impl Into<String>) {
        self.0.push((name.to_owned(), text.into()));
    }

    /// The object as JSON text.
    pub fn json(&self) -> String {
        let members = self.0.iter().map(|(n, v)| format!("\"{n}\":{v}"));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    }
}
